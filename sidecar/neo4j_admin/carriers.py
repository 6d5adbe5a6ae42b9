"""Finds and ends the processes of one run, wherever they have gone."""

import asyncio
import os
import signal
from collections.abc import Callable, Collection
from contextlib import suppress

from sidecar.neo4j_admin.proc import Process, processes, read_environment, read_process
from sidecar.neo4j_admin.runner import WORD_VARIABLE

UNKILLABLE_AFTER = 30.0
"""Seconds after SIGKILL at which a process counts as one that can't be ended."""

# One look isn't enough: a process that is just executing another program has no environment.
_LOOKS = 2
_BETWEEN_LOOKS = 0.01
_LONGEST_PAUSE = 0.25


async def end_carriers(word: str, grace: float) -> tuple[int, ...]:
    """End the processes that carry ``word``: SIGTERM, after ``grace`` seconds SIGKILL.

    Returns when two looks in a row find none, with ``()``; or 30 s after SIGKILL with the pids
    that are left, which wait in the kernel for a disk that doesn't answer.
    """
    kill_at = asyncio.get_running_loop().time() + grace
    return await Family(word).end(lambda: kill_at)


class Family:
    """The processes of one run: those that carry its word, and those in its launcher's session.

    ``session`` is the launcher's pid, and None from the moment that somebody may have reaped the
    launcher: until then no other process, group or session can have that number.
    """

    def __init__(self, word: str) -> None:
        if not word or "\0" in word:
            raise ValueError(f"a run's word can't be {word!r}: it would be found in processes that aren't ours")
        self.session: int | None = None
        self.seen: set[tuple[int, int]] = set()
        self._told: set[tuple[int, int]] = set()
        self._entry = f"\0{WORD_VARIABLE}={word}\0".encode()
        self._began = 0

    def led_by(self, launcher: int) -> None:
        """Take a child of ours that leads a session, and that nobody has reaped, as the family's first."""
        self.session = launcher
        if (process := read_process(launcher)) is not None:
            self._began = process.started

    def living(self) -> tuple[Process, ...]:
        """Look for them once."""
        found = tuple(process for process in processes() if self._has(process))
        self.seen.update((process.pid, process.started) for process in found)
        return found

    def terminate(self, living: Collection[Process]) -> None:
        """Send SIGTERM to those that haven't had it."""
        self._signal([p for p in living if (p.pid, p.started) not in self._told], signal.SIGTERM)
        self._told.update((process.pid, process.started) for process in living)

    def kill(self, living: Collection[Process]) -> None:
        """Send SIGKILL."""
        self._signal(living, signal.SIGKILL)

    async def end(self, kill_at: Callable[[], float], patience: float = UNKILLABLE_AFTER) -> tuple[int, ...]:
        """Terminate, and from ``kill_at`` on kill, until none is left; return the pids that can't be.

        ``kill_at`` is asked again and again, in the running loop's time.
        """
        time = asyncio.get_running_loop().time
        pause, killed_at = _BETWEEN_LOOKS, None
        looks = 0
        while looks < _LOOKS:
            if not (living := self.living()):
                looks += 1
                await asyncio.sleep(_BETWEEN_LOOKS if looks < _LOOKS else 0)
                continue
            looks = 0
            if (until_kill := kill_at() - time()) > 0:
                self.terminate(living)
                await asyncio.sleep(min(pause, until_kill))
            else:
                killed_at = time() if killed_at is None else killed_at
                if time() - killed_at > patience:
                    return tuple(process.pid for process in living)
                self.kill(living)
                await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        return ()

    def _has(self, process: Process) -> bool:
        # Those that are older than the launcher needn't be read, and it can be wise not to: reading
        # the environment of a JVM whose disk hangs, such as the server's beside us, may hang too.
        if process.ended or process.pid == os.getpid() or process.started < self._began:
            return False
        return process.session == self.session or self._entry in b"\0" + read_environment(process.pid)

    def _signal(self, living: Collection[Process], signum: signal.Signals) -> None:
        in_group = [process for process in living if process.group == self.session]
        if in_group:
            # All of a group at once: one that is forking can't slip through, as it could one by one.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(in_group[0].group, signum)
        for process in living:
            if process not in in_group:
                self._signal_one(process, signum)

    def _signal_one(self, process: Process, signum: signal.Signals) -> None:
        try:
            handle = os.pidfd_open(process.pid)
        except ProcessLookupError:
            return
        except OSError:  # an old kernel, or a seccomp profile that forbids it
            handle = None
        try:
            # The pid may be somebody else's by now. Whom the handle means stays the same, so if it
            # is one of ours after the handle was taken, the signal reaches it or nobody.
            if (now := read_process(process.pid)) is not None and self._has(now):
                if handle is None:
                    os.kill(process.pid, signum)
                else:
                    signal.pidfd_send_signal(handle, signum)
        except (ProcessLookupError, PermissionError):
            pass
        finally:
            if handle is not None:
                os.close(handle)
