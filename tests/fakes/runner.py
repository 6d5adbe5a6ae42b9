"""A runner whose runs are played from scripts in this process; it passes the contract of the real one."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never

from shared.errors import ConfigurationError
from sidecar.neo4j_admin.lines import LineSplitter
from sidecar.neo4j_admin.runner import LINE_LIMIT, Exit, Launch, Running

SIGTERM, SIGKILL = 15, 9
FOREVER = 3600.0
SUCCESS = Exit(status=0, signal=None)
TERMINATED = Exit(status=None, signal=SIGTERM)
KILLED = Exit(status=None, signal=SIGKILL)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Print:
    """Print these bytes, newlines included."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Do:
    """Do something to the world, as neo4j-admin would: mostly write a file."""

    action: Callable[[Launch], None]


Step = Print | Pause | Do


@dataclass(frozen=True, slots=True)
class Script:
    """One run: its steps, how it ends after them, and what it makes of SIGTERM.

    ``on_sigterm`` is how SIGTERM ends it; None means that it ignores SIGTERM.
    """

    steps: tuple[Step, ...] = ()
    exit: Exit = SUCCESS
    on_sigterm: Exit | None = TERMINATED


def printing(*lines: str, status: int = 0) -> Script:
    """Return the script of a run that prints these lines and exits."""
    return Script(tuple(Print(line.encode() + b"\n") for line in lines), Exit(status=status, signal=None))


class FakeRunner:
    """Plays a script for each launch.

    ``scripts`` are played one after the other, or chosen by a function of the launch. An error in
    a script's place is raised by ``start``. ``launches`` are those that were asked for, ``runs``
    those that were started.
    """

    def __init__(
        self,
        scripts: Iterable[Script | ConfigurationError] | Callable[[Launch], Script | ConfigurationError],
    ) -> None:
        self._choose = scripts if callable(scripts) else _in_turn(scripts)
        self._pids = itertools.count(5_000_000)  # above Linux's highest
        self.launches: list[Launch] = []
        self.runs: list[FakeRun] = []

    def start(self, launch: Launch, on_line: Callable[[bytes], None]) -> Running:
        self.launches.append(launch)
        script = self._choose(launch)
        if isinstance(script, ConfigurationError):
            raise script
        run = FakeRun(next(self._pids), launch, script, on_line)
        self.runs.append(run)
        return run


def _in_turn(scripts: Iterable[Script | ConfigurationError]) -> Callable[[Launch], Script | ConfigurationError]:
    left = iter(scripts)

    def choose(launch: Launch) -> Script | ConfigurationError:
        try:
            return next(left)
        except StopIteration:
            raise AssertionError(f"no script is left for {launch.arguments}") from None

    return choose


class FakeRun:
    """One run in play. ``signals`` are those that it was sent, in order."""

    def __init__(self, pid: int, launch: Launch, script: Script, on_line: Callable[[bytes], None]) -> None:
        self._pid = pid
        self.launch = launch
        self.signals: list[int] = []
        self._script = script
        self._on_line = on_line
        self._splitter = LineSplitter(LINE_LIMIT)
        self._ended_by: Exit | None = None
        loop = asyncio.get_running_loop()
        self._playing = loop.create_task(self._play())
        self._kill: asyncio.TimerHandle | None = None
        self._run = loop.create_task(self._see_through())

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def ended(self) -> bool:
        """Say whether nothing of it is left."""
        return self._run.done()

    async def wait(self) -> Exit:
        return await asyncio.shield(self._run)

    async def end(self, grace: float) -> None:
        if not self._run.done():
            loop = asyncio.get_running_loop()
            if not self.signals:
                self._signal(SIGTERM, self._script.on_sigterm)
            kill_at = loop.time() + grace
            if self._kill is None or kill_at < self._kill.when():
                if self._kill is not None:
                    self._kill.cancel()
                self._kill = loop.call_at(kill_at, self._signal, SIGKILL, KILLED)
        await self.wait()

    def _signal(self, signum: int, ended_by: Exit | None) -> None:
        if not self._playing.done():
            self.signals.append(signum)
            if ended_by is not None:
                self._ended_by = ended_by
                self._playing.cancel()

    async def _see_through(self) -> Exit:
        with suppress(asyncio.CancelledError):
            await self._playing
        if self._kill is not None:
            self._kill.cancel()
        self._hand_over(self._splitter.rest())
        return self._ended_by or self._script.exit

    async def _play(self) -> None:
        for step in self._script.steps:
            await asyncio.sleep(0)
            match step:
                case Print(data):
                    self._hand_over(self._splitter.feed(data))
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case Do(action):
                    action(self.launch)
                case _:
                    assert_never(step)

    def _hand_over(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            try:
                self._on_line(line)
            except Exception:
                log.exception("a line could not be taken")
