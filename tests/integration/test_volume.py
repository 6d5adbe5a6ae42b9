"""The request volume breaks under the daemon: gone, replaced, full, read-only; it tells, and goes on by itself."""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.faults.matrix import Group, fault, faults
from tests.faults.recording import Recorder
from tests.integration.disks import a_disk, fill, remount
from tests.integration.serving import a_listening_server, failed_folder, lent, serving
from tests.integration.waits import Moved
from tests.rig import Rig, a_rig, wait_for

TOLD = "the request folder is gone; beginning again"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with serving(tmp_path / "rig", "neo4j", "movies") as rig:
        yield rig
        assert rig.daemons[-1].poll() is None, "it lived through all of it"
        rig.stop(rig.daemons[-1])
        assert rig.processes() == []
        assert "defect" not in rig.log.read_text()


def delete(folder: Path) -> None:
    """Delete a folder that the daemon may be writing to."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def nudge(folder: Path) -> None:
    """Have the daemon look at once and not only every 30 s: it watches ``folder`` for the mailbox."""
    (folder / "backup.request").touch()
    (folder / "backup.request").unlink(missing_ok=True)


def begin_again(rig: Rig) -> None:
    """Wait until the daemon has found what lies there now."""
    rig.wait_for_output(TOLD, 10)
    wait_for(lambda: rig.lines("probe")[-1] == {"end": {"exit_code": 0}}, 10)


def run_until_written(rig: Rig, name: str) -> None:
    rig.set_knobs(faults=[{"fault": "hang", "stage": "end"}, "ignore_sigterm"])
    rig.submit(name)
    rig.wait_for_output("Finished artifact creation")


@fault(Group.DISK, "the request folder is deleted and made again")
def test_a_folder_that_is_deleted_and_made_again_is_taken_up_anew(rig: Rig, row: Recorder) -> None:
    rig.submit("before")
    rig.wait_for_end("before")
    row.strike()
    delete(rig.requests)
    rig.requests.mkdir()
    begin_again(rig)
    row.logged(rig, TOLD)

    forgotten = rig.lines("get", "before")
    rig.post("posted")
    rig.submit("submitted")

    assert forgotten[0]["error"]["code"] == "request_rejected"
    assert rig.wait_for_end("posted")["state"] == "succeeded"
    assert rig.wait_for_end("submitted")["state"] == "succeeded"
    assert {document["id"] for document in rig.documents()} == {"posted", "submitted"}


REPLACED = {
    "the request folder is replaced in mid-run": "the folder",
    "the request folder's lock is replaced in mid-run": "the lock",
    "the folder of the documents is deleted in mid-run": "the documents' folder",
}


@pytest.mark.parametrize("name", faults(Group.DISK, REPLACED))
def test_a_run_is_ended_where_its_folder_is_replaced(rig: Rig, name: str, row: Recorder) -> None:
    what = REPLACED[name]
    run_until_written(rig, "runs")
    row.strike()
    match what:
        case "the folder":
            rig.remove_requests()
            rig.requests.mkdir()
        case "the lock":
            (rig.requests / "sidecar.lock").rename(rig.folder / "lock")
            (rig.requests / "sidecar.lock").touch()
        case _:
            shutil.rmtree(rig.requests / "status")
            nudge(rig.requests)
    begin_again(rig)
    row.told()

    assert rig.processes() == []
    assert (rig.artifacts(), len(failed_folder(rig))) == ([], 1)
    if what == "the lock":
        document = rig.wait_for_end("runs")
        assert (document["code"], document["retryable"]) == ("backup_interrupted", True)
        assert "request folder" in document["message"]
        row.ended(rig, document)
    else:
        assert rig.documents() == []
        row.logged(rig, TOLD)
    if what == "the folder":
        assert not (rig.requests / "backup.status").exists(), "what was known of the old folder is forgotten"
    rig.set_knobs()
    rig.submit("after")
    assert rig.wait_for_end("after")["state"] == "succeeded"


def test_no_status_of_the_old_folder_reaches_the_new_one(rig: Rig) -> None:
    (rig.requests / "backup.status").mkdir()
    rig.submit("before")
    rig.wait_for_end("before")
    rig.wait_for_output("backup.status can't be written")

    rig.remove_requests()
    rig.requests.mkdir()
    begin_again(rig)

    with pytest.raises(AssertionError, match="not so within"):
        wait_for((rig.requests / "backup.status").exists, 3)


@pytest.fixture(scope="module")
def small_volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with a_listening_server() as address, a_rig(tmp_path_factory.mktemp("small") / "rig", "neo4j", "movies") as rig:
        rig.environment["NEO4J_BACKUP_FROM"] = address
        with a_disk(rig.requests, size="1m"):
            rig.start()
            yield rig
            rig.stop(rig.daemons[-1])
            assert "defect" not in rig.log.read_text()


@pytest.fixture
def small(small_volume: Rig) -> Iterator[Rig]:
    """A sidecar with a request volume of its own, of 1 MiB."""
    with lent(small_volume) as rig:
        yield rig
        (rig.requests / "filler").unlink(missing_ok=True)


@pytest.mark.mounts
@fault(Group.DISK, "the request volume is full")
def test_a_full_request_volume_accepts_nothing_and_says_so(small: Rig, row: Recorder) -> None:
    filler = fill(small.requests)

    row.strike()
    refused = small.submit("full")
    row.refused(small, refused["error"])
    filler.unlink()
    accepted = small.submit("full")

    assert (refused["error"]["code"], refused["error"]["exit_code"]) == ("insufficient_space", 5)
    assert "nothing was accepted" in refused["error"]["message"]
    assert accepted["status"]["state"] == "queued"
    assert small.wait_for_end("full")["state"] == "succeeded"


@pytest.mark.mounts
@fault(Group.DISK, "the request volume is full, and a request is in the mailbox")
def test_a_letter_in_a_full_request_volume_is_answered_once_there_is_room(small: Rig, row: Recorder) -> None:
    (small.requests / "mine").write_text(
        json.dumps({"id": "posted", "path": str(small.target), "type": "FULL", "database": "neo4j"})
    )
    filler = fill(small.requests)
    row.strike()
    (small.requests / "mine").rename(small.requests / "backup.request")
    small.wait_for_output("can't be put on the disk yet")
    row.logged(small, "can't be put on the disk yet")

    filler.unlink()

    assert small.wait_for_end("posted")["state"] == "succeeded"


@pytest.mark.mounts
@fault(Group.DISK, "the request volume is full at the end of a backup: once there is room")
def test_a_volume_that_runs_full_during_a_backup_holds_up_its_end_and_changes_nothing_about_it(
    small: Rig, row: Recorder
) -> None:
    small.set_knobs(faults=[{"fault": "hang", "seconds": 1.5}])
    small.submit("runs")
    wait_for(lambda: len(small.processes()) >= 2, 10)
    filler = fill(small.requests)
    small.wait_for_output("a status can't be written; trying again")
    during = small.lines("get", "runs")[0]

    row.strike()
    filler.unlink()
    document = small.wait_for_end("runs")
    row.ended(small, document)

    assert during["status"]["state"] == "running"
    assert "its status can't be written: No space left on device" in during["status"]["progress"]["stage"]
    assert (document["state"], document["exit_code"]) == ("succeeded", 0)
    assert small.artifacts() == [document["results"][0]["artifact"]]
    wait_for(lambda: small.leftovers() == [], 5)


@pytest.mark.mounts
@fault(Group.DISK, "the request volume has no room for the record of a run")
def test_a_volume_that_has_no_room_for_the_record_of_a_run_is_told_as_that(small: Rig, row: Recorder) -> None:
    # A target with many artifacts has a long listing: more than what is left after the status.
    small.target.mkdir(parents=True)
    for number in range(3000):
        (small.target / f"movies-2026-01-01T00-{number // 60:02}-{number % 60:02}.backup").touch()
    small.set_knobs(faults=[{"fault": "hang", "database": "neo4j"}])
    small.submit("first")
    small.submit("long", database="movies")
    wait_for(lambda: len(small.processes()) >= 2, 10)
    fill(small.requests, leave=32 * 1024)

    row.strike()
    small.lines("cancel", "first")
    document = small.wait_for_end("long")
    row.ended(small, document)

    assert (document["code"], document["exit_code"]) == ("insufficient_space", 5)
    assert "request volume is full" in document["message"]
    assert [start["argv"][-1] for start in small.invocations()] == ["neo4j"]


@pytest.mark.mounts
@fault(Group.DISK, "the request volume is missing, or read-only")
def test_a_volume_that_is_missing_or_read_only_is_waited_for(rig: Rig, tmp_path: Path, row: Recorder) -> None:
    moved = rig.folder / "moved"
    rig.submit("before")
    rig.wait_for_end("before")
    rig.requests.rename(moved)
    nudge(moved)
    with a_rig(tmp_path / "missing") as missing, a_rig(tmp_path / "read-only") as read_only:
        missing.requests.rmdir()
        with a_disk(read_only.requests):
            remount(read_only.requests, "ro")
            for waiting in (missing, read_only):
                waiting.start(ready=False)
            for waiting in (missing, read_only, rig):
                waiting.wait_for_output("the request volume can't be used; it is tried again")
                row.strike()
                (told,) = waiting.lines("probe")
                if waiting is read_only:
                    row.refused(read_only, told["error"])
                assert (told["error"]["code"], told["error"]["exit_code"]) == ("transport_error", 12)

            missing.requests.mkdir()
            remount(read_only.requests, "rw")
            moved.rename(rig.requests)

            for waiting in (missing, read_only, rig):
                waiting.wait_until_ready(waiting.daemons[-1])
            for waiting in (missing, read_only):
                waiting.stop(waiting.daemons[-1])
            assert os.listdir(read_only.requests) != []
    assert rig.lines("get", "before")[0]["status"]["state"] == "succeeded"


def test_a_folder_that_was_replaced_is_found_within_35_s_also_where_nothing_tells_of_it(moved: Moved) -> None:
    rig = moved.rig

    rig.wait_for_output(TOLD, 35)

    (line,) = (line for line in rig.log.read_text().splitlines() if TOLD in line)
    assert (datetime.fromisoformat(line.partition(" ")[0]) - moved.at).total_seconds() < 35
    rig.submit("after")
    assert rig.wait_for_end("after")["state"] == "succeeded"
