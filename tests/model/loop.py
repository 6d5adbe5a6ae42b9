"""An event loop whose time passes as good as only when nothing is left to do: hours of a daemon's life take none."""

import asyncio
import selectors
import threading
from collections.abc import Callable
from typing import Any

from tests.model.disk import Disk

Events = list[tuple[selectors.SelectorKey, int]]
TURN = 1e-6
"""Seconds that a turn of the loop takes; in no time at all a timer that fires a little early would do so for ever."""


class _Waiting(selectors.EpollSelector):
    """Waits for the daemon's threads, then for events that are there; else lets time pass."""

    def __init__(self, disk: Disk, passing: Callable[[float], None]) -> None:
        super().__init__()
        self.now = 0.0
        self.until = 0.0
        self.enough: Callable[[], bool] = lambda: True
        self.stop: Callable[[], None] = lambda: None
        self._disk = disk
        self._passing = passing

    def select(self, timeout: float | None = None) -> Events:
        self.join_threads()
        self.now += TURN
        events = super().select(0)
        if self._disk.dead or self.enough():
            self.stop()
        elif not events and timeout != 0:
            self._let_pass(self.until if timeout is None else min(self.until, self.now + timeout))
        return events

    def join_threads(self) -> None:
        """Let the threads that do the daemon's work on disks run to their end."""
        self._disk.turn.release()
        try:
            for thread in threading.enumerate():
                if thread.name == "disk":
                    thread.join()
        finally:
            self._disk.turn.acquire()

    def _let_pass(self, moment: float) -> None:
        if moment >= self.until:
            self.stop()
        if moment > self.now:
            self._passing(moment - self.now)
            self.now = moment


class TimelessLoop(asyncio.SelectorEventLoop):
    """Runs as the daemon's loop does, but for time: ``passing`` hears of each leap, in seconds.

    Threads run while the loop waits, to their end, so that a run of it is the same each time.
    """

    def __init__(self, disk: Disk, passing: Callable[[float], None]) -> None:
        self._waiting = _Waiting(disk, passing)
        super().__init__(self._waiting)
        self._waiting.stop = self.stop
        self._disk = disk
        # Any: what a task returns is nobody's business here.
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        return self._waiting.now

    def drive(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Run until so much time has passed, something is ``enough``, or the daemon is dead."""
        self._waiting.until = self._waiting.now + seconds
        self._waiting.enough = enough
        with self._disk.turn, self._disk.outside(False):
            self.run_forever()
            self._waiting.join_threads()

    def bury(self) -> None:
        """End all tasks of a dead daemon, which can write nothing any more, and close the loop."""
        assert self._disk.dead
        for _ in range(200):
            tasks: set[asyncio.Task[Any]] = asyncio.all_tasks(self)
            if not tasks:
                break
            for task in tasks:
                task.cancel()
            self.drive(60.0)
        else:
            raise AssertionError(f"tasks go on for ever: {asyncio.all_tasks(self)}")
        self.close()
