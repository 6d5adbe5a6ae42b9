"""A run.json that can't be read holds everything up, says so to whoever asks, and loses nothing."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import unreadable
from tests.integration.disks import a_disk, fill
from tests.rig import Rig, a_rig, wait_for


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with a_rig(tmp_path / "rig") as rig:
        yield rig


def cut_off(rig: Rig) -> None:
    """Have a daemon die during a run, with another request queued."""
    rig.set_knobs(faults=[{"fault": "hang", "stage": "end"}])
    daemon = rig.start()
    rig.submit("running")
    rig.wait_for_output("Finished artifact creation")
    rig.submit("queued")
    rig.stop(daemon, signal.SIGKILL)
    rig.set_knobs()


def test_a_record_that_cannot_be_read_is_told_to_whoever_asks_and_recovery_goes_on_once_it_can(rig: Rig) -> None:
    cut_off(rig)
    barrier = rig.folder / "barrier"
    barrier.touch()
    daemon = rig.start((sys.executable, unreadable.__file__, str(barrier)))

    answers = [rig.lines(*words) for words in (("probe",), ("list",), ("cancel", "queued"))]
    refused = rig.submit("new")["error"]

    told = f"{rig.requests}/run.json can't be read (Permission denied)"
    for error in (*(lines[-1]["error"] for lines in answers), refused):
        assert (error["code"], error["exit_code"]) == ("configuration_error", 5)
        assert told in error["message"]
        assert "remove it" in error["hint"]
    assert told in rig.log.read_text()
    assert [document["state"] for document in rig.documents()] == ["running", "queued"]
    assert len(rig.processes()) == 2, "which are the run's can't be told"

    barrier.unlink()
    running, queued = (rig.wait_for_end(name) for name in ("running", "queued"))
    assert (running["code"], queued["state"]) == ("backup_interrupted", "succeeded")
    assert len(rig.artifacts()) == 1, "what the run left is set aside"
    wait_for(lambda: rig.leftovers() == [], 10)
    rig.stop(daemon)


def test_what_is_in_the_way_after_that_is_told_in_its_place(rig: Rig) -> None:
    with a_disk(rig.requests, size="1m"):
        cut_off(rig)
        barrier = rig.folder / "barrier"
        barrier.touch()
        daemon = rig.start((sys.executable, unreadable.__file__, str(barrier)))
        assert rig.lines("probe")[-1]["error"]["code"] == "configuration_error"

        filler = fill(rig.requests)
        barrier.unlink()

        wait_for(lambda: rig.lines("probe")[-1].get("error", {}).get("code") == "insufficient_space", 20)
        filler.unlink()
        assert rig.wait_for_end("running")["code"] == "backup_interrupted"
        assert rig.wait_for_end("queued")["state"] == "succeeded"
        rig.stop(daemon)


def test_a_folder_in_the_place_of_the_record_is_none_and_makes_room_for_one(rig: Rig) -> None:
    cut_off(rig)
    (rig.requests / "run.json").unlink()
    (rig.requests / "run.json/deep").mkdir(parents=True)

    daemon = rig.start()

    running, queued = (rig.wait_for_end(name) for name in ("running", "queued"))
    assert (running["code"], queued["state"]) == ("backup_interrupted", "succeeded")
    assert len(list((rig.requests / "refused").iterdir())) == 1
    rig.stop(daemon)


def test_a_sidecar_that_is_held_up_ends_when_it_is_told_to(rig: Rig) -> None:
    cut_off(rig)
    barrier = rig.folder / "barrier"
    barrier.touch()
    daemon = rig.start((sys.executable, unreadable.__file__, str(barrier)))

    rig.stop(daemon)

    assert daemon.returncode == 0
    assert not (rig.requests / "sidecar.sock").exists()
    assert [document["state"] for document in rig.documents()] == ["running", "queued"]


@pytest.mark.parametrize("content", [b"", b"\0" * 300, b'{"id": "running"}'])
def test_a_record_that_says_nothing_is_told_in_the_end_of_the_run_and_is_gone(rig: Rig, content: bytes) -> None:
    cut_off(rig)
    (rig.requests / "run.json").write_bytes(content)

    daemon = rig.start()

    running, queued = (rig.wait_for_end(name) for name in ("running", "queued"))
    assert running["code"] == "backup_interrupted"
    assert "run.json says nothing of it, so that what it left was not set aside" in running["message"]
    assert queued["state"] == "succeeded"
    wait_for(lambda: not (rig.requests / "run.json").exists(), 10)
    assert "run.json" in rig.log.read_text()
    rig.stop(daemon)
