"""A request's document: its status as users read it, with what the daemon keeps beside it."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field

from shared.errors import EXHAUSTED_EXIT_CODE, BackupError
from shared.lifecycle import FINAL, ResultState, State
from shared.protocol import BackupRequest, Result, Status
from sidecar.clock import Moment

LAST_ATTEMPT = 3
HIGHEST = 1 << 53
"""Of numbers and revisions: what each of JSON's readers holds, and what nobody counts to who wasn't sent there."""
_Ordinal = Annotated[int, Field(ge=0, le=HIGHEST)]
_OWN_KEYS = frozenset({"number", "revision", "word", "taken", "attempt", "accepted_boot", "accepted_seconds"})
_ALWAYS = {
    "schema",
    "id",
    "state",
    "code",
    "message",
    "hint",
    "retryable",
    "request",
    "results",
    "accepted_at",
    "started_at",
    "ended_at",
    "exit_code",
    "output_tail",
}


class DatabaseResult(Result):
    """What became of one database, in the daemon's own words for states."""

    state: ResultState = ResultState.PENDING

    def changed(self, **changes: object) -> Self:
        """Give this result with ``changes``; values are taken as they are."""
        return self.model_copy(update=changes)


class Document(Status):
    """One request on the volume; frozen: a change is a new document.

    ``number`` orders the queue, ``revision`` is raised at every change of any document, ``word`` is the
    submitter's, ``taken`` the mailbox file that it was taken from, ``attempt`` 1 to 3.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    state: State
    results: tuple[DatabaseResult, ...] = ()
    number: _Ordinal
    revision: _Ordinal = 0
    word: str | None = None
    taken: str | None = None
    attempt: int = Field(default=1, ge=1, le=LAST_ATTEMPT)
    accepted_boot: str = ""
    accepted_seconds: float = Field(default=0.0, allow_inf_nan=False)

    @property
    def final(self) -> bool:
        """Say whether this document may never change again."""
        return self.state in FINAL

    @property
    def accepted_moment(self) -> Moment:
        """Give the time since boot at which the request was accepted."""
        return Moment(self.accepted_boot, self.accepted_seconds)

    @property
    def base_id(self) -> str:
        """Give the id without the attempt's suffix."""
        return self.id.partition("~")[0]

    def backup_request(self) -> BackupRequest:
        """Give the request as it was accepted."""
        return BackupRequest.model_validate(self.request)

    def changed(self, **changes: object) -> Self:
        """Give this document with ``changes``; values are taken as they are."""
        return self.model_copy(update=changes)

    def end(self, state: State, at: datetime, error: BackupError | None = None, message: str = "") -> Self:
        """Give this document in a final state; ``error`` says why where it isn't a success."""
        if error is None:
            return self.changed(state=state, ended_at=at, code=None, message=message, exit_code=0, retryable=False)
        exhausted = self.attempt >= LAST_ATTEMPT and state is State.FAILED
        return self.changed(
            state=state,
            ended_at=at,
            code=error.code,
            message=error.message,
            hint=error.hint,
            retryable=error.retryable and not exhausted,
            exit_code=EXHAUSTED_EXIT_CODE if exhausted else error.exit_code,
        )

    def to_json(self) -> bytes:
        """Give the document as it lies on the volume."""
        # Not indented: a shell greps one line, and each reader reads it whole.
        return (self.model_dump_json(by_alias=True) + "\n").encode()

    def public(self) -> dict[str, Any]:
        """Give the status as couriers are told it: promised keys always, others where they say something."""
        whole = self.model_dump(mode="json", by_alias=True, exclude=set(_OWN_KEYS))
        return {key: value for key, value in whole.items() if key in _ALWAYS or value}
