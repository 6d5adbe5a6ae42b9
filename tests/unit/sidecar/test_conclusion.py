"""What a request's databases make of it."""

import pytest

from shared.errors import BackupError, BackupInterrupted
from shared.lifecycle import ResultState, State
from sidecar.conclusion import cancelled, conclude, interrupted, settle
from sidecar.document import DatabaseResult


def made(*told: tuple[str, str]) -> tuple[DatabaseResult, ...]:
    return tuple(
        DatabaseResult(database=f"db{number}", state=ResultState(state), code=code or None, message=f"about db{number}")
        for number, (state, code) in enumerate(told)
    )


OK = ("succeeded", "")
SKIPPED = ("skipped", "")
PENDING = ("pending", "")
RUNNING = ("running", "")
FAILED = ("failed", "backup_failed")
AWAY = ("failed", "server_unavailable")


@pytest.mark.parametrize(
    ("results", "stopped", "state", "code"),
    [
        ((OK,), None, State.SUCCEEDED, None),
        ((OK, SKIPPED), None, State.SUCCEEDED, None),
        ((OK, OK), cancelled(), State.SUCCEEDED, None),
        ((OK, OK), interrupted("x"), State.SUCCEEDED, None),
        ((OK, FAILED), None, State.FAILED, "backup_failed"),
        ((AWAY, AWAY), None, State.FAILED, "server_unavailable"),
        ((AWAY, FAILED), None, State.FAILED, "backup_failed"),
        ((SKIPPED, SKIPPED), None, State.FAILED, "configuration_error"),
        ((OK, RUNNING), interrupted("x"), State.FAILED, "backup_interrupted"),
        ((OK, FAILED, PENDING), interrupted("x"), State.FAILED, "backup_interrupted"),
        ((), interrupted("x"), State.FAILED, "backup_interrupted"),
        ((RUNNING,), cancelled(), State.CANCELLED, "backup_cancelled"),
        ((FAILED, PENDING), cancelled(), State.CANCELLED, "backup_cancelled"),
    ],
)
def test_the_end_of_a_request_is_that_of_its_databases(
    results: tuple[tuple[str, str], ...], stopped: BackupError | None, state: State, code: str | None
) -> None:
    conclusion = conclude(made(*results), stopped)

    assert conclusion.state is state
    assert (conclusion.error.code if conclusion.error else None) == code


def test_a_failure_of_several_names_each_that_failed() -> None:
    conclusion = conclude(made(OK, FAILED, AWAY))

    assert "db1 (backup_failed)" in conclusion.message
    assert "db2 (server_unavailable)" in conclusion.message
    assert "db0" not in conclusion.message


def test_what_was_not_begun_says_so_and_what_had_ended_stays() -> None:
    results = settle(made(OK, FAILED, RUNNING, PENDING), BackupInterrupted("restart"))

    assert [result.state for result in results] == ["succeeded", "failed", "failed", "failed"]
    assert results[1].code == "backup_failed"
    assert results[2].message == "restart"
    assert results[3].message == "was not begun: restart"


def test_a_cancel_of_one_database_is_told_with_what_was_done_with_it_and_what_to_do() -> None:
    result = DatabaseResult(
        database="neo4j",
        state=ResultState.CANCELLED,
        code="backup_cancelled",
        message="the backup was cancelled; /backups/nightly doesn't answer and was not tidied",
        hint="Its volume hangs",
    )

    error = conclude((result,), cancelled()).error

    assert error is not None
    assert (error.message, error.hint) == (result.message, result.hint)
