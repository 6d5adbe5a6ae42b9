"""A target folder is made and used without following links, and says what is in the way."""

import errno
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.errors import BackupError, ConfigurationError, InsufficientSpace
from sidecar.artifact import DamagedArtifact, Head, UnknownFormat
from sidecar.folders import explained
from sidecar.target import Target, open_nearest, open_target
from tests.tiers import require
from tests.unit.artifacts import FULL, SMALL

NAME = "neo4j-2026-11-23T06-15-59.backup"
OTHER = "neo4j-2026-11-24T06-15-59.backup"
NOBODY = 65534
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.fixture
def target(root: Path) -> Iterator[Target]:
    with open_target(str(root), (str(root),), create=False) as opened:
        yield opened


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may everything; act as nobody where this is root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A folder that everybody can reach, which tmp_path isn't."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def error_of(path: Path, root: Path, *, create: bool = True) -> BackupError:
    with pytest.raises(BackupError) as caught:
        open_target(str(path), (str(root),), create=create)
    assert caught.value.hint
    return caught.value


def test_missing_folders_are_made_for_owner_and_group(root: Path) -> None:
    umask = os.umask(0o022)
    try:
        with open_target(f"{root}/a/b/", (str(root),), create=True) as target:
            (root / "a/b" / NAME).write_bytes(b"x")

            assert target.listing("neo4j") == {NAME: 1}
    finally:
        os.umask(umask)
    assert stat.S_IMODE((root / "a").stat().st_mode) == stat.S_IMODE((root / "a/b").stat().st_mode) == 0o750


def test_the_root_is_made_too_where_its_parent_is_there(tmp_path: Path) -> None:
    root = tmp_path / "new"

    with open_target(f"{root}/a", (f"{root}/",), create=True):
        assert (root / "a").is_dir()
    assert "doesn't exist" in error_of(tmp_path / "x/y/z", tmp_path / "x/y").message


def test_the_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").symlink_to("elsewhere")

    with open_target(f"{tmp_path}/root/a", (f"{tmp_path}/root",), create=True):
        assert (tmp_path / "elsewhere/a").is_dir()


def test_the_nearest_is_the_target_or_the_folder_that_it_would_be_made_in(root: Path) -> None:
    (root / "a").mkdir()

    for path, at, nearest in (
        (root / "a", root, root / "a"),
        (root / "a/b/c", root, root / "a"),
        (root / "new/b", root / "new", root),
    ):
        with open_nearest(str(path), (str(at),)) as target:
            assert target.path == str(nearest)
            target.check_writable()
    assert [each.name for each in root.rglob("*")] == ["a"]


def test_the_nearest_is_nothing_that_a_target_may_not_lie_in(root: Path) -> None:
    (root / "link").symlink_to(root)
    (root / "file").touch()

    for path, at, words in (
        (root / "link/a", root, "is a link"),
        (root / "file/a", root, "is not a folder"),
        (root / "x/y/z", root / "x/y", "doesn't exist"),
        (root / "a", root / "b", "neither an allowed root"),
    ):
        with pytest.raises(BackupError, match=words):
            open_nearest(str(path), (str(at),))


def test_nothing_is_made_unless_asked_for(root: Path) -> None:
    assert "doesn't exist" in error_of(root / "a", root, create=False).message
    assert "doesn't exist" in error_of(root / "a", root / "a", create=False).message
    assert not (root / "a").exists()


def test_a_link_below_the_root_is_named_and_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "a").mkdir()
    (root / "a/link").symlink_to(tmp_path / "elsewhere")
    (root / "a/dangling").symlink_to(tmp_path / "nowhere")

    for name in ("link", "dangling"):
        error = error_of(root / "a" / name / "b", root)

        assert isinstance(error, ConfigurationError)
        assert f"{root}/a/{name} is a link" in error.message
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_file_in_the_way_is_named(root: Path) -> None:
    (root / "a").write_text("x")

    assert f"{root}/a is not a folder" in error_of(root / "a/b", root).message
    assert "Not a directory" in error_of(root / "a", root / "a").message


def test_a_path_that_no_root_allows_any_more_is_refused(root: Path) -> None:
    assert "NEO4J_BACKUP_ALLOWED_ROOTS" in error_of(root, root / "a").hint


def test_folders_that_may_not_be_entered_or_written_are_named_with_whom_it_runs_as(open_root: Path) -> None:
    (open_root / "closed").mkdir(mode=0o700)
    (open_root / "closed").chmod(0)
    (open_root / "readable").mkdir()
    (open_root / "readable").chmod(0o555)
    roots = (str(open_root),)

    with unprivileged():
        closed = error_of(open_root / "closed", open_root)
        made = error_of(open_root / "readable/x", open_root)
        with open_target(f"{open_root}/readable", roots, create=True) as target:
            with pytest.raises(ConfigurationError) as caught:
                target.check_writable()

            assert target.set_aside([NAME]).left[NAME].startswith("the sidecar can't open")
        user = os.geteuid()
    for error in (closed, made, caught.value):
        assert isinstance(error, ConfigurationError)
        assert f"runs as user {user}" in error.message
        assert "7474" in error.hint
    assert f"{open_root}/closed" in closed.message


def test_a_writable_folder_is_left_as_it_was(target: Target, root: Path) -> None:
    target.check_writable()

    assert os.listdir(root) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_or_quota_is_want_of_space(number: int) -> None:
    error = explained(OSError(number, os.strerror(number)), "/backups/x", "write to")

    assert isinstance(error, InsufficientSpace)
    assert "/backups/x" in error.message


def test_any_other_error_is_told_in_the_systems_words() -> None:
    error = explained(OSError(errno.ESTALE, "Stale file handle"), "/backups/x", "read")

    assert isinstance(error, ConfigurationError)
    assert error.message == "the sidecar can't read /backups/x: Stale file handle"


def test_a_listing_has_only_plain_files_of_exactly_that_database(target: Target, root: Path) -> None:
    (root / NAME).write_bytes(b"abc")
    (root / f"{NAME}.1").write_bytes(b"")
    (root / f"neo4j-x{NAME[5:]}").write_bytes(b"x")
    (root / f"{NAME}.tmp").write_bytes(b"x")
    (root / OTHER).mkdir()
    (root / f"{OTHER}.1").symlink_to(NAME)
    os.mkfifo(root / f"{OTHER}.2")

    assert target.listing("Neo4j") == {NAME: 3, f"{NAME}.1": 0}
    assert target.listing("Neo4j") == {NAME: 3, f"{NAME}.1": 0}
    assert target.listing("neo4j-x") == {f"neo4j-x{NAME[5:]}": 1}


def test_artifacts_are_examined_head_and_body(target: Target, root: Path) -> None:
    whole = bytes(FULL)
    (root / "whole").write_bytes(whole)
    (root / "cut").write_bytes(whole[:-1])
    (root / "short").write_bytes(whole[:9])
    (root / "unknown").write_bytes(b"BZV9" + bytes(90))

    found = {name: target.examine(name) for name in ("whole", "cut", "short", "unknown")}

    assert isinstance(found["whole"].head, Head)
    assert found["whole"].body is None
    assert found["cut"].head == found["whole"].head
    assert found["cut"].body is not None
    assert found["cut"].body.reason == "it ends 1 bytes before its zstd frame does"
    assert isinstance(found["short"].head, DamagedArtifact)
    assert isinstance(found["unknown"].head, UnknownFormat)
    assert target.heads(["whole", "cut"]) == {"whole": found["whole"].head, "cut": found["whole"].head}


def test_what_is_no_readable_file_is_no_artifact_and_holds_nobody_up(target: Target, root: Path) -> None:
    (root / "artifact").write_bytes(bytes(SMALL))
    (root / "link").symlink_to("artifact")
    (root / "folder").mkdir()
    os.mkfifo(root / "fifo")

    for name, word in {"link": "symbolic link", "folder": "plain", "fifo": "plain", "gone": "No such"}.items():
        head = target.examine(name).head

        assert isinstance(head, DamagedArtifact)
        assert word in head.reason


def test_a_problem_does_not_keep_what_was_read(target: Target, root: Path) -> None:
    (root / "cut").write_bytes(bytes(FULL)[:-1])

    body = target.examine("cut").body

    assert body is not None
    assert body.__traceback__ is None
    assert body.__context__ is None


def test_the_room_is_that_of_the_folders_file_system(target: Target, root: Path) -> None:
    found = target.file_system()

    assert found.device == root.stat().st_dev
    assert 0 < found.free_bytes < found.total_bytes


def test_what_is_set_aside_lies_in_failed_as_it_was(target: Target, root: Path) -> None:
    for name in (NAME, f"{NAME}.1", OTHER):
        (root / name).write_text(name)

    result = target.set_aside([NAME, f"{NAME}.1"])

    assert result.moved == {NAME: NAME, f"{NAME}.1": f"{NAME}.1"}
    assert result.left == {}
    assert sorted(os.listdir(root)) == [".failed", OTHER]
    assert (root / ".failed" / NAME).read_text() == NAME
    assert stat.S_IMODE((root / ".failed").stat().st_mode) & 0o027 == 0


def test_nothing_that_was_set_aside_is_overwritten_and_parts_stay_together(target: Target, root: Path) -> None:
    moved: dict[str, str] = {}

    for round_ in ("first", "second", "third"):
        (root / NAME).write_text(round_)
        if round_ != "first":
            (root / f"{NAME}.1").write_text(round_)
        moved = target.set_aside([NAME, f"{NAME}.1"]).moved

    assert moved == {NAME: f"{NAME}~3", f"{NAME}.1": f"{NAME}.1~3"}
    assert {path.name: path.read_text() for path in (root / ".failed").iterdir()} == {
        NAME: "first",
        f"{NAME}~2": "second",
        f"{NAME}.1~2": "second",
        f"{NAME}~3": "third",
        f"{NAME}.1~3": "third",
    }


def test_setting_aside_again_after_a_crash_moves_the_rest(target: Target, root: Path) -> None:
    (root / NAME).write_text("x")
    target.set_aside([NAME])
    (root / f"{NAME}.1").write_text("x")

    result = target.set_aside([NAME, f"{NAME}.1"])

    assert list(result.moved) == [f"{NAME}.1"]
    assert result.left == {}


def test_with_nothing_to_set_aside_no_folder_is_made(target: Target, root: Path) -> None:
    target.set_aside([])

    assert os.listdir(root) == []


def test_a_link_in_the_place_of_failed_is_not_followed(target: Target, root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / ".failed").symlink_to(tmp_path / "elsewhere")
    (root / NAME).write_text("x")

    result = target.set_aside([NAME])

    assert result.moved == {}
    assert "is a link" in result.left[NAME]
    assert os.listdir(tmp_path / "elsewhere") == []


ON_REAL_FILE_SYSTEMS = """
import json, subprocess, sys
from sidecar.target import open_target
from shared.errors import BackupError

def mount(*options): subprocess.run(["mount", "-t", "tmpfs", *options], check=True)
def told(act):
    try:
        return repr(act())
    except BackupError as error:
        return error.code

root, name = sys.argv[1:]
mount("-o", "size=64k", "none", root)
told_ = {}
with open_target(root, (root,), create=True) as target:
    told_["room"] = told(target.check_writable)
    with open(f"{root}/{name}", "wb", buffering=0) as file:
        try:
            while True: file.write(bytes(4096))
        except OSError:
            pass
    told_["full"] = told(target.check_writable)
    told_["free"] = target.file_system().free_bytes
    told_["moved on a full disk"] = target.set_aside([name]).moved
    open(f"{root}/{name}", "wb").close()
    mount("none", f"{root}/.failed")
    told_["left"] = target.set_aside([name]).left
    subprocess.run(["umount", f"{root}/.failed"], check=True)
    subprocess.run(["mount", "-o", "remount,ro", root], check=True)
    told_["read-only"] = told(target.check_writable)
    told_["read-only left"] = target.set_aside([name]).left
told_["new on read-only"] = told(lambda: open_target(root + "/x", (root,), create=True))
print(json.dumps(told_))
"""


@pytest.mark.mounts
def test_full_and_read_only_disks_are_told_and_no_file_system_is_crossed(root: Path) -> None:
    asked = subprocess.run([*UNSHARE, "true"], capture_output=True, check=False)
    require("mounts", asked.returncode == 0, "no user namespace may be made here")

    run = subprocess.run(
        [*UNSHARE, sys.executable, "-c", ON_REAL_FILE_SYSTEMS, str(root), NAME],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["room"] == "None"
    assert (told["full"], told["free"]) == ("insufficient_space", 0)
    assert told["moved on a full disk"] == {NAME: NAME}
    assert "cross-device" in told["left"][NAME].lower()
    assert told["read-only"] == told["new on read-only"] == "configuration_error"
    assert "Read-only" in told["read-only left"][NAME]
