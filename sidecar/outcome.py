"""What became of one database, put into the words of its result."""

from dataclasses import dataclass

from shared.errors import BackupCancelled, BackupError, InternalError
from shared.lifecycle import ResultState
from shared.sizes import format_size
from sidecar.artifact import DamagedArtifact
from sidecar.document import DatabaseResult
from sidecar.neo4j_admin.version import Version
from sidecar.plan import Plan
from sidecar.proof import Proven


@dataclass(frozen=True, slots=True)
class Outcome:
    """A database's result, the last lines that neo4j-admin printed, and what else its people should know."""

    result: DatabaseResult
    output_tail: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def succeeded(database: str, proven: Proven) -> DatabaseResult:
    """Give the result of a backup that is proven."""
    kind = "full" if proven.type == "FULL" else "differential"
    note = f"; {proven.note}" if proven.note else ""
    return DatabaseResult(
        database=database,
        state=ResultState.SUCCEEDED,
        message=f"{kind} backup {proven.artifact}, {format_size(proven.size_bytes)}{note}",
        type=proven.type,
        artifact=proven.artifact,
        size_bytes=proven.size_bytes,
        lowest_tx=proven.lowest_tx,
        highest_tx=proven.highest_tx,
    )


def failed(database: str, error: BackupError) -> DatabaseResult:
    """Give the result of a backup that was not made; ``error`` says why."""
    return DatabaseResult(
        database=database,
        state=ResultState.CANCELLED if isinstance(error, BackupCancelled) else ResultState.FAILED,
        code=error.code,
        message=error.message,
        hint=error.hint,
    )


def skipped(database: str, reason: str) -> DatabaseResult:
    """Give the result of a database that nobody named and that can't be backed up now."""
    return DatabaseResult(database=database, state=ResultState.SKIPPED, message=reason)


def defect(found: Exception) -> InternalError:
    """Give the error of a request or a run that met a defect of ours."""
    return InternalError(f"the sidecar has a defect ({type(found).__name__}): its log has the traceback")


def noted(result: DatabaseResult, notes: tuple[str, ...]) -> DatabaseResult:
    """Add to a result what was done with what the run left."""
    return result.changed(message="; ".join((result.message, *notes))) if notes else result


def plan_warnings(plan: Plan, target: str) -> tuple[str, ...]:
    """Tell why a run was another than was asked for, and which artifacts beside it are damaged."""
    said = [f"{plan.database}: {plan.note}"] if plan.note else []
    said += [
        f"{plan.database}: {name} in {target} is damaged ({problem.reason}): it is no link of any chain"
        for name, problem in plan.problems.items()
        if isinstance(problem, DamagedArtifact) and name not in plan.note
    ]
    return tuple(said)


def version_warning(client: Version, server: Version | None) -> tuple[str, ...]:
    """Warn where the server is of a later version than neo4j-admin here: its backups may fail or be refused."""
    if server is None or client.at_least(server):
        return ()
    return (
        f"the server is Neo4j {server}, later than neo4j-admin {client} here: "
        "build the sidecar's image again from the Neo4j image that the server runs",
    )
