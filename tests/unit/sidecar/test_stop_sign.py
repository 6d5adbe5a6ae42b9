"""What a guarded thread gives reaches somebody, or is undone: a file that was opened would stay open."""

import asyncio
import threading

from shared.errors import BackupTimedOut
from sidecar.stop_sign import StopSign
from tests.rig import wait_for

LATE = BackupTimedOut("late")


def test_an_outcome_that_comes_as_who_waits_is_cancelled_is_undone() -> None:
    undone: list[str] = []

    async def cancelled_at_once() -> None:
        opened = threading.Event()

        def work() -> str:
            opened.set()
            return "opened"

        waiting = asyncio.create_task(StopSign().guard(work, 60, LATE, undone.append))
        await asyncio.sleep(0)

        def cancel() -> None:
            # The outcome is handed over by then, and is before the waiter in the loop's next round, as the cancel is.
            opened.wait(10)
            _settle()
            waiting.cancel()

        asyncio.get_running_loop().call_soon(cancel)
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()

    asyncio.run(cancelled_at_once())

    wait_for(lambda: undone == ["opened"], 10)


def test_an_outcome_that_is_given_is_not_undone() -> None:
    undone: list[str] = []

    assert asyncio.run(StopSign().guard(lambda: "opened", 60, LATE, undone.append)) == "opened"

    assert undone == []


def _settle() -> None:
    """Let the thread hand over what it has: it has ended then."""
    for thread in threading.enumerate():
        if thread.name == "disk":
            thread.join(10)
