"""What the daemon's lines mean, read without trust: whatever isn't as agreed becomes a TransportError."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from shared.errors import BY_CODE, BackupError, Drained, SidecarBusy, TransportError
from shared.lifecycle import State
from shared.protocol import Check, Status
from shared.text import printable
from shared.wire import WireError, decode, is_request_name

_SHOWN = 200
_CODE_LIMIT = 64
_NO_SUCCESS = frozenset(State) - {State.SUCCEEDED}
_SAME_RELEASE = "Something else answers in its place, or it is another release: use the same release of both."

# Any, here and below: a JSON document; what is used of it goes through a model first.
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """A status as it is understood, and the document as it came, with the keys that aren't known here."""

    status: Status
    document: Line


class NoDaemon(TransportError):
    """The courier ran, and no daemon answered it.

    ``sent`` is False where the courier knows that nothing reached the daemon.
    """

    def __init__(self, message: str, *, hint: str = "", sent: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


def read_line(data: bytes) -> Line:
    """Read one line of an answer."""
    try:
        return decode(data)
    except WireError as error:
        raise _unfit(f"a line that can't be read ({error})", data) from error


def read_status(line: Line, asked_for: str | None = None) -> Told | None:
    """Give the line's status, None where it has none; one of another request than ``asked_for`` is refused."""
    if "status" not in line:
        return None
    document = line["status"]
    try:
        status = Status.model_validate(document)
    except ValidationError as error:
        raise _unfit(f"a status that can't be read ({_first_problem(error)})", line) from error
    if not is_request_name(status.id) or not _answers(status.id, asked_for):
        raise _unfit(f"the status of another request than {asked_for or 'one that could be'}", line)
    if status.exit_code is not None and not 0 <= status.exit_code <= 255:
        raise _unfit("an exit code that is none", line)
    if status.exit_code == 0 and status.state in _NO_SUCCESS:
        raise _unfit(f"success as the exit code of a request that {status.state}", line)
    return Told(status, document)


def read_check(line: Line) -> Check | None:
    """Give the line's check, None where it has none."""
    if "check" not in line:
        return None
    try:
        return Check.model_validate(line["check"])
    except ValidationError as error:
        raise _unfit(f"a check that can't be read ({_first_problem(error)})", line) from error


def read_text(line: Line) -> str | None:
    """Give the line's text, None where it has none."""
    text = line.get("text")
    if text is not None and not isinstance(text, str):
        raise _unfit("a text that is none", line)
    return text


def read_flag(line: Line, key: str) -> bool:
    """Give the line's ``key``, false where it isn't there."""
    flag = line.get(key, False)
    if not isinstance(flag, bool):
        raise _unfit(f"{key!r} that is neither true nor false", line)
    return flag


def read_error(line: Line) -> BackupError | None:
    """Give the error that the line ends the answer with, None where it is none.

    A code that isn't known keeps its name, its exit code and whether a retry is safe.
    """
    if "error" not in line:
        return None
    found = line["error"]
    if not isinstance(found, dict) or not isinstance(found.get("code"), str):
        raise _unfit("an error without a code", line)
    code, message, hint = found["code"], str(found.get("message", "")), str(found.get("hint", ""))
    if code == TransportError.code:
        return NoDaemon(message, hint=hint, sent=found.get("sent") is not False)
    if code == SidecarBusy.code and found.get("drained") is True:
        return Drained(message, hint=hint)
    known = BY_CODE.get(code) or _unknown(found)
    return known(message, hint=hint)


def _unknown(found: Mapping[str, Any]) -> type[BackupError]:
    exit_code, retryable = found.get("exit_code"), found.get("retryable")
    if not isinstance(exit_code, int) or not 0 < exit_code <= 255:
        exit_code = 1
    members = {
        "__doc__": "An error of a newer sidecar.",
        "code": printable(found["code"], _CODE_LIMIT),
        "exit_code": int(exit_code),
        "retryable": retryable is True,
    }
    return type("UnknownError", (BackupError,), members)


def _answers(name: str, asked_for: str | None) -> bool:
    return asked_for is None or name == asked_for or name.startswith(f"{asked_for}~")


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return printable(f"{where}: {first['msg']}" if where else first["msg"], _SHOWN)


def _unfit(what: str, came: bytes | Line) -> TransportError:
    text = came.decode("utf-8", "replace") if isinstance(came, bytes) else str(came)
    return TransportError(f"the sidecar sent {what}: {printable(text, _SHOWN)}", hint=_SAME_RELEASE)
