"""Watching a run: a disk that hangs costs one thread, and neither what it says at last nor a cancel is lost."""

import asyncio
import selectors
import threading
import time
from collections.abc import Callable

import pytest

from shared.errors import BackupCancelled, BackupError, BackupFailed, BackupTimedOut, InsufficientSpace
from sidecar.conclusion import cancelled
from sidecar.neo4j_admin.runner import Exit, Launch
from sidecar.stop_sign import StopSign
from sidecar.supervision import Ended, supervise
from tests.fakes.runner import SUCCESS, TERMINATED, FakeRunner, Pause, Script

HOUR = 3600.0
FASTER = 5000.0
FULL = InsufficientSpace("the disk is full")


class _Hurried(selectors.EpollSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / FASTER)


class HurriedLoop(asyncio.SelectorEventLoop):
    """A loop whose hours last less than a second."""

    def __init__(self) -> None:
        super().__init__(_Hurried())

    def time(self) -> float:
        return super().time() * FASTER


def supervised(space: Callable[[], BackupError | None], hours: int = 1) -> Ended:
    """Give the end of a run that would take so long."""

    async def run() -> Ended:
        launch = Launch(arguments=("neo4j-admin",), environment={}, folder="/", word="word0001")
        running = FakeRunner([Script((Pause(hours * HOUR),))]).start(launch, lambda line: None)
        late = BackupTimedOut("it took twice as long")
        return await supervise(running, StopSign(), seconds=2 * hours * HOUR, late=late, grace=0, space=space)

    with asyncio.Runner(loop_factory=HurriedLoop) as runner:
        return runner.run(run())


def test_a_look_at_the_disk_that_hangs_is_the_only_one() -> None:
    looking: list[threading.Thread] = []
    answered = threading.Event()

    def space() -> None:
        looking.append(threading.current_thread())
        answered.wait(30)

    ended = supervised(space)
    answered.set()

    assert ended == Ended(SUCCESS)
    assert len(looking) == 1


def test_a_disk_that_has_hung_ends_the_run_when_it_answers_that_it_has_no_room() -> None:
    told: list[BackupError | None] = []

    def space() -> BackupError | None:
        # Ten minutes, as the run sees it.
        time.sleep(10 * 60 / FASTER if told else 0)
        told.append(FULL if told else None)
        return told[-1]

    assert supervised(space, hours=24) == Ended(TERMINATED, FULL)
    assert told == [None, FULL]


class Unkillable:
    """A run that waits in the kernel for a disk."""

    pid = 1

    async def wait(self) -> Exit:
        await asyncio.Event().wait()
        raise AssertionError

    async def end(self, grace: float) -> None:
        raise BackupFailed("processes of neo4j-admin did not end", hint="look at the volumes")


def test_a_run_that_cannot_be_ended_is_told_as_what_it_was_to_end_for_and_that_it_goes_on() -> None:
    async def run() -> None:
        sign = StopSign()
        sign.show(cancelled())
        late = BackupTimedOut("it took too long")
        await supervise(Unkillable(), sign, seconds=60, late=late, grace=0, space=lambda: None)

    with pytest.raises(BackupCancelled, match="cancelled; processes of neo4j-admin did not end") as told:
        asyncio.run(run())

    assert told.value.hint == "look at the volumes"
