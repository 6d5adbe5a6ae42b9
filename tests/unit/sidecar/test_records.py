"""Documents are whole, final is final, and what is kept is bounded."""

import dataclasses
import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import InternalError, TransportError
from shared.lifecycle import FINAL, State, may_follow
from shared.wire import encode
from sidecar import records as records_module
from sidecar.document import HIGHEST, Document
from sidecar.files import write_whole
from sidecar.held_up import HeldUp
from sidecar.records import Records
from sidecar.volume import Volume
from tests.fakes.clock import FakeClock

NOW = FakeClock().now()


def document(name: str, number: int, state: State = State.QUEUED) -> Document:
    return Document(id=name, number=number, state=state, request={"path": "/backups", "type": "FULL", "database": None})


def conclude(records: Records, name: str, state: State = State.SUCCEEDED) -> Document:
    number = records.next_number()
    if state is State.REJECTED:
        return records.publish(document(name, number, State.QUEUED).end(State.REJECTED, NOW))
    queued = records.publish(document(name, number))
    running = records.publish(queued.changed(state=State.RUNNING))
    return records.publish(running.end(state, NOW))


def succeeded_by_somebody_else(volume: Volume, owner: int) -> str:
    """Put a document of another user's where ours lie."""
    forged = document("nightly-1", 1, State.RUNNING).end(State.SUCCEEDED, NOW)
    write_whole(volume.status, "nightly-1.json", forged.to_json())
    os.chown("nightly-1.json", owner, -1, dir_fd=volume.status)
    return forged.id


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_document_of_another_user_is_none(volume: Volume) -> None:
    name = succeeded_by_somebody_else(volume, 12345)

    fresh = reopened(volume)

    assert fresh.get(name) is None
    assert fresh.is_taken(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_document_of_the_user_whom_a_mount_makes_of_us_is_ours(volume: Volume) -> None:
    name = succeeded_by_somebody_else(volume, 12345)

    fresh = reopened(dataclasses.replace(volume, owner=12345))

    assert fresh.get(name) is not None


@pytest.fixture
def no_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Have the disk give no document."""

    def failing(folder: int, name: str, limit: int, *, owner: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(records_module, "read_own", failing)
        yield patched


def test_a_document_that_the_disk_does_not_give_holds_up_the_start_and_is_read_once_it_does(
    records: Records, volume: Volume, no_disk: pytest.MonkeyPatch
) -> None:
    queued = records.publish(document("nightly-1", records.next_number()))
    fresh = Records(volume)

    with pytest.raises(HeldUp, match="the document of nightly-1 is there and can't be read now"):
        fresh.load()
    no_disk.undo()
    fresh.load()

    assert fresh.queued() == [queued]


def test_a_document_that_the_disk_never_gives_keeps_its_name_and_is_told_to_who_asks(
    records: Records, volume: Volume, no_disk: pytest.MonkeyPatch
) -> None:
    records.publish(document("nightly-1", records.next_number()))
    fresh = Records(volume)

    fresh.load(without=True)

    assert fresh.is_taken("nightly-1")
    with pytest.raises(TransportError, match="can't be read now"):
        fresh.newest_attempt("nightly-1")
    with pytest.raises(HeldUp):
        fresh.expect("nightly-1")
    with pytest.raises(InternalError):
        fresh.publish(document("nightly-1", 7))


def reopened(volume: Volume) -> Records:
    fresh = Records(volume)
    fresh.load()
    return fresh


@pytest.mark.parametrize("final", sorted(FINAL))
@pytest.mark.parametrize("after", list(State))
def test_nothing_follows_a_final_state(final: State, after: State) -> None:
    assert not may_follow(final, after)


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.FAILED, State.CANCELLED])
def test_a_document_in_a_final_state_never_changes(records: Records, volume: Volume, state: State) -> None:
    ended = conclude(records, "nightly-1", state)

    with pytest.raises(InternalError):
        records.publish(ended.changed(message="something else"))

    assert reopened(volume).get("nightly-1") == ended


def test_every_change_has_a_higher_revision_also_over_a_restart(records: Records, volume: Volume) -> None:
    first = records.publish(document("a", records.next_number()))
    second = records.publish(document("b", records.next_number()))
    fresh = reopened(volume)
    third = fresh.publish(first.changed(state=State.RUNNING))

    assert first.revision < second.revision < third.revision
    newest = fresh.newest_change()
    assert newest is not None
    assert newest.id == "a"
    assert fresh.next_number() > second.number


def test_a_document_that_cannot_be_read_is_left_and_its_name_stays_taken(volume: Volume) -> None:
    Path(volume.path, "status", "broken.json").write_text('{"id": "bro')

    fresh = reopened(volume)

    assert fresh.is_taken("broken")
    assert fresh.get("broken") is None
    assert Path(volume.path, "status", "broken.json").exists()


@pytest.mark.parametrize(
    "forged",
    [
        {"number": 10**4299},
        {"revision": 10**4299},
        {"number": -1},
        {"request": {"path": float("inf")}},
        {"accepted_seconds": float("nan")},
        {"progress": {"database": "a", "stage": "b", "elapsed_seconds": float("inf")}},
    ],
    ids=["number", "revision", "below zero", "infinity", "nan", "progress"],
)
def test_a_document_that_nobody_could_be_told_of_spoils_no_other(volume: Volume, forged: dict[str, object]) -> None:
    good = json.loads(document("good", 1).to_json())
    Path(volume.path, "status/forged.json").write_text(json.dumps(good | {"id": "forged"} | forged))
    write_whole(volume.status, "good.json", document("good", 1).to_json())

    records = reopened(volume)
    published = records.publish(document("next", records.next_number()))

    assert records.get("forged") is None
    assert encode({"list": [each.public() for each in records.newest_first()]})
    assert reopened(volume).get("next") == published


@pytest.mark.parametrize("key", ["number", "revision"])
@pytest.mark.parametrize("below", [0, 1, 2])
def test_a_document_that_was_given_the_highest_number_there_is_leaves_room_for_others(
    volume: Volume, key: str, below: int
) -> None:
    forged = json.loads(document("forged", 1).to_json()) | {key: HIGHEST - below}
    write_whole(volume.status, "forged.json", json.dumps(forged).encode())

    for name in ("one", "two", "three"):
        conclude(reopened(volume), name)

    last = reopened(volume)
    assert [last.get(name) is not None for name in ("forged", "one", "two", "three")] == [True] * 4


@pytest.mark.parametrize("name", ["\x1b[2J", "-x", "a b", "nightly~4", "~2"])
def test_a_document_whose_name_is_no_request_s_is_not_believed(volume: Volume, name: str) -> None:
    Path(volume.path, "status", f"{name}.json").write_bytes(document(name, 1).to_json())

    assert list(reopened(volume).newest_first()) == []


def test_a_document_that_tells_another_name_than_its_files_is_not_believed(volume: Volume) -> None:
    write_whole(volume.status, "mine.json", document("other", 1).to_json())

    assert reopened(volume).get("mine") is None


def test_only_the_newest_ended_requests_are_kept_and_nothing_under_way_is_swept(
    records: Records, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_module, "KEEP_ENDED", 3)
    monkeypatch.setattr(records_module, "KEEP_REFUSED", 1)
    records.publish(document("waiting", records.next_number()))
    conclude(records, "job-1", State.FAILED)
    records.publish(document("job-1~2", records.next_number()).changed(attempt=2))
    for number in range(5):
        Path(volume.path, "logs", f"ended-{number}.log").write_text("x")
        conclude(records, f"ended-{number}")
        conclude(records, f"refused-{number}", State.REJECTED)

    records.sweep()

    kept = {path.stem for path in Path(volume.path, "status").iterdir()}
    assert kept == {"waiting", "job-1", "job-1~2", "ended-2", "ended-3", "ended-4", "refused-4"}
    assert {path.stem for path in Path(volume.path, "logs").iterdir()} == {"ended-2", "ended-3", "ended-4"}
    assert {found.id for found in reopened(volume).newest_first()} == kept


def test_the_oldest_logs_go_when_all_of_them_are_too_large(
    records: Records, volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_module, "KEEP_LOG_BYTES", 250)
    for number in range(4):
        Path(volume.path, "logs", f"ended-{number}.log").write_text("x" * 100)
        conclude(records, f"ended-{number}")

    records.sweep()

    assert {path.stem for path in Path(volume.path, "logs").iterdir()} == {"ended-2", "ended-3"}


def test_a_document_has_all_the_keys_that_are_promised(records: Records) -> None:
    found = conclude(records, "nightly-1").public()

    promised = "schema id state code message hint retryable request results accepted_at started_at ended_at exit_code"
    assert {*promised.split(), "output_tail"} <= set(found)
    assert found["schema"] == 1
    assert found["ended_at"] == "2026-11-23T02:15:00Z"
    assert "word" not in found
