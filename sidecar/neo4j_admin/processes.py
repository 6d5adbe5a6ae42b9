"""Runs neo4j-admin as real processes on Linux."""

import asyncio
import logging
import math
import os
import subprocess
from collections.abc import Callable
from contextlib import suppress

from shared.errors import BackupFailed, InternalError
from sidecar.neo4j_admin.carriers import UNKILLABLE_AFTER, Family
from sidecar.neo4j_admin.launch_failure import launch_failure
from sidecar.neo4j_admin.output_pipe import OutputPipe
from sidecar.neo4j_admin.proc import processes
from sidecar.neo4j_admin.runner import WORD_VARIABLE, Exit, Launch, Running

log = logging.getLogger(__name__)

_NICER = 10
_EXIT_POLL = 0.1


class ProcessRunner:
    """A ``Runner`` whose runs are processes with a session, a pipe and a low priority of their own.

    ``straggler_grace``: seconds from SIGTERM to SIGKILL for what outlives its launcher.
    ``unkillable_after``: seconds from SIGKILL until ``BackupFailed``.
    ``pidfd_open``: raises OSError where the kernel or a seccomp profile refuses it; then the exit
    is polled for.
    """

    def __init__(
        self,
        *,
        straggler_grace: float = 5.0,
        unkillable_after: float = UNKILLABLE_AFTER,
        pidfd_open: Callable[[int], int] = os.pidfd_open,
    ) -> None:
        self._straggler_grace = straggler_grace
        self._unkillable_after = unkillable_after
        self._pidfd_open = pidfd_open

    def start(self, launch: Launch, on_line: Callable[[bytes], None]) -> Running:
        """Start it; see ``Runner.start``."""
        loop = asyncio.get_running_loop()  # without one nothing may be started
        family = Family(launch.word)
        try:
            pipe = OutputPipe(on_line)
        except OSError as error:
            raise launch_failure(error, launch) from error
        try:
            launcher = _spawn(launch, pipe.write_end)
        except BaseException as error:
            pipe.close()
            if isinstance(error, OSError):
                raise launch_failure(error, launch) from error
            raise
        finally:
            os.close(pipe.write_end)
        family.led_by(launcher.pid)
        # The whole group: on a throttled core the launcher may have threads before we get here.
        with suppress(OSError):
            os.setpriority(os.PRIO_PGRP, launcher.pid, min(19, os.getpriority(os.PRIO_PROCESS, 0) + _NICER))
        return _ProcessRun(
            loop,
            launcher,
            family,
            pipe,
            straggler_grace=self._straggler_grace,
            unkillable_after=self._unkillable_after,
            pidfd_open=self._pidfd_open,
        )


def _spawn(launch: Launch, output: int) -> subprocess.Popen[bytes]:
    # Without a preexec_fn Popen uses vfork: its cost doesn't grow with our memory, and at no time
    # is there a child that shows our environment while we run.
    return subprocess.Popen(
        launch.arguments,
        env={**launch.environment, WORD_VARIABLE: launch.word},
        cwd=launch.folder,
        stdin=subprocess.DEVNULL if launch.held is None else launch.held,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        close_fds=True,
    )


class _ProcessRun:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        launcher: subprocess.Popen[bytes],
        family: Family,
        pipe: OutputPipe,
        *,
        straggler_grace: float,
        unkillable_after: float,
        pidfd_open: Callable[[int], int],
    ) -> None:
        self._launcher = launcher
        self._family = family
        self._pipe = pipe
        self._straggler_grace = straggler_grace
        self._unkillable_after = unkillable_after
        self._pidfd_open = pidfd_open
        self._kill_at = math.inf
        self._exited_or_ending = asyncio.Event()
        self._run = loop.create_task(self._see_through())
        # Not a `finally` of the task: a task that is cancelled before its first step has none.
        self._run.add_done_callback(self._clean_up)

    @property
    def pid(self) -> int:
        return self._launcher.pid

    async def wait(self) -> Exit:
        return await asyncio.shield(self._run)

    async def end(self, grace: float) -> None:
        if not self._run.done():
            self._kill_at = min(self._kill_at, asyncio.get_running_loop().time() + grace)
            self._family.terminate(self._family.living())
            self._exited_or_ending.set()
        with suppress(InternalError):  # a lost status doesn't keep it from having ended
            await self.wait()

    async def _see_through(self) -> Exit:
        reading = asyncio.create_task(self._pipe.read())
        try:
            await self._exit_or_end()
            await self._end_family()
            self._pipe.finish()
            await reading
            if (how := self._peek()) is None:
                raise InternalError(
                    f"the exit status of neo4j-admin (pid {self.pid}) was taken by somebody else",
                    hint="Nothing but the sidecar may wait for its processes, and SIGCHLD may not be ignored.",
                )
            return how
        finally:
            reading.cancel()
            await asyncio.wait({reading})

    async def _exit_or_end(self) -> None:
        """Return when the launcher has exited or is to be ended, whatever still holds the pipe."""
        try:
            handle = self._pidfd_open(self._launcher.pid)
        except OSError:
            while self._peek() is None and self._family.session and not self._exited_or_ending.is_set():
                await asyncio.sleep(_EXIT_POLL)
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(handle, self._exited_or_ending.set)
        try:
            await self._exited_or_ending.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)

    async def _end_family(self) -> None:
        if not (asked := self._kill_at < math.inf):
            self._kill_at = asyncio.get_running_loop().time() + self._straggler_grace
        left = await self._family.end(lambda: self._kill_at, self._unkillable_after)
        if left:
            raise BackupFailed(
                f"processes of neo4j-admin did not end {self._unkillable_after:g} s after SIGKILL: "
                + ", ".join(f"pid {pid}" for pid in left),
                hint="They wait in the kernel, mostly for a disk that doesn't answer: look at the pod's volumes.",
            )
        if self._family.seen and not asked:
            facts = {"pid": self.pid, "count": len(self._family.seen)}
            log.warning("neo4j-admin's launcher left processes behind; they were ended", extra=facts)

    def _peek(self) -> Exit | None:
        """Return how the launcher exited, and leave it a zombie: as long as it is one, its group's number is its own.

        None while it runs, and when somebody else has taken its status.
        """
        try:
            end = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            self._family.session = None
            return None
        if end is None:
            return None
        if end.si_code == os.CLD_EXITED:
            return Exit(status=end.si_status, signal=None)
        return Exit(status=None, signal=end.si_status)

    def _clean_up(self, run: asyncio.Task[Exit]) -> None:
        if run.cancelled():
            # The loop is being closed over our head: nobody will be there for a grace.
            self._family.kill(self._family.living())
            with suppress(subprocess.TimeoutExpired):
                self._launcher.wait(timeout=1)
        self._pipe.close()
        self._family.session = None  # with the reaping its number may become another's
        self._launcher.poll()
        self._reap_adopted()

    def _reap_adopted(self) -> None:
        # Where the daemon is PID 1 of its container, what the launcher left has become its child,
        # and nobody else will reap it. Not every zombie, since another Popen may want its own: a
        # child that was started here has our session or leads one, so one that has neither was
        # adopted; and the run's word is only in what descends from the launcher.
        daemon, session = os.getpid(), os.getsid(0)
        for process in processes():
            adopted = (
                process.session not in (session, process.pid) or (process.pid, process.started) in self._family.seen
            )
            if process.parent == daemon and process.ended and adopted and process.pid != self.pid:
                with suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)
