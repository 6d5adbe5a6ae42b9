"""Time that passes only when something waits."""


class FakeTime:
    """A clock that the test, a fake peer and every pause move on."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.pauses: list[float] = []

    def now(self) -> float:
        """Give the seconds."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self.pauses.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.seconds += max(0.0, seconds)
