"""The documents that both programs read: a request, its status, a check."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.errors import RequestRejected
from shared.text import printable
from shared.wire import ID_RULE, is_id

SCHEMA = 1
DATABASES_LIMIT = 256
"""How many names or patterns one request may list."""


class BackupType(StrEnum):
    """What is asked of neo4j-admin; AUTO is a differential where one is possible, else a full."""

    FULL = "FULL"
    DIFF = "DIFF"
    AUTO = "AUTO"


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _known_id(value: str) -> str:
    if not is_id(value):
        raise ValueError(f"an id is {ID_RULE}")
    return value


def _distinct(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if value is not None and not value:
        raise ValueError("name at least one database, or leave the key out for every database")
    if value is not None and len(value) > DATABASES_LIMIT:
        raise ValueError(f"may list at most {DATABASES_LIMIT} names and patterns, not {len(value)}")
    return value if value is None else tuple(dict.fromkeys(name.lower() for name in value))


def _in_utc(value: datetime) -> datetime:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise ValueError("no calendar has this time in UTC") from None


# What a document tells may come from a stranger: numbers and times that can be reckoned with.
Count = Annotated[int, Field(ge=0, le=(1 << 63) - 1)]
Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Moment = Annotated[datetime, AfterValidator(_in_utc)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BackupRequest(_Frozen):
    """A backup that is asked for.

    ``path`` is neo4j-admin's target folder as it sees it; ``database`` are lower-case names and
    patterns, None for every database.
    """

    path: Annotated[str, Field(strict=True, min_length=1)]
    type: Annotated[BackupType, BeforeValidator(_upper)]
    database: Annotated[
        tuple[Annotated[str, Field(strict=True)], ...] | None,
        BeforeValidator(_listed),
        AfterValidator(_distinct),
    ] = None

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a request; RequestRejected names every key that is wrong and what it takes."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise RequestRejected(_explain(error, cls), hint=_EXAMPLE) from None


class MailboxRequest(BackupRequest):
    """A request as a shell writes it into ``backup.request``."""

    id: Annotated[str, Field(strict=True), AfterValidator(_known_id)] | None = None

    def request(self) -> BackupRequest:
        """Give the request without the mailbox's own key."""
        return BackupRequest(path=self.path, type=self.type, database=self.database)


class Submission(_Frozen):
    """What ``submit`` reads from its standard input.

    ``word`` is a random word of the asking process: the same id and word again mean that its answer
    was lost. ``job`` says that the id comes from a Job's UID, so that a retry is one.
    """

    request: dict[str, Any]
    word: Annotated[str, Field(strict=True, min_length=8, max_length=64, pattern=r"^[A-Za-z0-9]+$")]
    job: Annotated[bool, Field(strict=True)] = False

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a submission; RequestRejected says what is wrong with it."""
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise RequestRejected(_explain(error, cls)) from None


class _Read(BaseModel):
    """A document that a newer program may have written: keys that aren't known are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Result(_Read):
    """What became of one database of a request; sizes are bytes, ``lowest_tx`` and ``highest_tx`` append indexes."""

    database: str
    state: str
    code: str | None = None
    message: str = ""
    hint: str = ""
    type: str | None = None
    artifact: str | None = None
    size_bytes: Count | None = None
    lowest_tx: Count | None = None
    highest_tx: Count | None = None


class Progress(_Read):
    """What is being done now: a stage in words, the bytes on the disk so far, seconds since the run began."""

    database: str
    stage: str
    bytes: Count | None = None
    elapsed_seconds: Seconds = 0.0


class Status(_Read):
    """What became of a request; times are UTC, ``exit_code`` is there once it has ended."""

    schema_version: Annotated[int, Field(alias="schema")] = SCHEMA
    id: str
    state: str
    code: str | None = None
    message: str = ""
    hint: str = ""
    retryable: bool = False
    request: dict[str, Any] = Field(default_factory=dict)
    results: tuple[Result, ...] = ()
    warnings: tuple[str, ...] = ()
    accepted_at: Moment | None = None
    started_at: Moment | None = None
    ended_at: Moment | None = None
    exit_code: int | None = None
    output_tail: tuple[str, ...] = ()
    cancel_requested: bool = False
    progress: Progress | None = None

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @property
    def ended(self) -> bool:
        """Say whether this state is final, also where a newer sidecar calls it by a new name."""
        return self.exit_code is not None


class CheckState(StrEnum):
    """How one check came out."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Check(_Read):
    """One line of ``neo4j-backup check``: what was looked at, how it is, what to do about it."""

    name: str
    state: str
    message: str
    hint: str = ""


_EXAMPLE = 'A request looks like {"path": "/backups/nightly", "type": "FULL", "database": "neo4j"}.'
_PHRASES = {
    "missing": "is missing",
    "extra_forbidden": "is not a key that is known",
    "enum": "has to be FULL, DIFF or AUTO",
    "string_type": "has to be a string",
    "bool_type": "has to be true or false",
    "tuple_type": "has to be a name or a list of names",
    "dict_type": "has to be an object",
    "model_type": "has to be an object",
    "string_too_short": "may not be empty",
}


def _explain(error: ValidationError, model: type[BaseModel]) -> str:
    problems = []
    for entry in error.errors(include_url=False)[:8]:
        where = ".".join(str(part) for part in entry["loc"]) or "the document"
        said = _PHRASES.get(entry["type"], entry["msg"].removeprefix("Value error, "))
        problems.append(f"{printable(where, 64)!r} {said}")
    known = ", ".join(model.model_fields)
    return f"{'; '.join(problems)}. The keys are: {known}."
