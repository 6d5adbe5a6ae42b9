"""The sign by which a request under way is told to end, and why."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from shared.errors import BackupError
from sidecar.threads import in_background, in_thread

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

    async def guard(
        self,
        work: Callable[[], Outcome],
        seconds: float,
        late: BackupError,
        unwanted: Callable[[Outcome], object] = lambda outcome: None,
    ) -> Outcome:
        """Give what ``work`` gives in a thread, which a disk that doesn't answer may hold for ever.

        Raise the sign's reason, or ``late`` after so many seconds, and leave it behind. ``unwanted`` gets an outcome
        that nobody is given.
        """
        doing = in_thread(work, unwanted)
        shown = asyncio.ensure_future(self.event.wait())
        given = False
        try:
            both: set[asyncio.Future[Any]] = {doing, shown}
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                given = True
                return doing.result()
            self.check()
            raise late
        finally:
            shown.cancel()
            # It may have come as we were cancelled.
            if not doing.cancel() and not given and doing.exception() is None:
                outcome = doing.result()
                in_background(lambda: unwanted(outcome))
