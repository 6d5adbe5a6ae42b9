"""What the daemon's lines mean, and that nothing a peer sends is trusted."""

import json

import pytest

from shared.errors import BackupError, RequestRejected, TransportError
from tests.fakes.daemon import status, succeeded
from trigger.answers import NoDaemon, read_check, read_error, read_flag, read_line, read_status, read_text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"[1]",
        b"null",
        b'{"status": {}',
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"OCI runtime exec failed\r",
        b"\x1b[2J\x1b]0;title\x07",
    ],
)
def test_a_line_that_is_no_object_is_a_transport_error_that_shows_what_came(data: bytes) -> None:
    with pytest.raises(TransportError) as caught:
        read_line(data)

    assert caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "running",
        {},
        {"id": "nightly-1"},
        {"id": "nightly-1", "state": 3},
        {"id": ["nightly-1"], "state": "running"},
        {"id": "nightly-1", "state": "running", "results": {"neo4j": 1}},
        {"id": "nightly-1", "state": "running", "results": [{"database": 7, "state": "running"}]},
        {"id": "nightly-1", "state": "running", "accepted_at": "yesterday"},
        {"id": "nightly-1", "state": "running", "accepted_at": "0001-01-01T00:00:00+14:00"},
        {"id": "nightly-1", "state": "running", "ended_at": "9999-12-31T23:59:59-14:00"},
        {"id": "nightly-1", "state": "running", "progress": {"database": "a", "stage": "b", "bytes": 10**400}},
        {"id": "nightly-1", "state": "running", "progress": {"database": "a", "stage": "b", "elapsed_seconds": 1e300}},
        {"id": "nightly-1", "state": "running", "results": [{"database": "a", "state": "b", "size_bytes": 10**400}]},
        {"id": "nightly-1", "state": "running", "results": [{"database": "a", "state": "b", "size_bytes": -1}]},
        {"id": "nightly-1", "state": "running", "request": "a backup"},
        {"id": "nightly-1", "state": "running", "output_tail": "text"},
        {"id": "nightly-1", "state": "failed", "exit_code": 256},
        {"id": "nightly-1", "state": "failed", "exit_code": -1},
        {"id": "nightly-1", "state": "failed", "exit_code": "many"},
        {"id": "../../etc/passwd", "state": "running"},
        {"id": "another", "state": "running"},
        {"id": "nightly-12", "state": "running"},
    ],
)
def test_a_status_that_is_not_as_agreed_is_a_transport_error(document: object) -> None:
    with pytest.raises(TransportError):
        read_status({"status": document}, "nightly-1")


@pytest.mark.parametrize("state", ["failed", "cancelled", "rejected", "queued", "running", "uploading"])
def test_a_request_that_did_not_succeed_never_ends_with_zero(state: str) -> None:
    line = status(state=state, exit_code=0)

    with pytest.raises(TransportError, match="success as the exit code"):
        read_status(line, "nightly-1")


def test_an_attempt_answers_for_its_request() -> None:
    told = read_status(status("nightly-1~2"), "nightly-1")

    assert told is not None
    assert told.status.id == "nightly-1~2"


def test_keys_states_and_codes_of_a_newer_sidecar_are_kept() -> None:
    line = status(state="verifying", code="new_code", exit_code=21, shiny={"new": [1]})

    told = read_status(line, "nightly-1")

    assert told is not None
    assert (told.status.state, told.status.code, told.status.exit_code) == ("verifying", "new_code", 21)
    assert told.document["shiny"] == {"new": [1]}


def test_a_known_error_comes_back_as_its_class() -> None:
    line = {"error": {"code": "request_rejected", "message": "no path", "hint": "Give one.", "exit_code": 4}}

    error = read_error(line)

    assert isinstance(error, RequestRejected)
    assert (error.message, error.hint) == ("no path", "Give one.")


def test_an_error_that_is_not_known_keeps_its_code_and_its_exit_code() -> None:
    line = {"error": {"code": "moon_phase", "message": "m", "hint": "", "retryable": True, "exit_code": 15}}

    error = read_error(line)

    assert isinstance(error, BackupError)
    assert not isinstance(error, TransportError)
    assert (error.code, error.exit_code, error.retryable) == ("moon_phase", 15, True)


@pytest.mark.parametrize("exit_code", [0, 256, -1, "0", None, True, []])
def test_an_error_never_ends_with_zero_or_with_what_is_no_exit_code(exit_code: object) -> None:
    error = read_error({"error": {"code": "moon_phase", "exit_code": exit_code}})

    assert error is not None
    assert error.exit_code == 1


@pytest.mark.parametrize("found", [None, "no", [], {}, {"code": 7}])
def test_an_error_without_a_code_is_a_transport_error(found: object) -> None:
    with pytest.raises(TransportError, match="error without a code"):
        read_error({"error": found})


@pytest.mark.parametrize(("line", "sent"), [({}, True), ({"sent": True}, True), ({"sent": False}, False)])
def test_a_courier_without_an_answer_says_whether_the_daemon_was_reached(line: dict[str, object], sent: bool) -> None:
    error = read_error({"error": {"code": "transport_error", "message": "no sidecar is running"} | line})

    assert isinstance(error, NoDaemon)
    assert error.sent is sent


@pytest.mark.parametrize("found", [None, "ok", [], {"name": "memory"}, {"name": 1, "state": "ok", "message": ""}])
def test_a_check_that_is_not_as_agreed_is_a_transport_error(found: object) -> None:
    with pytest.raises(TransportError):
        read_check({"check": found})


def test_a_text_and_a_flag_have_to_be_what_they_are_called() -> None:
    with pytest.raises(TransportError):
        read_text({"text": 7})
    with pytest.raises(TransportError):
        read_flag({"attached": "yes"}, "attached")


def test_lines_of_a_kind_that_is_not_known_are_passed_over() -> None:
    line = read_line(json.dumps({"news": 1}).encode())

    assert read_status(line) is None
    assert read_check(line) is None
    assert read_error(line) is None
    assert read_text(line) is None


def test_a_whole_status_is_understood() -> None:
    told = read_status(succeeded(), "nightly-1")

    assert told is not None
    assert told.status.ended
    assert told.status.results[0].highest_tx == 48213
