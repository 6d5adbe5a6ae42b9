"""Work that may wait for a disk, each in a thread of its own that nothing waits for."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from shared.errors import ConfigurationError

Outcome = TypeVar("Outcome")


class NoThread(ConfigurationError):
    """No further thread can be started, so that the work was not begun."""


def in_thread(
    work: Callable[[], Outcome], unwanted: Callable[[Outcome], object] = lambda outcome: None
) -> "asyncio.Future[Outcome]":
    """Run ``work`` in a new thread; its outcome comes into the running loop, NoThread where none can be started.

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
            tell(lambda: future.set_result(outcome), lambda: in_background(lambda: unwanted(outcome)))

    try:
        _start(run)
    except NoThread as error:
        future.set_exception(error)
    return future


async def in_time(work: Callable[[], Outcome], seconds: float, *, surely: bool = False) -> Outcome | None:
    """Run ``work`` in a thread and give its outcome, None where that takes more than so many seconds.

    Where no thread can be started, what is to be done ``surely`` is done in this one; else None.
    """
    doing = in_thread(work)
    done, _ = await asyncio.wait({doing}, timeout=seconds)
    if not done:
        doing.cancel()
        return None
    try:
        return doing.result()
    except NoThread:
        return work() if surely else None


def in_background(work: Callable[[], object]) -> None:
    """Run ``work`` in a thread that nobody asks after, in this one where none can be started."""
    try:
        _start(work)
    except NoThread:
        # As in a thread of its own, whose error nobody gets.
        with suppress(OSError):
            work()


def _start(work: Callable[[], object]) -> None:
    try:
        threading.Thread(target=work, name="disk", daemon=True).start()
    except RuntimeError as error:
        raise NoThread(
            f"the sidecar can't start a thread: {error}",
            hint="Its container, its user or its node may have no further process: see the limit of pids there.",
        ) from error
