"""Two sidecars on one claim: what a lost one's run has left is removed by the other, and never what is in use."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from sidecar.lock_reach import locks_reach_all
from tests.rig import Rig, a_rig, wait_for

LONG_AGO = time.time() - 3 * 3600


def run_folders(rig: Rig) -> list[Path]:
    return [path for path in (rig.backups / ".neo4j-backup-tmp").glob(".run-*") if path.is_dir()]


def pid_of(rig: Rig, event: str) -> int:
    events = [json.loads(line) for line in rig.journal.read_text().splitlines()]
    return next(int(each["pid"]) for each in events if each["event"] == event)


def age(rig: Rig) -> None:
    """Have nothing been written by the runs for hours, as where they wait for a checkpoint."""
    for path in (rig.backups / ".neo4j-backup-tmp").rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def test_a_run_s_folder_stays_as_long_as_anything_of_the_run_lives(tmp_path: Path) -> None:
    if not locks_reach_all(str(tmp_path)):
        pytest.skip("needs a file system whose locks are for everybody")
    with a_rig(tmp_path / "one") as lost, a_rig(tmp_path / "two") as other:
        # The claim is the same one, the request volume is not.
        other.environment["NEO4J_BACKUP_ALLOWED_ROOTS"] = str(lost.backups)
        other.target = lost.backups / "other"
        lost.set_knobs(faults=["ignore_sigterm", {"fault": "hang", "stage": "receive"}])
        first, second = lost.start(), other.start()
        lost.post("lost")
        lost.wait_for_output("Start receiving store files")
        (folder,) = run_folders(lost)
        age(lost)

        other.post("beside-a-run")
        assert other.wait_for_end("beside-a-run")["state"] == "succeeded"
        assert folder.is_dir(), "its run goes on"

        lost.stop(first, signal.SIGKILL)
        launcher, worker = (pid_of(lost, event) for event in ("start", "worker"))
        os.kill(launcher, signal.SIGKILL)
        age(lost)
        other.post("beside-an-orphan")
        assert other.wait_for_end("beside-an-orphan")["state"] == "succeeded"
        assert folder.is_dir(), "the worker that outlived its launcher goes on"

        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: lost.processes() == [], 10)
        age(lost)
        other.post("alone")
        assert other.wait_for_end("alone")["state"] == "succeeded"
        assert not folder.exists()
        assert str(folder) in other.log.read_text()
        assert lost.leftovers() == ["backup-requests/run.json"]
        other.stop(second)
