"""A run's folder that a lost node left is removed, and only where it is provably nobody's."""

import errno
import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.abandoned import STILL_SECONDS, remove_abandoned, runs_in
from sidecar.leftover_checkup import leftover_checks
from sidecar.lock_reach import locks_reach_all, reaches_all
from sidecar.run_lock import LOCK_SUFFIX, show_life
from sidecar.temporary import HIDDEN, clear_temporary, make_temporary, plan_temporary

NOW = time.time()
LONG_AGO = NOW - 2 * STILL_SECONDS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "backups"
    root.mkdir()
    return root


def left_behind(root: Path, *, since: float = LONG_AGO) -> Path:
    """Make what a run leaves whose processes are gone."""
    folder = Path(plan_temporary(f"{root}/nightly", (str(root),), None))
    lock = make_temporary(str(folder))
    assert lock is not None
    os.close(lock)
    (folder / "store").mkdir()
    (folder / "store/neostore").write_bytes(b"x" * 100)
    age(folder, since)
    return folder


def age(folder: Path, since: float) -> None:
    """Have all of a run's folder, and its lock, be as it was at a time."""
    for path in (*folder.rglob("*"), folder, lock_of(folder)):
        if path.exists() or path.is_symlink():
            os.utime(path, (since, since), follow_symlinks=False)


def lock_of(folder: Path) -> Path:
    return Path(f"{folder}{LOCK_SUFFIX}")


def clear(root: Path, *, reach: bool = True) -> None:
    remove_abandoned(str(root / HIDDEN), NOW, lambda path: reach)


def test_what_nobody_is_at_is_removed_with_its_lock(root: Path) -> None:
    left_behind(root)
    left_behind(root)

    clear(root)

    assert os.listdir(root / HIDDEN) == []


def test_a_lock_without_its_folder_is_removed_too(root: Path) -> None:
    folder = left_behind(root)
    lock = lock_of(folder)
    clear_temporary(str(folder))
    folder.parent.mkdir()
    lock.write_bytes(b"")
    os.utime(lock, (LONG_AGO, LONG_AGO))

    clear(root)

    assert not lock.exists()


def test_a_lock_is_held_where_only_what_is_open_for_writing_can_be_locked(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS; elsewhere it is open for reading, or no file system with a run could be made read-only."""
    flock = fcntl.flock

    def as_on_nfs(descriptor: int, how: int) -> None:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", as_on_nfs)
    folder = Path(plan_temporary(f"{root}/nightly", (str(root),), None))
    lock = make_temporary(str(folder))
    age(folder, LONG_AGO)

    clear(root)

    assert folder.exists()
    assert lock is not None
    os.close(lock)
    clear(root)
    assert not folder.exists()


def test_a_folder_whose_lock_somebody_holds_stays(root: Path) -> None:
    folder = Path(plan_temporary(f"{root}/nightly", (str(root),), None))
    lock = make_temporary(str(folder))
    assert lock is not None
    age(folder, LONG_AGO)

    clear(root)

    assert folder.is_dir()
    os.close(lock)
    clear(root)
    assert not folder.exists()


@pytest.mark.parametrize("changed", ["store/neostore", "store", "."])
def test_a_folder_in_which_something_was_written_lately_stays(root: Path, changed: str) -> None:
    folder = left_behind(root)
    os.utime(folder / changed, (NOW - STILL_SECONDS / 2,) * 2)

    clear(root)

    assert (folder / "store/neostore").exists()


def without_lock(folder: Path, elsewhere: Path) -> None:
    lock_of(folder).unlink()


def lock_is_a_link(folder: Path, elsewhere: Path) -> None:
    lock_of(folder).unlink()
    lock_of(folder).symlink_to(elsewhere / "file")


def lock_has_two_names(folder: Path, elsewhere: Path) -> None:
    os.link(lock_of(folder), elsewhere / "other")


def lock_is_a_fifo(folder: Path, elsewhere: Path) -> None:
    lock_of(folder).unlink()
    os.mkfifo(lock_of(folder))


def folder_is_a_link(folder: Path, elsewhere: Path) -> None:
    folder.rename(elsewhere / "moved")
    folder.symlink_to(elsewhere / "moved")


@pytest.mark.parametrize("doubt", [without_lock, lock_is_a_link, lock_has_two_names, lock_is_a_fifo, folder_is_a_link])
def test_what_no_release_that_locks_has_made_stays(
    root: Path, tmp_path: Path, doubt: Callable[[Path, Path], None]
) -> None:
    folder = left_behind(root)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_bytes(b"precious")
    doubt(folder, tmp_path / "elsewhere")
    age(folder, LONG_AGO)

    clear(root)

    assert (folder / "store/neostore").exists()
    assert (tmp_path / "elsewhere/file").read_bytes() == b"precious"


def test_links_in_it_are_removed_and_what_they_lead_to_stays(root: Path, tmp_path: Path) -> None:
    folder = left_behind(root)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "precious")
    age(folder, LONG_AGO)

    clear(root)

    assert not folder.exists()
    assert (tmp_path / "precious/file").read_bytes() == b"x"


def test_a_hidden_folder_that_is_a_link_is_not_entered(root: Path, tmp_path: Path) -> None:
    folder = left_behind(root)
    (root / HIDDEN).rename(tmp_path / "moved")
    (root / HIDDEN).symlink_to(tmp_path / "moved")

    clear(root)

    assert runs_in(str(root / HIDDEN)) == ()
    assert (tmp_path / "moved" / folder.name).is_dir()


def test_where_a_lock_is_not_one_for_everybody_all_stays(root: Path) -> None:
    folder = left_behind(root)

    clear(root, reach=False)

    assert folder.is_dir()


def test_what_others_keep_beside_the_folders_of_runs_stays(root: Path) -> None:
    left_behind(root)
    for name in ("notes", ".run-1", f".run-{'g' * 32}"):
        (root / HIDDEN / name).mkdir()
        os.utime(root / HIDDEN / name, (LONG_AGO, LONG_AGO))

    clear(root)

    assert sorted(os.listdir(root / HIDDEN)) == [".run-1", f".run-{'g' * 32}", "notes"]


NFS = "rw,vers=4.2,hard,proto=tcp,local_lock=none,addr=10.0.0.1"


@pytest.mark.parametrize(
    ("mount", "path", "reaches"),
    [
        ("/backups rw - ext4 /dev/sdb rw", "/backups/.neo4j-backup-tmp", True),
        ("/backups rw shared:3 - xfs /dev/sdb rw", "/backups", True),
        (f"/backups rw - nfs4 server:/x {NFS}", "/backups/x", True),
        ("/backups rw - nfs server:/x rw,vers=3,nolock,local_lock=all", "/backups/x", False),
        ("/backups rw - nfs server:/x rw,vers=3", "/backups/x", False),
        ("/backups rw - fuse.s3fs s3fs rw", "/backups/x", False),
        ("/backups rw - virtiofs share rw", "/backups/x", False),
        ("/backups rw - cifs //server/x rw", "/backups/x", False),
        ("/back rw - fuse.x x rw", "/backups/x", True),
        ("/my\\040backups rw - fuse.x x rw", "/my backups/x", False),
        ("/backups rw - ext4 /dev/sdb rw\n50 24 0:9 / /backups rw - fuse.x x rw", "/backups/x", False),
    ],
)
def test_which_locks_reach_everybody_is_told_by_how_the_file_system_is_mounted(
    mount: str, path: str, reaches: bool
) -> None:
    mounts = f"24 1 254:0 / / rw,relatime - ext4 /dev/root rw\ngarbage\n36 24 0:40 / {mount}\n"

    assert reaches_all(mounts, path) is reaches


def test_where_mounts_cannot_be_told_nothing_is_known() -> None:
    assert not reaches_all("", "/backups")


def test_a_look_names_what_nobody_is_at_and_what_cannot_be_told_and_not_what_is_in_use(root: Path) -> None:
    if not locks_reach_all(str(root)):
        pytest.skip("needs a file system whose locks are for everybody")
    nobodys, old_release = left_behind(root), left_behind(root)
    lock_of(old_release).unlink()
    in_use = plan_temporary(f"{root}/nightly", (str(root),), None)
    lock = make_temporary(in_use)
    assert lock is not None

    first, second = leftover_checks(str(root / HIDDEN))

    os.close(lock)
    assert f"that nobody is at: {nobodys.name} (100 bytes)" in first.message
    assert "The next backup" in first.hint
    assert f"{old_release.name} (100 bytes)" in second.message
    assert second.hint.endswith(f"rm -rf {old_release}")
    assert (nobodys.is_dir(), old_release.is_dir()) == (True, True)


def test_a_look_never_names_what_somebody_is_at_even_where_locks_are_not_for_everybody(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.leftover_checkup.locks_reach_all", lambda path: False)
    in_use = Path(plan_temporary(f"{root}/nightly", (str(root),), None))
    lock = make_temporary(str(in_use))
    assert lock is not None
    untold = left_behind(root)

    [check] = leftover_checks(str(root / HIDDEN))

    os.close(lock)
    assert in_use.name not in check.message + check.hint
    assert check.hint.endswith(f"rm -rf {untold}")


def test_a_run_that_lives_shows_it_by_its_lock_s_time_too(root: Path) -> None:
    folder = left_behind(root)
    held = os.open(lock_of(folder), os.O_RDONLY)

    show_life(held)
    clear(root)

    os.close(held)
    assert folder.exists()
