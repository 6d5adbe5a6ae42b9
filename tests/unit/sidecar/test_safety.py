"""What the sidecar puts on a disk is for its user and group, under names that nobody guesses, and through no link."""

import ast
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import sidecar
from sidecar.files import open_folder, open_plain, temporary_name, write_whole
from sidecar.temporary import plan_temporary
from sidecar.volume import Volume

SOURCES = Path(next(iter(sidecar.__path__)))
CALLS = frozenset(
    {"open", "mkdir", "unlink", "rename", "rmdir", "stat", "chmod", "link", "symlink", "replace", "remove", "truncate"}
)
# What is named by a path and not within a folder that is held: roots that a person chose, and what is only looked at.
BY_PATH = {
    ("folders", "open_root", "open"): "an allowed root, which may be a link",
    ("data_folder", "folder_bytes", "open"): "a folder whose size is added up, each below it within the one above",
    ("data_folder", "_is_folder", "stat"): "whether a database has a folder",
    ("preparation", "_ask", "stat"): "neo4j-admin",
    ("preparation", "_state", "stat"): "neo4j-admin",
    ("temporary", "clear_temporary", "open"): "the hidden folder, without following a link, or NEO4J_BACKUP_TEMP",
    ("temporary", "clear_temporary", "rmdir"): "the hidden folder, which goes only where it is empty",
    ("run_lock", "last_sign", "stat"): "when a run showed last that it lives",
    ("target_lock", "release", "rmdir"): "the hidden folder, which goes only where it is empty",
    ("temporary", "file_system_of", "stat"): "how much room there is",
    ("abandoned", "_open", "open"): "the hidden folder, without following a link, or NEO4J_BACKUP_TEMP",
    ("volume", "open", "open"): "the request volume",
    ("volume", "check", "stat"): "whether the request volume is the one that is held",
    ("proc", "_read", "open"): "what the kernel tells of a process",
    ("store_lock", "_held", "open"): "whether a server holds a store's lock, without following a link",
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    before = os.umask(0)
    yield descriptor
    os.umask(before)
    os.close(descriptor)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_files_are_for_owner_and_group_and_folders_too_whatever_the_umask_lets_through(
    folder: int, tmp_path: Path
) -> None:
    write_whole(folder, "document", b"x")
    os.close(open_folder("made", within=folder))
    os.close(open_plain("log", os.O_RDWR | os.O_CREAT, within=folder))
    Volume.open(str(tmp_path)).close()

    made = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert made == {
        "document": 0o640,
        "made": 0o750,
        "log": 0o640,
        "status": 0o750,
        "logs": 0o750,
        "refused": 0o750,
        "sidecar.lock": 0o640,
    }


def test_no_temporary_name_can_be_guessed() -> None:
    names = {temporary_name() for _ in range(1000)} | {plan_temporary("/r/a", ("/r",), None) for _ in range(1000)}

    assert len(names) == 2000
    assert all(re.search(r"[0-9a-f]{24,32}(\.tmp)?$", name) for name in names)


def test_a_temporary_name_that_was_guessed_all_the_same_writes_into_no_file_of_another(
    folder: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "precious").write_text("mine")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * 2 * size)
    (tmp_path / temporary_name()).symlink_to(tmp_path / "precious")

    with pytest.raises(FileExistsError):
        write_whole(folder, "document", b"x")

    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "document").exists()


@pytest.mark.parametrize("name", ["status", "logs", "refused", "sidecar.lock"])
def test_no_link_in_the_request_volume_is_followed(name: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match=name):
        Volume.open(str(tmp_path / "volume"))

    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_document_takes_the_place_of_a_link_and_leaves_what_it_led_to(folder: int, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "backup.status").symlink_to("precious")

    write_whole(folder, "backup.status", b"x")

    assert (tmp_path / "precious").read_text() == "mine"
    assert not (tmp_path / "backup.status").is_symlink()


def test_a_log_with_a_second_name_is_not_written_to(folder: int, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    os.link(tmp_path / "precious", tmp_path / "log")

    with pytest.raises(OSError, match="2 names"):
        open_plain("log", os.O_RDWR | os.O_CREAT, within=folder)


def calls(path: Path) -> Iterator[tuple[str, str, str]]:
    """Give each call of ``path`` that names a file by a path alone: the module, the function, what is called."""
    tree = ast.parse(path.read_text())
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            match call:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr=name), keywords=keywords):
                    within = {keyword.arg for keyword in keywords} & {"dir_fd", "src_dir_fd", "dst_dir_fd"}
                    if name in CALLS and not within:
                        yield path.stem, function.name, name
                case ast.Call(func=ast.Name(id="open")):
                    yield path.stem, function.name, "open"


def test_whatever_is_made_changed_or_removed_is_named_within_a_folder_that_is_held() -> None:
    found = {call for path in SOURCES.rglob("*.py") for call in calls(path)}

    assert found == set(BY_PATH)
