"""The errors that users meet: a class for each, with its stable code, its exit code and whether a retry is safe."""

from typing import Any, ClassVar


class BackupError(Exception):
    """What went wrong, told to a person.

    ``str(error)`` says what was wrong and what would have been right; ``hint`` says what to do.
    ``code`` is the word that appears in statuses, logs, metrics and tests; it never changes.
    ``exit_code`` is what ``neo4j-backup trigger`` exits with: below 10 a person has to look,
    from 10 on a retry as it stands is safe.
    """

    code: ClassVar[str]
    exit_code: ClassVar[int]
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.message!r}, hint={self.hint!r})"


class InternalError(BackupError):
    """A defect of ours: what happened is in the log with its traceback."""

    code = "internal_error"
    exit_code = 1


class BackupFailed(BackupError):
    """neo4j-admin ran and did not make a backup."""

    code = "backup_failed"
    exit_code = 3


class ArtifactUnverified(BackupError):
    """neo4j-admin reported success, and what it left does not prove it."""

    code = "artifact_unverified"
    exit_code = 3


class BackupTimedOut(BackupError):
    """A run took longer than ``NEO4J_BACKUP_TIMEOUT`` and was ended."""

    code = "backup_timed_out"
    exit_code = 3


class OutOfMemory(BackupError):
    """neo4j-admin was killed for want of memory, or its heap was too small."""

    code = "out_of_memory"
    exit_code = 3


class BackupCancelled(BackupError):
    """Somebody cancelled the request."""

    code = "backup_cancelled"
    exit_code = 3


class RequestRejected(BackupError):
    """The request is not one that could ever run."""

    code = "request_rejected"
    exit_code = 4


class IdTaken(BackupError):
    """The request's id belongs to another request, or to one that has ended."""

    code = "id_taken"
    exit_code = 4


class ConfigurationError(BackupError):
    """The sidecar can't run a backup as it is set up."""

    code = "configuration_error"
    exit_code = 5


class InsufficientSpace(BackupError):
    """The backup would not fit, or would take the space that is kept for the database."""

    code = "insufficient_space"
    exit_code = 5


class RequestExpired(BackupError):
    """The request waited so long for its turn that nobody wants it any more."""

    code = "request_expired"
    exit_code = 5


class WaitTimedOut(BackupError):
    """``--timeout`` is over; the backup goes on without us."""

    code = "wait_timed_out"
    exit_code = 6


class SidecarBusy(BackupError):
    """The sidecar's queue is full, or it starts nothing more."""

    code = "sidecar_busy"
    exit_code = 10
    retryable = True


class Drained(SidecarBusy):
    """The sidecar starts nothing more until its restart, or its pod's successor; then asking again may help."""


class BackupInterrupted(BackupError):
    """The backup was ended by a restart, a shutdown or the pod's replacement."""

    code = "backup_interrupted"
    exit_code = 11
    retryable = True


class TransportError(BackupError):
    """The sidecar could not be reached, or stopped answering."""

    code = "transport_error"
    exit_code = 12
    retryable = True


class UploadFailed(BackupError):
    """The backup is good and still on the volume, and did not reach the object store."""

    code = "upload_failed"
    exit_code = 13
    retryable = True


class ServerUnavailable(BackupError):
    """The run failed, and the server's backup port takes no connection."""

    code = "server_unavailable"
    exit_code = 14
    retryable = True


ERRORS: tuple[type[BackupError], ...] = (
    InternalError,
    BackupFailed,
    ArtifactUnverified,
    BackupTimedOut,
    OutOfMemory,
    BackupCancelled,
    RequestRejected,
    IdTaken,
    ConfigurationError,
    InsufficientSpace,
    RequestExpired,
    WaitTimedOut,
    SidecarBusy,
    BackupInterrupted,
    TransportError,
    UploadFailed,
    ServerUnavailable,
)
BY_CODE = {error.code: error for error in ERRORS}
EXHAUSTED_EXIT_CODE = 3
"""What the last attempt of a request ends with, whatever failed it: no further retry is safe to promise."""


# Any: a JSON document.
def error_line(error: BackupError) -> dict[str, Any]:
    """Give the last line of an answer that says no."""
    said = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "retryable": error.retryable,
        "exit_code": error.exit_code,
    }
    if isinstance(error, Drained):
        said["drained"] = True
    return {"error": said}
