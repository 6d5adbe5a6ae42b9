"""One question to the daemon and its answer, each wait within a deadline; asked again where the way there failed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from shared.durations import format_duration
from shared.errors import BackupError, Drained, TransportError
from shared.text import printable
from shared.wire import Verb, encode
from trigger.answers import Line, Told, read_error, read_line
from trigger.clock import Clock
from trigger.transport.protocol import START_SECONDS, Exchange, Leaving, Misdirected, Silence, Transport

SILENCE_SECONDS = 25.0
"""The daemon says something at least every 10 s, a courier within 20; without a line for this long it is lost.

A look at its place comes after that, and what is wrong is promised to be told within 30 s.
"""
TICK_SECONDS = 1.0
ANSWER_LIMIT = 64 * 1024 * 1024
"""Bytes of one whole answer. A log is 8 MiB, a quarter of an hour of statuses is 180 of them."""
BACKOFF_SECONDS = 15.0
"""The longest pause between two attempts."""
LAST_SECONDS = 10.0
"""How long an attempt has to begin, and at the first contact to be answered, at least: also where the time for all
attempts is nearly over."""
_STDERR_SHOWN = 300
_PASSING = (TransportError, Drained)
"""What may be otherwise after a while."""
_T = TypeVar("_T")


class Listener(Protocol):
    """Who is told meanwhile."""

    def status(self, told: Told) -> None:
        """Hear a status, also one that is as the one before."""

    def trouble(self, error: BackupError, again_in: float) -> None:
        """Hear why there is no answer now, or no more, and that it is asked for again in so many seconds."""

    def waiting(self) -> None:
        """Be called about once a second."""


class Overdue(Exception):
    """The timeout of the whole talk is over."""


class Conversation:
    """Asks over ``transport``. ``timeout`` is for all of it, in seconds from ``began`` on, or from now."""

    def __init__(
        self,
        transport: Transport,
        listener: Listener,
        clock: Clock,
        timeout: float | None = None,
        began: float | None = None,
    ) -> None:
        self._transport = transport
        self._listener = listener
        self._clock = clock
        self._deadline = None if timeout is None else (clock.now() if began is None else began) + timeout
        self._attempts_until: float | None = None
        self._first_contact = False
        self.sent = False
        """Whether the last question may have reached the daemon."""
        self.trouble: TransportError | Drained | None = None
        """Why the last attempt is made again."""

    @property
    def place(self) -> str:
        """Name the daemon's place, fit to be shown."""
        return printable(self._transport.describe(), 300)

    @contextmanager
    def asking(
        self, verb: Verb, request_id: str | None, given: Mapping[str, Any], *, begins: bool = False
    ) -> Iterator[Iterator[Line]]:
        """Ask, and give the answer's lines up to its ``end``; ``begins`` as a transport has it.

        The lines raise the error that the answer ends with, and TransportError where it is cut off, is
        unfit or stays away. Leaving the context hangs up.
        """
        self.sent = False
        words = [verb] if request_id is None else [verb, request_id]
        with self._transport.run(words, begins=begins, timeout=self._to_begin()) as exchange:
            self.sent = True
            # Also where a verb takes nothing: the courier reads one line before it asks the daemon.
            exchange.send(encode(given))
            yield self._lines(exchange)

    def persist(self, attempt: Callable[[], _T], *, limit: float, first_contact: bool) -> _T:
        """Make ``attempt`` until it raises nothing that may pass, with growing pauses, for ``limit`` seconds.

        TransportError and Drained may. At the first contact a place that isn't there is told at once.
        """
        began = self._clock.now()
        self._attempts_until, self._first_contact = began + limit, first_contact
        self.trouble = None
        growing = wait_random_exponential(multiplier=1, max=BACKOFF_SECONDS, min=0.2)

        def is_worth_it(error: BaseException) -> bool:
            return isinstance(error, _PASSING) and not (first_contact and isinstance(error, Misdirected))

        def wait(state: RetryCallState) -> float:
            return max(0.0, min(growing(state), began + limit - self._clock.now()))

        def is_over(_: RetryCallState) -> bool:
            return self._clock.now() - began >= limit

        def tell(state: RetryCallState) -> None:
            if state.outcome is not None and isinstance(error := state.outcome.exception(), _PASSING):
                self.trouble = error
                self._listener.trouble(error, state.upcoming_sleep)

        retrying = Retrying(
            retry=retry_if_exception(is_worth_it),
            wait=wait,
            stop=is_over,
            sleep=self.pause,
            before_sleep=tell,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _PASSING as error:
            took = self._clock.now() - began
            if is_worth_it(error) and took >= 1:
                raise self._lasting(error, took) from error
            raise
        finally:
            self._attempts_until, self._first_contact = None, False

    def pause(self, seconds: float) -> None:
        """Wait, and have the listener go on meanwhile; raises Overdue."""
        until = self._clock.now() + seconds
        while (left := until - self._clock.now()) > 0:
            self._clock.sleep(min(left, self._tick()))
            self._listener.waiting()

    def _lasting(self, error: TransportError | Drained, took: float) -> BackupError:
        """Give the error with how long it was so."""
        if isinstance(error, Drained | Leaving):
            return type(error)(f"{error.message}, for {format_duration(took)} now", hint=error.hint)
        message = f"{self.place} could not be reached for {format_duration(took)}: {error.message}"
        return TransportError(message, hint=error.hint)

    def _lines(self, exchange: Exchange) -> Iterator[Line]:
        taken = 0
        silence = self._to_answer()
        while (data := self._read(exchange, silence)) is not None:
            silence = SILENCE_SECONDS
            line = read_line(data)
            if (error := read_error(line)) is not None:
                raise error
            if "end" in line:
                return
            taken += len(data)
            if taken > ANSWER_LIMIT:
                raise TransportError(f"{self.place} sent an answer of more than {ANSWER_LIMIT} bytes")
            yield line
        raise self._cut_off(exchange)

    def _read(self, exchange: Exchange, silence: float) -> bytes | None:
        until = self._clock.now() + silence
        while (left := until - self._clock.now()) > 0:
            try:
                return exchange.read_line(min(left, self._tick()))
            except Silence:
                self._listener.waiting()
        raise TransportError(
            f"{self.place} has said nothing for {silence:.0f} s",
            hint="The sidecar, its machine or the network is slow or stuck: the sidecar's own log says more.",
        )

    def _tick(self) -> float:
        if self._deadline is None:
            return TICK_SECONDS
        left = self._deadline - self._clock.now()
        if left <= 0:
            raise Overdue
        return min(left, TICK_SECONDS)

    def _to_begin(self) -> float:
        """Give the seconds that a command has to start; raises Overdue."""
        now, until = self._clock.now(), self._attempts_until
        # All of it to one: it may be a person's login.
        given = START_SECONDS if until is None else max(LAST_SECONDS, until - now)
        if self._deadline is not None:
            given = min(given, self._deadline - now)
        if given <= 0:
            raise Overdue
        return given

    def _to_answer(self) -> float:
        """Give the seconds of silence before the first line of an answer."""
        if not self._first_contact or self._attempts_until is None:
            return SILENCE_SECONDS
        return min(SILENCE_SECONDS, max(LAST_SECONDS, self._attempts_until - self._clock.now()))

    def _cut_off(self, exchange: Exchange) -> TransportError:
        status = exchange.exit_status
        ended = "" if status is None else f"; the courier ended with {status}"
        said = printable(exchange.stderr.strip()[-_STDERR_SHOWN:])
        return TransportError(f"the answer from {self.place} was cut off{ended}{': ' + said if said else ''}")
