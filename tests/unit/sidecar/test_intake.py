"""What is accepted, attached to, refused and cancelled, told by the documents on the disk."""

import pytest

from shared.errors import BackupFailed, BackupInterrupted, Drained, IdTaken, RequestRejected, SidecarBusy
from shared.lifecycle import ResultState, State
from shared.protocol import BackupRequest, BackupType, Submission
from sidecar.document import DatabaseResult, Document
from sidecar.intake import QUEUE_LIMIT, Intake
from sidecar.mailbox import Letter
from sidecar.records import Records
from sidecar.volume import Volume
from tests.fakes.clock import FakeClock

FULL: dict[str, object] = {"path": "/backups/nightly", "type": "FULL", "database": "neo4j"}

ANY: dict[str, object] = {"path": "/backups", "type": "auto"}


def submission(word: str = "word0001", *, job: bool = False, **changes: object) -> Submission:
    return Submission(request=FULL | changes, word=word, job=job)


def refuse_outside(request: BackupRequest) -> None:
    if not request.path.startswith("/backups"):
        raise RequestRejected("outside the allowed roots")


@pytest.fixture
def intake(records: Records, clock: FakeClock) -> Intake:
    return Intake(records, clock, refuse_outside)


def fail(records: Records, document: Document, error: BackupInterrupted | BackupFailed) -> Document:
    running = records.publish(document.changed(state=State.RUNNING))
    return records.publish(running.end(State.FAILED, FakeClock().now(), error))


def succeed(records: Records, document: Document) -> Document:
    running = records.publish(document.changed(state=State.RUNNING))
    return records.publish(running.end(State.SUCCEEDED, FakeClock().now()))


def on_disk(volume: Volume, name: str) -> Document:
    fresh = Records(volume)
    fresh.load()
    document = fresh.get(name)
    assert document is not None
    return document


def test_an_accepted_request_is_on_the_disk_as_queued(intake: Intake, volume: Volume) -> None:
    document, attached = intake.submit("nightly-1", submission())

    assert not attached
    assert on_disk(volume, "nightly-1") == document
    assert document.state is State.QUEUED


def test_the_same_id_and_body_attaches_while_it_is_under_way(intake: Intake) -> None:
    first, _ = intake.submit("nightly-1", submission("word0001"))

    again, attached = intake.submit("nightly-1", submission("word0002", database="NEO4J", type="full"))

    assert attached
    assert again == first


def test_the_same_id_with_another_body_is_refused(intake: Intake) -> None:
    intake.submit("nightly-1", submission())

    with pytest.raises(IdTaken, match="something else"):
        intake.submit("nightly-1", submission(type="DIFF"))


def test_last_nights_success_is_not_tonights(intake: Intake, records: Records) -> None:
    document, _ = intake.submit("nightly-1", submission("word0001"))
    succeed(records, document)

    with pytest.raises(IdTaken, match="has ended already"):
        intake.submit("nightly-1", submission("word0002"))


def test_a_submitter_whose_answer_was_lost_attaches_also_after_the_end(intake: Intake, records: Records) -> None:
    document, _ = intake.submit("nightly-1", submission("word0001"))
    ended = succeed(records, document)

    assert intake.submit("nightly-1", submission("word0001")) == (ended, True)


def test_a_jobs_retry_attaches_to_what_ended_well(intake: Intake, records: Records) -> None:
    document, _ = intake.submit("job-1", submission("word0001", job=True))
    ended = succeed(records, document)

    assert intake.submit("job-1", submission("word0002", job=True)) == (ended, True)


def test_a_jobs_retry_of_what_is_worth_retrying_is_the_next_attempt_and_does_only_what_is_missing(
    intake: Intake, records: Records
) -> None:
    document, _ = intake.submit("job-1", submission("word0001", job=True))
    results = (
        DatabaseResult(database="movies", state=ResultState.SUCCEEDED, artifact="movies.backup"),
        DatabaseResult(database="neo4j", state=ResultState.FAILED, code="backup_interrupted"),
    )
    fail(records, document.changed(results=results), BackupInterrupted("restart"))

    second, attached = intake.submit("job-1", submission("word0002", job=True))

    assert not attached
    assert (second.id, second.state, second.attempt) == ("job-1~2", State.QUEUED, 2)
    assert [result.state for result in second.results] == [ResultState.SUCCEEDED, ResultState.PENDING]
    assert intake.find("job-1") == second


def test_a_jobs_retry_of_what_needs_a_person_attaches_to_the_failure(intake: Intake, records: Records) -> None:
    document, _ = intake.submit("job-1", submission("word0001", job=True))
    ended = fail(records, document, BackupFailed("no"))

    assert intake.submit("job-1", submission("word0002", job=True)) == (ended, True)


def test_whatever_fails_the_third_attempt_ends_the_retries(intake: Intake, records: Records) -> None:
    ended = None
    for attempt in range(1, 4):
        document, attached = intake.submit("job-1", submission(f"word000{attempt}", job=True))
        assert not attached
        ended = fail(records, document, BackupInterrupted("restart"))

    assert ended is not None
    assert (ended.id, ended.code, ended.retryable, ended.exit_code) == ("job-1~3", "backup_interrupted", False, 3)
    assert intake.submit("job-1", submission("word0009", job=True)) == (ended, True)


def test_a_full_queue_is_busy_and_accepts_nothing(intake: Intake, records: Records) -> None:
    for number in range(QUEUE_LIMIT):
        intake.submit(f"r-{number}", submission())

    with pytest.raises(SidecarBusy):
        intake.submit("one-too-many", submission())

    assert records.get("one-too-many") is None


def test_the_queue_is_in_the_order_of_acceptance_whatever_the_clock_says(
    intake: Intake, volume: Volume, clock: FakeClock
) -> None:
    for name in ("first", "second", "third"):
        intake.submit(name, submission())
        clock.pass_time(-86_400)

    fresh = Records(volume)
    fresh.load()

    assert [document.id for document in fresh.queued()] == ["first", "second", "third"]


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a" * 129, ".hidden", "a~2", "a b", "ü", "a\n"])
def test_an_id_that_could_be_something_else_is_refused(intake: Intake, name: str) -> None:
    with pytest.raises(RequestRejected, match="is no id"):
        intake.submit(name, submission())


def test_ids_that_differ_in_case_are_different_requests(intake: Intake) -> None:
    intake.submit("Nightly", submission())

    _, attached = intake.submit("nightly", submission(type="DIFF"))

    assert not attached


def test_a_letter_is_accepted_under_its_id(intake: Intake, records: Records) -> None:
    intake.receive(Letter("taken-1", content=FULL | {"id": "mine"}))

    document = records.get("mine")
    assert document is not None
    assert (document.state, document.taken) == (State.QUEUED, "taken-1")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (FULL | {"compres": True}, "request_rejected"),
        (FULL | {"path": "/etc"}, "request_rejected"),
        (FULL | {"id": "a/b"}, "request_rejected"),
        (FULL | {"id": "there"}, "id_taken"),
    ],
)
def test_a_letter_that_is_refused_has_a_document_of_its_own_that_repeats_it(
    intake: Intake, records: Records, content: dict[str, object], code: str
) -> None:
    intake.submit("there", submission())

    intake.receive(Letter("taken-1", content=content))

    refused = next(records.newest_first())
    assert (refused.state, refused.code, refused.taken) == (State.REJECTED, code, "taken-1")
    assert refused.request["path"] == content["path"]
    assert refused.exit_code == 4


def test_a_letter_without_a_database_asks_for_every_one(intake: Intake, records: Records) -> None:
    intake.receive(Letter("taken-1", content=ANY | {"id": "mine"}))

    document = records.get("mine")
    assert document is not None
    assert document.backup_request() == BackupRequest(path="/backups", type=BackupType.AUTO)


def test_a_letter_that_meets_a_defect_of_ours_is_refused_and_never_comes_back(
    records: Records, clock: FakeClock
) -> None:
    def defective(request: BackupRequest) -> None:
        raise ZeroDivisionError

    Intake(records, clock, defective).receive(Letter("taken-1", content=FULL))

    refused = next(records.newest_first())
    assert (refused.state, refused.code) == (State.REJECTED, "internal_error")


def test_what_is_repeated_of_a_refused_letter_is_bounded(intake: Intake, records: Records) -> None:
    large: dict[str, object] = {str(number): "z" * 1000 for number in range(40)}
    large["x" * 9000] = "y" * 60_000

    intake.receive(Letter("taken-1", content=large))

    assert len(next(records.newest_first()).to_json()) < 8192


def test_a_queued_request_is_cancelled_at_once(intake: Intake, volume: Volume) -> None:
    intake.submit("nightly-1", submission())

    intake.cancel("nightly-1")

    document = on_disk(volume, "nightly-1")
    assert (document.state, document.code, document.exit_code) == (State.CANCELLED, "backup_cancelled", 3)


def test_the_wish_to_cancel_what_runs_is_on_the_disk_before_the_answer(
    intake: Intake, records: Records, volume: Volume
) -> None:
    document, _ = intake.submit("nightly-1", submission())
    records.publish(document.changed(state=State.RUNNING))

    intake.cancel("nightly-1")

    assert on_disk(volume, "nightly-1").cancel_requested


def test_a_cancel_after_an_end_worth_retrying_forbids_the_retry(intake: Intake, records: Records) -> None:
    document, _ = intake.submit("job-1", submission("word0001", job=True))
    fail(records, document, BackupInterrupted("restart"))

    intake.cancel("job-1")

    retry, attached = intake.submit("job-1", submission("word0002", job=True))
    assert attached
    assert (retry.id, retry.state, retry.exit_code) == ("job-1~2", State.CANCELLED, 3)


def test_a_cancel_after_a_success_changes_nothing(intake: Intake, records: Records) -> None:
    document, _ = intake.submit("nightly-1", submission())
    ended = succeed(records, document)

    assert intake.cancel("nightly-1") == ended


def test_a_drained_sidecar_accepts_nothing_that_it_would_not_start(intake: Intake) -> None:
    intake.draining = True

    with pytest.raises(Drained, match="drained"):
        intake.submit("nightly-1", submission())
