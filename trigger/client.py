"""What can be asked of the daemon: submit, follow, cancel, get, list, log, facts, probe."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, TypeVar

from shared.durations import format_duration
from shared.errors import (
    BackupError,
    BackupInterrupted,
    ConfigurationError,
    IdTaken,
    RequestRejected,
    SidecarBusy,
    TransportError,
    WaitTimedOut,
)
from shared.protocol import Check
from shared.wire import Verb
from trigger.answers import Line, NoDaemon, Told, read_check, read_flag, read_status, read_text
from trigger.clock import Clock
from trigger.conversation import Conversation, Listener, Overdue
from trigger.transport.protocol import Leaving, Misdirected, Replaced, Transport

_REFUSED = (RequestRejected, IdTaken, SidecarBusy, ConfigurationError)
_QUICK_SECONDS = 10.0
"""A stream that didn't last so long was cut off."""
_LONGEST_PAUSE = 5.0
"""Before the next stream, where one after the other is cut off: an end that comes meanwhile is told so much later."""
T = TypeVar("T")


class Standing(Enum):
    """What is known of whether the request was accepted; of one that we didn't hand over, only that it is there."""

    UNASKED = auto()
    NO = auto()
    MAYBE = auto()
    YES = auto()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on, in seconds: until the first contact, while a backup can't be reached, in all.

    ``began`` is the clock's moment that ``timeout`` counts from, None for when the client is made.
    """

    connect_for: float = 30.0
    reconnect_for: float = 600.0
    timeout: float | None = None
    began: float | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to ``submit``; ``attached`` says that the request was there already."""

    told: Told
    attached: bool


@dataclass(frozen=True, slots=True)
class _Cut:
    """A stream that told something and ended before the request did: by this error, or as agreed."""

    error: TransportError | None


class Client:
    """One trigger's talk with one daemon."""

    def __init__(self, transport: Transport, listener: Listener, patience: Patience, clock: Clock) -> None:
        self._talk = Conversation(transport, listener, clock, patience.timeout, patience.began)
        self._listener = listener
        self._patience = patience
        self._clock = clock
        self.standing = Standing.UNASKED
        self.last: Told | None = None

    @property
    def sent(self) -> bool:
        """Say whether the last question got as far as beside the daemon."""
        return self._talk.sent

    def submit(self, request_id: str, request: Mapping[str, Any], *, job: bool = False) -> Submitted:
        """Hand over a request and give its status once it is accepted.

        While the answer stays away it is handed over again under the same id and word, and the daemon
        attaches. A daemon that is drained, and a place that is about to go, are waited out. Raises what the
        sidecar refuses it with, and TransportError.
        """
        self.standing = Standing.NO
        given = {"request": dict(request), "word": secrets.token_hex(16), "job": job}

        def attempt() -> Submitted:
            try:
                return self._hand_over(request_id, given, begins=True)
            except Leaving:
                if not self._is_there(request_id):
                    raise
                return self._hand_over(request_id, given, begins=False)

        try:
            submitted = self._talk.persist(
                lambda: self._weigh(attempt), limit=self._patience.connect_for, first_contact=True
            )
        except Overdue:
            raise self._overdue("the request") from None
        self.standing = Standing.YES
        self._hear(submitted.told)
        return submitted

    def follow(self, request_id: str) -> Told:
        """Tell the listener of every status until the request has ended, and give its last.

        Raises WaitTimedOut where the timeout is over first, TransportError where the daemon can't be reached
        for too long or was never until then, and BackupInterrupted where it has forgotten a request that it had.
        """
        cut_in_a_row = 0
        try:
            while True:
                began = self._clock.now()
                match self._reach(lambda: self._watch(request_id)):
                    case _Cut(error):
                        lasted = self._clock.now() - began
                        cut_in_a_row = cut_in_a_row + 1 if lasted < _QUICK_SECONDS else 0
                        self._after_cut(error, cut_in_a_row)
                    case told:
                        return told
        except Overdue:
            if self.standing is not Standing.YES:
                # Nobody knows of such a request so far, and its backup goes on nowhere.
                raise self._overdue("what it was asked") from None
            raise WaitTimedOut(
                f"the request {request_id} has not ended within {format_duration(self._patience.timeout or 0)}"
            ) from None
        except RequestRejected as error:
            if self.standing is not Standing.YES:
                raise
            raise BackupInterrupted(
                f"the sidecar doesn't know the request {request_id} any more, which it had accepted: "
                "its pod was replaced, and the request volume is new",
                hint="Ask for the backup again. What this one had finished is still in its target.",
            ) from error

    def cancel(self, request_id: str) -> Told:
        """Cancel a request; its status is given once the cancel is on the disk."""
        return self._one_status(Verb.CANCEL, request_id)

    def get(self, request_id: str) -> Told:
        """Give a request's status."""
        return self._one_status(Verb.GET, request_id)

    def list(self, limit: int) -> list[Told]:
        """Give the newest requests' statuses, the newest first."""

        def attempt() -> list[Told]:
            with self._talk.asking(Verb.LIST, None, {"limit": limit}) as lines:
                return [told for line in lines if (told := read_status(line)) is not None]

        return self._read(attempt)

    def log(self, request_id: str) -> "tuple[str, ...]":
        """Give the lines that neo4j-admin printed for a request."""

        def attempt() -> tuple[str, ...]:
            with self._talk.asking(Verb.LOG, request_id, {}) as lines:
                return tuple(text for line in lines if (text := read_text(line)) is not None)

        return self._read(attempt)

    def facts(self, path: str | None) -> Iterator[Check]:
        """Give the sidecar's own checks as they come, with those of the target ``path``; asks once."""
        with self._talk.asking(Verb.FACTS, None, {} if path is None else {"path": path}) as lines:
            for line in lines:
                if (check := read_check(line)) is not None:
                    yield check

    def probe(self) -> Line:
        """Give what the daemon says of itself; asks once."""
        found: Line = {}
        with self._talk.asking(Verb.PROBE, None, {}) as lines:
            for line in lines:
                if isinstance(probe := line.get("probe"), dict):
                    found = probe
        return found

    def _weigh(self, attempt: Callable[[], Submitted]) -> Submitted:
        """Make one attempt to submit, and keep what it tells of whether the request was accepted."""
        before = self.standing
        try:
            self.standing = Standing.MAYBE
            return attempt()
        except BaseException as error:
            # Also a signal's: who is interrupted is told where the request stands.
            nowhere = not self._talk.sent or isinstance(error, Misdirected | Leaving)
            if nowhere or (isinstance(error, NoDaemon) and not error.sent):
                self.standing = before
            elif isinstance(error, _REFUSED):
                # It would have attached to a request that an earlier attempt had brought in.
                self.standing = Standing.NO
            raise

    def _hand_over(self, request_id: str, given: Mapping[str, Any], *, begins: bool) -> Submitted:
        with self._talk.asking(Verb.SUBMIT, request_id, given, begins=begins) as lines:
            for line in lines:
                if (told := read_status(line, request_id)) is not None:
                    return Submitted(told, read_flag(line, "attached"))
        raise self._without_status()

    def _is_there(self, request_id: str) -> bool:
        """Say whether a place that is about to go has the request, and handing it over there would begin nothing."""
        try:
            status = self._ask_status(Verb.GET, request_id).status
        except BackupError:
            return False
        return not (status.ended and status.retryable)

    def _one_status(self, verb: Verb, request_id: str) -> Told:
        self.last = self._read(lambda: self._ask_status(verb, request_id))
        return self.last

    def _ask_status(self, verb: Verb, request_id: str) -> Told:
        with self._talk.asking(verb, request_id, {}) as lines:
            for line in lines:
                if (told := read_status(line, request_id)) is not None:
                    return told
        raise self._without_status()

    def _read(self, attempt: Callable[[], T]) -> T:
        try:
            return self._talk.persist(attempt, limit=self._patience.connect_for, first_contact=True)
        except Overdue:
            raise self._overdue("what it was asked") from None

    def _overdue(self, what: str) -> TransportError:
        message = f"{self._talk.place} did not answer {what} within {format_duration(self._patience.timeout or 0)}"
        if (trouble := self._talk.trouble) is None:
            return TransportError(message)
        return TransportError(f"{message}: {trouble.message}", hint=trouble.hint)

    def _reach(self, attempt: Callable[[], T]) -> T:
        known = self.standing is Standing.YES
        limit = self._patience.reconnect_for if known else self._patience.connect_for
        return self._talk.persist(attempt, limit=limit, first_contact=not known)

    def _watch(self, request_id: str) -> Told | _Cut:
        """Follow over one stream; raises TransportError only where nothing was told on it."""
        heard = False
        try:
            with self._talk.asking(Verb.FOLLOW, request_id, {}) as lines:
                for line in lines:
                    if (told := read_status(line, request_id)) is None:
                        continue
                    heard, self.standing = True, Standing.YES
                    self._hear(told)
                    if told.status.ended:
                        return told
        except Replaced as error:
            if self.standing is Standing.YES:
                raise BackupInterrupted(error.message, hint=error.hint) from error
            raise
        except TransportError as error:
            if not heard:
                raise
            return _Cut(error)
        if not heard:
            raise self._without_status()
        return _Cut(None)

    def _after_cut(self, error: TransportError | None, in_a_row: int) -> None:
        if error is None and in_a_row == 0:
            return
        longest = min(_LONGEST_PAUSE, 2.0 ** max(0, in_a_row - 1))
        seconds = 0.2 + (longest - 0.2) * secrets.randbelow(1000) / 1000
        if error is not None:
            self._listener.trouble(error, seconds)
        self._talk.pause(seconds)

    def _hear(self, told: Told) -> None:
        self.last = told
        self._listener.status(told)

    def _without_status(self) -> TransportError:
        return TransportError(f"{self._talk.place} answered without a status")
