"""Time as the trigger sees it: seconds that only grow, and waiting."""

import time
from typing import Protocol


class Clock(Protocol):
    """What the trigger asks of time."""

    def now(self) -> float:
        """Give seconds since a moment that stays the same; no change of the wall clock moves them."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Give CLOCK_MONOTONIC."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
