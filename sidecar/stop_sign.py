"""The sign by which a request under way is told to end, and why."""

import asyncio
from typing import Any, TypeVar

from shared.errors import BackupError

Outcome = TypeVar("Outcome")


class StopSign:
    """Raised once; the first reason holds. ``event`` is set from then on."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self.error: BackupError | None = None

    def show(self, error: BackupError) -> None:
        """Have the request end with ``error``, unless it was told to end before."""
        if self.error is None:
            self.error = error
            self.event.set()

    def check(self) -> None:
        """Raise the reason where the sign is shown."""
        if self.error is not None:
            raise self.error

    async def guard(self, work: "asyncio.Future[Outcome]", seconds: float, late: BackupError) -> Outcome:
        """Give what ``work`` gives; raise the sign's reason, or ``late`` after so many seconds, and leave it behind.

        For work in a thread, which a disk that doesn't answer may hold for ever.
        """
        shown = asyncio.ensure_future(self.event.wait())
        try:
            both: set[asyncio.Future[Any]] = {work, shown}
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            self.check()
            raise late
        finally:
            shown.cancel()
            work.cancel()
