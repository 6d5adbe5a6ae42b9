"""A Transport whose peers are scripts of the test: what they say, when they are silent, where they break."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from shared.errors import TransportError
from shared.wire import encode
from tests.fakes.time import FakeTime
from trigger.transport.lines import Lines, Tail
from trigger.transport.protocol import START_SECONDS, Exchange, Silence


@dataclass(frozen=True, slots=True)
class Say:
    """Bytes on standard output, cut wherever the test cuts them."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Mutter:
    """Bytes on standard error."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing for so many seconds of the fake time."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Break:
    """The stream breaks with this error; as the first step the place can't be reached at all."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Echo:
    """Says what was sent so far."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The command ends with this status, and the stream with it."""

    status: int | None = 0


@dataclass(frozen=True, slots=True)
class Slow:
    """As the first step: the command takes so many seconds of the fake time to start, where it is given them."""

    seconds: float


Step = Slow | Say | Mutter | Quiet | Break | Echo | Exit


def say(*lines: dict[str, object]) -> tuple[Say, ...]:
    """Say each object as a line."""
    return tuple(Say(encode(line)) for line in lines)


END: tuple[Step, ...] = (*say({"end": {"exit_code": 0}}), Exit(0))


class FakeTransport:
    """Gives each run its next script, or what ``script`` makes of its arguments."""

    def __init__(
        self,
        scripts: Iterable[Iterable[Step]] = (),
        *,
        time: FakeTime | None = None,
        script: Callable[[Sequence[str]], Iterable[Step]] | None = None,
    ) -> None:
        self.time = time or FakeTime()
        self.asked: list[tuple[str, ...]] = []
        self.begun: list[bool] = []
        self.exchanges: list[FakeExchange] = []
        self._scripts = deque(tuple(steps) for steps in scripts)
        self._script = script

    def describe(self) -> str:
        """Name the place."""
        return "the fake place"

    def run(self, arguments: Sequence[str], *, begins: bool = False, timeout: float = START_SECONDS) -> Exchange:
        """Start the next script."""
        self.asked.append(tuple(arguments))
        self.begun.append(begins)
        steps = tuple(self._script(arguments)) if self._script is not None else self._scripts.popleft()
        if steps and isinstance(steps[0], Break):
            raise steps[0].error
        if steps and isinstance(steps[0], Slow):
            self.time.pass_by(min(steps[0].seconds, timeout))
            if steps[0].seconds > timeout:
                raise TransportError("it did not start in time")
            steps = steps[1:]
        exchange = FakeExchange(steps, self.time)
        self.exchanges.append(exchange)
        return exchange

    @property
    def open(self) -> int:
        """How many exchanges were not closed."""
        return sum(not exchange.closed for exchange in self.exchanges)


@dataclass(slots=True)
class FakeExchange:
    """One run of a script."""

    steps: Sequence[Step]
    time: FakeTime
    sent: bytes = b""
    closed: bool = False
    exit_status: int | None = None
    _at: int = 0
    _waited: float = 0.0
    _lines: Lines = field(default_factory=Lines)
    _tail: Tail = field(default_factory=Tail)

    @property
    def stderr(self) -> str:
        """Give the last of standard error."""
        return self._tail.text()

    def send(self, data: bytes) -> None:
        """Keep what is sent."""
        self.sent += data

    def read_line(self, timeout: float) -> bytes | None:
        """Go on in the script until it gives a line; the fake time passes while it is quiet."""
        left = timeout
        while (line := self._lines.take()) is None and self._at < len(self.steps):
            match self.steps[self._at]:
                case Say(data):
                    self._lines.feed(data)
                case Mutter(data):
                    self._tail.feed(data)
                case Echo():
                    self._lines.feed(self.sent)
                case Quiet(seconds):
                    step = min(left, seconds - self._waited)
                    self.time.pass_by(step)
                    self._waited, left = self._waited + step, left - step
                    if self._waited < seconds:
                        raise Silence
                    self._waited = 0.0
                case Break(error):
                    self._at += 1
                    raise error
                case Exit(status):
                    self.exit_status = status
                    self._at = len(self.steps)
                    continue
            self._at += 1
        return line

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def __enter__(self) -> Self:
        """Give the exchange itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
