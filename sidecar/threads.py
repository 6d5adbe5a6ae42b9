"""Work that may wait for a disk, each in a thread of its own that nothing waits for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Outcome = TypeVar("Outcome")


def in_thread(
    work: Callable[[], Outcome], unwanted: Callable[[Outcome], object] = lambda outcome: None
) -> "asyncio.Future[Outcome]":
    """Run ``work`` in a new thread; its outcome comes into the running loop.

    ``unwanted`` gets the outcome, in a thread too, where the future was cancelled before it came: what was opened
    has to be closed.

    Not ``asyncio.to_thread``: its few threads are shared, so that some disks that hang would hold up everything
    else, and Python waits for them at its end.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Outcome] = loop.create_future()

    def tell(set_outcome: Callable[[], object], drop: Callable[[], object]) -> None:
        # The loop may be closed by now.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: drop() if future.done() else set_outcome())

    def run() -> None:
        try:
            outcome = work()
        except BaseException as error:  # noqa: BLE001 - it is told where the work was asked for
            failure = error
            tell(lambda: future.set_exception(failure), lambda: None)
        else:
            tell(lambda: future.set_result(outcome), lambda: _start(lambda: unwanted(outcome)))

    _start(run)
    return future


async def in_time(work: Callable[[], Outcome], seconds: float) -> Outcome | None:
    """Run ``work`` in a thread and give its outcome, None where that takes more than so many seconds."""
    doing = in_thread(work)
    done, _ = await asyncio.wait({doing}, timeout=seconds)
    if done:
        return doing.result()
    doing.cancel()
    return None


def _start(work: Callable[[], object]) -> None:
    threading.Thread(target=work, name="disk", daemon=True).start()
