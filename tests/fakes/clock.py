"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

from sidecar.clock import Moment


class FakeClock:
    """Wall clock and time since boot, moved by hand and apart from each other."""

    def __init__(self) -> None:
        self.wall = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
        self.boot = "boot-1"
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.wall

    def moment(self) -> Moment:
        return Moment(self.boot, self.seconds)

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)
