"""The wall clock is set under a sidecar that works, and no decision hangs on it.

The daemon's clock and the times of files as it sees them are libfaketime's, the artifact's time is the stand-in's:
nothing else of this machine is told another time. Files that lay there before keep theirs, as on a real disk.
"""

import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder
from tests.integration.serving import a_listening_server
from tests.rig import Rig, a_rig, wait_for
from tests.standin import server
from tests.tiers import require

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
JUMPS = {"back a day": timedelta(days=-1), "ahead a year": timedelta(days=365)}

pytestmark = pytest.mark.libfaketime


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A sidecar whose clock is what ``set_clock`` says."""
    require("libfaketime", LIBRARY is not None, "there is no libfaketime (Debian's package libfaketime)")
    with a_listening_server() as address, a_rig(tmp_path / "rig", "neo4j") as rig:
        (rig.folder / "clock").write_text("+0")
        rig.environment |= {
            "NEO4J_BACKUP_FROM": address,
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(rig.folder / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        yield rig
    # One that is killed leaves behind what it shares its clock by.
    for daemon in rig.daemons:
        for name in (f"faketime_shm_{daemon.pid}", f"sem.faketime_sem_{daemon.pid}"):
            Path("/dev/shm", name).unlink(missing_ok=True)


def set_clock(rig: Rig, jump: timedelta) -> None:
    """Set the clock of a sidecar and of the runs to come; what lies there keeps its times."""
    for path in (*rig.backups.rglob("*"), *rig.requests.rglob("*")):
        if path.is_file():
            before = path.stat().st_mtime - jump.total_seconds()
            os.utime(path, (before, before))
    rig.set_knobs(clock=jump.total_seconds())
    (rig.folder / "clock").write_text(f"{jump.total_seconds():+.0f}")


@pytest.mark.parametrize(
    ("jump", "which"),
    [
        pytest.param(jump, which, marks=fault(Group.CLOCK, f"the clock is set {how} {what}"), id=f"{how}, {which}")
        for how, jump in JUMPS.items()
        for which, what in {
            "running": "in mid-run",
            "queued": "while a request waits for its turn",
            "cut off": "in mid-run, and the sidecar is killed",
        }.items()
    ],
)
def test_a_clock_that_is_set_decides_nothing(rig: Rig, jump: timedelta, which: str, row: Recorder) -> None:
    rig.start()
    rig.post("before")
    rig.wait_for_end("before")
    server.commit(rig.data, "neo4j", 4)
    rig.set_knobs(faults=[{"fault": "hang", "stage": "transactions", "seconds": 1 if which != "cut off" else 60}])
    for name in ("running", "queued"):
        rig.submit(name, "DIFF")
    wait_for(lambda: len(rig.processes()) >= 2, 10)

    row.strike()
    set_clock(rig, jump)
    elapsed = rig.lines("get", "running")[0]["status"]["progress"]["elapsed_seconds"]
    if which == "cut off":
        rig.stop(rig.daemons[-1], signal.SIGKILL)
        rig.start()
    running = rig.wait_for_end("running")
    queued = rig.wait_for_end("queued") if which == "queued" else running
    row.ended(rig, queued)
    rig.wait_for_end("queued")
    server.commit(rig.data, "neo4j", 4)
    rig.submit("after", "DIFF")
    after = rig.wait_for_end("after")

    set_by = datetime.fromisoformat(after["accepted_at"]) - datetime.fromisoformat(running["accepted_at"])
    assert abs(set_by - jump) < timedelta(minutes=5), "the sidecar's clock was not set, and this shows nothing"
    assert 0 <= elapsed < 60
    assert running["code"] == ("backup_interrupted" if which == "cut off" else None), running["message"]
    assert [document["id"] for document in rig.documents()] == ["before", "running", "queued", "after"]
    assert {document["state"] for document in rig.documents() if document is not running} - {"failed"} == {"succeeded"}
    assert after["results"][0]["type"] == "DIFF"
    listed = [line["status"]["id"] for line in rig.lines("list")[:-1]]
    assert listed == ["after", "queued", "running", "before"]
    rig.stop(rig.daemons[-1])
