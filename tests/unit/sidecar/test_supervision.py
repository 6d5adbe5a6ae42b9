"""Watching a run: a disk that doesn't answer costs one thread, however long it hangs, and is heard when it does."""

import asyncio
import selectors
import threading
import time
from collections.abc import Callable

from shared.errors import BackupError, BackupTimedOut, InsufficientSpace
from sidecar.neo4j_admin.runner import Launch
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
