"""Time: the wall clock for people, the time since boot for decisions."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time that no change of the wall clock moves: seconds since the boot that ``boot`` names."""

    boot: str
    seconds: float

    def seconds_until(self, later: "Moment") -> float | None:
        """Give the seconds from here to ``later``, None where a reboot lies between."""
        return later.seconds - self.seconds if later.boot == self.boot else None


class Clock(Protocol):
    """What the daemon asks of time."""

    def now(self) -> datetime:
        """Give the wall clock's time in UTC; shown to people, never decided by."""

    def moment(self) -> Moment:
        """Give the time since boot, sleep of the machine included (CLOCK_BOOTTIME)."""


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self._boot = BOOT_ID.read_text().strip()

    def now(self) -> datetime:
        """Give the wall clock's time in UTC."""
        return datetime.now(UTC)

    def moment(self) -> Moment:
        """Give the time since this machine's boot."""
        return Moment(boot=self._boot, seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
