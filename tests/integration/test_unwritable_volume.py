"""A request volume that can't be written while something is to be told: who asks hears of it, and the end is true."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder, Seen, left_behind
from tests.integration.disks import a_disk, a_disk_that_may_break, break_disk, fill
from tests.integration.serving import a_listening_server, failed_folder
from tests.rig import Rig, a_rig, wait_for


@contextmanager
def unstarted(folder: Path) -> Iterator[Rig]:
    with a_listening_server() as address, a_rig(folder, "neo4j") as rig:
        rig.environment["NEO4J_BACKUP_FROM"] = address
        yield rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with unstarted(tmp_path / "rig") as rig:
        yield rig


def run_until_artifact(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "hang", "stage": "artifact"}])
    rig.submit("nightly")
    wait_for(lambda: rig.artifacts() != [], 15)


def check_of(rig: Rig, name: str) -> dict[str, Any]:
    return next(line["check"] for line in rig.lines("facts") if line.get("check", {}).get("name") == name)


@pytest.mark.mounts
@fault(Group.DISK, "the request volume is full where a sidecar that was killed in mid-run is started again")
def test_an_end_that_a_full_volume_keeps_from_being_told_is_no_silence(rig: Rig, row: Recorder) -> None:
    with a_disk(rig.requests, size="1m"):
        rig.start()
        run_until_artifact(rig)
        rig.stop(rig.daemons[-1], signal.SIGKILL)
        filler = fill(rig.requests)

        rig.start(ready=False)
        row.strike()
        wait_for(lambda: rig.lines("get", "nightly")[0].get("error", {}).get("code") == "insufficient_space", 20)
        row.refused(rig, rig.lines("get", "nightly")[0]["error"])
        filler.unlink()

        document = rig.wait_for_end("nightly")
        assert (document["state"], document["code"]) == ("failed", "backup_interrupted")
        assert "set aside" in document["message"], "what was done at the first try is told as well"
        assert (rig.artifacts(), len(failed_folder(rig))) == ([], 1)
        rig.set_knobs()
        rig.wait_until_ready(rig.daemons[-1])
        wait_for(lambda: "status" in rig.submit("after"), 10)
        assert rig.wait_for_end("after")["state"] == "succeeded"
        rig.stop(rig.daemons[-1])


@pytest.mark.mounts
@fault(Group.DISK, "the request volume becomes read-only in mid-run")
def test_a_volume_that_becomes_read_only_in_mid_run_is_told_to_who_asks(
    rig: Rig, tmp_path: Path, row: Recorder
) -> None:
    with a_disk_that_may_break(rig.requests, tmp_path / "image"):
        rig.start()
        rig.set_knobs(faults=[{"fault": "hang", "stage": "receive", "seconds": 1}])
        rig.submit("nightly")
        wait_for(lambda: len(rig.processes()) >= 2, 10)

        row.strike()
        break_disk(rig.requests)
        rig.wait_for_output("a status can't be written; trying again")
        (told, _) = rig.lines("get", "nightly")
        status = told["status"]
        row.record(Seen(status["state"], message=status["progress"]["stage"]), left_behind(rig))

        assert "Read-only file system; trying again" in status["progress"]["stage"]
        refused = rig.submit("other")
        assert refused["error"]["code"] == "configuration_error"
        found = check_of(rig, "request volume")
        assert found["state"] == "failed"
        assert found["message"].startswith("the request volume can't be written, so no request can be accepted")
        rig.stop(rig.daemons[-1])


@pytest.mark.mounts
def test_who_checks_is_told_of_a_full_volume(rig: Rig) -> None:
    with a_disk(rig.requests, size="2m"):
        rig.start()
        before = check_of(rig, "request volume")
        # Some of what is tried would fit.
        fill(rig.requests, leave=16 * 1024)
        after = check_of(rig, "request volume")
        rig.stop(rig.daemons[-1])

    assert (before["state"], after["state"]) == ("ok", "failed")
    assert after["message"].startswith("the request volume is full"), after
