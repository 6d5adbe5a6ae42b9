"""What lies under a backup: no room, no right to write, a link, a folder that goes meanwhile."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.matrix import Group, fault, faults
from tests.faults.recording import Recorder
from tests.integration.disks import a_disk, a_disk_that_may_hang, fill, hanging, remount
from tests.integration.serving import failed_folder, lent, serving
from tests.rig import Rig, wait_for

RESERVE = "NEO4J_BACKUP_RESERVE"
IMPATIENT = (
    "import functools, sidecar.parts as p, sidecar.run as r; from sidecar.main import main; r.FOLDER_SECONDS = 3; "
    "p.ProcessRunner = functools.partial(p.ProcessRunner, unkillable_after=2); main()"
)
"""The daemon, with less patience for a volume and for processes that can't be ended; what follows is its verb."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("disk") / "rig", "neo4j", "movies", size=4 << 20) as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    with lent(served) as rig:
        yield rig


@contextmanager
def on_a_small_disk(folder: Path, reserve: str) -> Iterator[Rig]:
    """Give a sidecar whose backups lie on a disk of 16 MiB."""
    with serving(folder, "neo4j", size=4 << 20, settings={RESERVE: reserve}) as rig, a_disk(rig.backups):
        yield rig


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with on_a_small_disk(tmp_path_factory.mktemp("small"), "4m") as rig:
        yield rig


@pytest.fixture
def small(small_disk: Rig) -> Iterator[Rig]:
    """A sidecar on a disk of which 4 MiB stay free; it is as before after the test."""
    with lent(small_disk) as rig:
        yield rig
        remount(rig.backups, "rw")
        for path in rig.backups.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.mounts
@fault(Group.DISK, "the target has no room for the backup beside the reserve")
def test_a_run_that_would_not_fit_beside_the_reserve_is_not_begun(small: Rig, row: Recorder) -> None:
    # The stand-in's own stores are sparse, and only what is on the disk counts.
    (small.data / "databases/neo4j/neostore.nodestore.db").write_bytes(os.urandom(4 << 20))
    fill(small.backups, leave=9 << 20)

    row.strike()
    small.submit("no-room")
    document = small.wait_for_end("no-room")
    row.ended(small, document)

    assert (document["code"], document["exit_code"]) == ("insufficient_space", 5)
    assert "stay free for the database" in document["message"]
    assert small.invocations() == []


@pytest.mark.mounts
@fault(Group.DISK, "the reserve is reached in mid-run")
def test_a_run_that_eats_into_the_reserve_is_ended(small: Rig, row: Recorder) -> None:
    small.set_knobs(rate=2_000_000)
    small.submit("eats")
    wait_for(lambda: len(small.processes()) >= 2, 10)

    row.strike()
    fill(small.backups, leave=3 << 20)
    document = small.wait_for_end("eats")
    row.ended(small, document)

    assert (document["code"], document["exit_code"]) == ("insufficient_space", 5)
    assert "the backup was ended" in document["message"]
    assert (small.artifacts(), small.processes()) == ([], [])


@pytest.mark.mounts
@fault(Group.DISK, "the target's disk runs full in mid-run, with no reserve set")
def test_a_target_that_runs_full_is_told(tmp_path: Path, row: Recorder) -> None:
    with on_a_small_disk(tmp_path, "0") as rig:
        rig.set_knobs(rate=2_000_000)
        rig.submit("full")
        wait_for(lambda: len(rig.processes()) >= 2, 10)

        row.strike()
        fill(rig.backups)
        document = rig.wait_for_end("full")
        row.ended(rig, document)

        assert (document["code"], document["exit_code"]) == ("insufficient_space", 5)
        assert "ran full" in document["message"]
        assert (rig.artifacts(), rig.processes()) == ([], [])


@pytest.mark.mounts
@fault(Group.DISK, "the target is read-only")
def test_a_read_only_target_is_told_before_anything_runs(small: Rig, row: Recorder) -> None:
    remount(small.backups, "ro")

    row.strike()
    small.submit("read-only")
    document = small.wait_for_end("read-only")
    row.ended(small, document)

    assert (document["code"], document["exit_code"]) == ("configuration_error", 5)
    assert "read-only" in document["message"]
    assert small.invocations() == []


@pytest.mark.mounts
@fault(Group.DISK, "the target becomes read-only in mid-run, and the backup is cancelled")
def test_a_target_that_becomes_read_only_is_told_and_nothing_is_claimed(small: Rig, row: Recorder) -> None:
    small.set_knobs(faults=[{"fault": "hang", "stage": "end"}])
    small.submit("turned")
    small.wait_for_output("Finished artifact creation")

    remount(small.backups, "ro")
    row.strike()
    small.lines("cancel", "turned")
    document = small.wait_for_end("turned")
    row.ended(small, document)

    assert document["state"] == "cancelled"
    assert "could not be set aside" in document["message"]
    assert "temporary folder" in document["message"]
    assert "could not be removed" in document["message"]


@pytest.mark.mounts
@fault(Group.DISK, "the target's volume hangs, and the backup is cancelled")
def test_a_target_that_hangs_holds_up_its_own_run_and_nothing_else(tmp_path: Path, row: Recorder) -> None:
    with (
        serving(tmp_path / "rig", "neo4j") as rig,
        a_disk_that_may_hang(rig.backups, tmp_path / "image") as disk,
    ):
        with hanging(disk):
            rig.submit("hangs")
            rig.wait_for_state("hangs", "running")
            time.sleep(0.3)
            began = time.monotonic()

            assert rig.lines("get", "hangs")[0]["status"]["state"] == "running"
            assert rig.lines("probe")[0]["probe"]["under_way"] == 1
            row.strike()
            rig.lines("cancel", "hangs")
            document = rig.wait_for_end("hangs")
            row.ended(rig, document)
            assert document["state"] == "cancelled"
            assert time.monotonic() - began < 10

        rig.submit("after")
        assert rig.wait_for_end("after")["state"] == "succeeded"
        wait_for(lambda: rig.leftovers() == [], 5)
        held = [os.readlink(link) for link in Path(f"/proc/{rig.daemons[-1].pid}/fd").iterdir()]
        assert not [path for path in held if path.startswith(str(rig.backups))], "it holds what came too late"


def write_for_seconds(rig: Rig, name: str) -> None:
    """Run a request until neo4j-admin writes its artifact, for 4 s or so."""
    rig.set_knobs(rate=1_000_000)
    rig.submit(name)
    wait_for(lambda: rig.artifacts() != [], 15)


def is_stuck(rig: Rig) -> bool:
    """Say whether a process of neo4j-admin waits in the kernel, where no signal reaches it."""
    states = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in rig.processes()]
    return "D" in states


@pytest.mark.mounts
@fault(
    Group.DISK,
    "the target's volume hangs in mid-run, and the backup is cancelled (with patience of 2 and 3 s, else 30 and 120 s)",
)
def test_a_cancel_is_told_also_where_neo4j_admin_cannot_be_ended_and_says_what_was_not_done(
    tmp_path: Path, row: Recorder
) -> None:
    with (
        serving(tmp_path / "rig", "neo4j", size=4 << 20) as rig,
        a_disk_that_may_hang(rig.backups, tmp_path / "image") as disk,
    ):
        rig.stop(rig.daemons[-1])
        rig.start((sys.executable, "-I", "-c", IMPATIENT, "run"))
        write_for_seconds(rig, "stuck")
        with hanging(disk):
            wait_for(lambda: is_stuck(rig), 10)

            row.strike()
            rig.lines("cancel", "stuck")
            document = rig.wait_for_end("stuck")
            row.told()

            assert rig.ask("probe").returncode == 0
        wait_for(lambda: (rig.processes(), rig.leftovers(), rig.artifacts()) == ([], [], []), 15)
        row.ended(rig, document)

        assert (document["state"], document["exit_code"]) == ("cancelled", 3)
        said = document["message"]
        assert "the backup was cancelled; processes of neo4j-admin did not end 2 s after SIGKILL: pid" in said
        assert f"{rig.target} doesn't answer and was not tidied" in said
        assert "the temporary folder" in said
        assert "its volume hangs" in document["hint"].lower()
        assert len(failed_folder(rig)) == 1
        held = [os.readlink(link) for link in Path(f"/proc/{rig.daemons[-1].pid}/fd").iterdir()]
        assert not [path for path in held if path.startswith(str(rig.backups))], "it holds what came too late"
        rig.set_knobs()
        rig.submit("after")
        assert rig.wait_for_end("after")["state"] == "succeeded"


@pytest.mark.mounts
@fault(Group.DISK, "the target's volume hangs for 3 s in mid-run, and is well again")
def test_a_backup_to_a_target_that_hangs_for_a_while_goes_on_after_it(tmp_path: Path, row: Recorder) -> None:
    with (
        serving(tmp_path / "rig", "neo4j", size=4 << 20) as rig,
        a_disk_that_may_hang(rig.backups, tmp_path / "image") as disk,
    ):
        write_for_seconds(rig, "waits")
        row.strike()
        with hanging(disk):
            wait_for(lambda: is_stuck(rig), 10)
            time.sleep(3)
            assert rig.lines("get", "waits")[0]["status"]["state"] == "running"
        document = rig.wait_for_end("waits")
        row.ended(rig, document)

        assert (document["state"], document["exit_code"]) == ("succeeded", 0)
        assert rig.artifacts() == [document["results"][0]["artifact"]]
        assert failed_folder(rig) == []


DELETED = {
    "the target is deleted in mid-run": (None, "is no longer there"),
    "the target is deleted in mid-run, and neo4j-admin doesn't notice": ("line_without_file", "no such file lies in"),
}


@pytest.mark.parametrize("name", faults(Group.DISK, DELETED))
def test_a_target_that_is_deleted_meanwhile_fails_that_database_only(rig: Rig, name: str, row: Recorder) -> None:
    hang = {"fault": "hang", "stage": "recover", "seconds": 3, "database": "neo4j"}
    struck, says = DELETED[name]
    rig.set_knobs(faults=[hang] + ([{"fault": struck, "database": "neo4j"}] if struck else []))
    rig.submit(rig.target.name, database=["neo4j", "movies"])
    printed = rig.requests / f"logs/{rig.target.name}.log"
    wait_for(lambda: printed.exists() and b"Start recovering" in printed.read_bytes(), 10)

    shutil.rmtree(rig.target)
    row.strike()
    document = rig.wait_for_end(rig.target.name)
    row.ended(rig, document)

    assert [result["state"] for result in document["results"]] == ["failed", "succeeded"], document
    assert document["code"] in ("artifact_unverified", "backup_failed", "configuration_error")
    assert says in document["message"]
    assert document["output_tail"] != []


def test_a_target_that_is_replaced_by_a_link_meanwhile_is_not_followed(rig: Rig) -> None:
    elsewhere = rig.folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    rig.set_knobs(faults=[{"fault": "hang", "stage": "connect", "seconds": 3}])
    rig.submit(rig.target.name)
    wait_for(lambda: len(rig.processes()) >= 2, 10)

    rig.target.rename(rig.folder / f"{rig.target.name}-moved")
    rig.target.symlink_to(elsewhere)
    document = rig.wait_for_end(rig.target.name)

    assert (document["state"], document["code"]) == ("failed", "artifact_unverified")
    # neo4j-admin itself goes by the name: docs/security.md says what follows from that.
    rig.target.unlink()


@pytest.mark.mounts
@fault(Group.DISK, "the disk of the temporary folder runs full in mid-run, with no reserve set")
def test_a_temporary_folder_that_runs_full_is_told(tmp_path: Path, row: Recorder) -> None:
    temporary = tmp_path / "rig/temporary"
    settings = {RESERVE: "0", "NEO4J_BACKUP_TEMP": str(temporary)}
    with serving(tmp_path / "rig", "neo4j", size=4 << 20, settings=settings) as rig, a_disk(temporary):
        rig.set_knobs(rate=2_000_000)
        rig.submit("full")
        wait_for(lambda: len(rig.processes()) >= 2, 10)

        row.strike()
        fill(temporary)
        document = rig.wait_for_end("full")
        row.ended(rig, document)

        assert (document["code"], document["exit_code"]) == ("insufficient_space", 5)
        assert "temporary files ran full" in document["message"]
        assert (rig.artifacts(), os.listdir(temporary)) == ([], ["filler"])


@pytest.mark.parametrize("where", ["the target", "a folder above it"])
def test_a_link_below_a_root_is_refused(rig: Rig, where: str) -> None:
    outside = rig.folder / f"outside-{rig.target.name}"
    outside.mkdir()
    link = rig.backups / f"link-{rig.target.name}"
    link.symlink_to(outside)
    rig.target = link if where == "the target" else link / "below"

    told = rig.submit(rig.target.name)

    assert (told["error"]["code"], told["error"]["exit_code"]) == ("request_rejected", 4)
    assert "is a link" in told["error"]["message"]
    assert os.listdir(outside) == []


def test_a_link_that_is_put_there_while_the_request_waits_is_refused_at_its_turn(rig: Rig) -> None:
    outside = rig.folder / f"outside-{rig.target.name}"
    outside.mkdir()
    rig.set_knobs(faults=[{"fault": "hang", "database": "neo4j"}])
    rig.submit(f"{rig.target.name}-first")
    wait_for(lambda: len(rig.processes()) >= 2, 10)
    first, rig.target = rig.target, rig.backups / f"{rig.target.name}-linked"
    rig.submit(rig.target.name, database="movies")

    rig.target.symlink_to(outside)
    rig.lines("cancel", f"{first.name}-first")
    document = rig.wait_for_end(rig.target.name)

    assert (document["code"], document["exit_code"]) in (("configuration_error", 5), ("request_rejected", 4))
    assert "is a link" in document["message"]
    assert os.listdir(outside) == []


def test_a_file_in_the_targets_place_is_refused(rig: Rig) -> None:
    rig.target.write_text("not a folder")

    told = rig.submit(rig.target.name)

    assert told["error"]["code"] == "request_rejected"
    assert "is not a folder" in told["error"]["message"]


def test_a_target_is_made_with_the_folders_above_it_and_nobody_else_may_enter(rig: Rig) -> None:
    rig.target = rig.target / "a" / "b"

    rig.submit(rig.target.parent.parent.name)
    document = rig.wait_for_end(rig.target.parent.parent.name)

    assert document["state"] == "succeeded"
    for folder in (rig.target, rig.target.parent, rig.target.parent.parent):
        assert folder.stat().st_mode & 0o7777 == 0o750


def test_a_run_within_the_same_second_does_not_want_the_same_name(rig: Rig) -> None:
    names = []
    for number in range(2):
        rig.submit(f"{rig.target.name}-{number}")
        names.append(rig.wait_for_end(f"{rig.target.name}-{number}")["results"][0]["artifact"])

    assert len(set(names)) == 2
    assert failed_folder(rig) == []
