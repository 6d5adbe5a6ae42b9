"""Each run has a temporary folder of its own, and its removal touches nothing else."""

import os
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from sidecar.temporary import HIDDEN, clear_temporary, file_system_of, make_temporary, plan_temporary


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "backups"
    root.mkdir()
    return root


def made(root: Path, temp: Path | None = None) -> Path:
    path = plan_temporary(f"{root}/nightly", (str(root),), None if temp is None else str(temp))
    lock = make_temporary(path)
    assert lock is not None
    os.close(lock)
    return Path(path)


def test_it_is_fresh_and_in_a_hidden_folder_of_the_innermost_root() -> None:
    roots = ("/data", "/data/backups")

    first, second = (Path(plan_temporary("/data/backups/nightly", roots, None)) for _ in range(2))

    assert first != second
    assert first.parent == second.parent == Path("/data/backups") / HIDDEN
    assert first.name.startswith(".")


def test_the_setting_chooses_another_place() -> None:
    assert plan_temporary("/backups/x", ("/backups",), "/scratch").startswith("/scratch/.")


def test_a_target_below_no_root_has_none() -> None:
    with pytest.raises(ConfigurationError, match="below one"):
        plan_temporary("/elsewhere", ("/backups",), None)


def test_it_is_empty_and_open_to_nobody_else(root: Path) -> None:
    folder = made(root)

    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700


def test_a_root_or_a_setting_that_is_missing_is_made(tmp_path: Path) -> None:
    assert made(tmp_path / "root").is_dir()
    assert made(tmp_path / "root", tmp_path / "scratch").parent == tmp_path / "scratch"


def test_a_setting_that_cannot_be_a_folder_is_told(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(ConfigurationError, match="file"):
        made(root, tmp_path / "file")
    with pytest.raises(ConfigurationError, match="doesn't exist"):
        made(root, tmp_path / "missing/below")


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_file_in_the_hidden_folders_place_is_refused(root: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    if kind == "link":
        (root / HIDDEN).symlink_to(tmp_path / "elsewhere")
    else:
        (root / HIDDEN).write_bytes(b"")

    with pytest.raises(ConfigurationError, match="no folder but a link or a file"):
        made(root)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_it_is_removed_with_all_that_is_in_it_and_nothing_is_left_of_the_hidden_folder(root: Path) -> None:
    folder = made(root)
    (folder / "store/deeper").mkdir(parents=True)
    (folder / "store/deeper/file").write_bytes(b"x")
    (folder / "store/read-only").write_bytes(b"x")
    (folder / "store/read-only").chmod(0o400)
    os.mkfifo(folder / "fifo")

    left = clear_temporary(str(folder))

    assert left is None
    assert list(root.iterdir()) == []


def test_another_runs_folder_stays(root: Path) -> None:
    mine, other = made(root), made(root)

    clear_temporary(str(mine))

    assert other.is_dir()
    assert not mine.exists()


def test_links_in_it_are_removed_and_what_they_lead_to_stays(root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    folder = made(root)
    (folder / "to-folder").symlink_to(precious)
    (folder / "to-file").symlink_to(precious / "file")

    left = clear_temporary(str(folder))

    assert left is None
    assert (precious / "file").read_bytes() == b"x"
    assert not folder.exists()


def test_a_link_in_its_own_place_is_removed_and_what_it_leads_to_stays(root: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_bytes(b"x")
    folder = made(root)
    folder.rmdir()
    folder.symlink_to(precious)

    assert clear_temporary(str(folder)) is None
    assert (precious / "file").exists()
    assert not folder.is_symlink()


def test_a_link_in_the_hidden_folders_place_is_not_followed(root: Path, tmp_path: Path) -> None:
    folder = made(root)
    folder.parent.rename(tmp_path / "moved")
    folder.parent.symlink_to(tmp_path / "moved")

    left = clear_temporary(str(folder))

    assert left is not None
    assert (tmp_path / "moved" / folder.name).is_dir()


def test_one_that_is_gone_leaves_nothing_to_tell(root: Path) -> None:
    folder = made(root)
    clear_temporary(str(folder))

    assert clear_temporary(str(folder)) is None
    assert clear_temporary(f"{root}/nowhere/{folder.name}") is None


@pytest.mark.parametrize("name", ["nightly", ".run-1", "..", ".run-" + "g" * 32])
def test_what_no_run_made_is_never_removed(root: Path, name: str) -> None:
    (root / "sub" / "nightly").mkdir(parents=True)
    (root / "sub" / ".run-1").mkdir()

    left = clear_temporary(f"{root}/sub/{name}")

    assert left is not None
    assert "stays" in left
    assert len(list((root / "sub").iterdir())) == 2


def test_what_cannot_be_removed_is_told_and_the_rest_is_gone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(root)
    for name in ("a", "stuck", "z"):
        (folder / name).write_bytes(b"")
    unlink = os.unlink

    def unlink_but_one(name: str, *, dir_fd: int | None = None) -> None:
        if name == "stuck":
            raise PermissionError(1, "Operation not permitted")
        unlink(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink_but_one)

    left = clear_temporary(str(folder))

    assert left is not None
    assert f"{folder}/stuck: Operation not permitted" in left
    assert [each.name for each in folder.iterdir()] == ["stuck"]


def test_the_file_system_is_told_before_the_folder_is_made(root: Path) -> None:
    planned = plan_temporary(str(root), (str(root),), None)

    file_system = file_system_of(planned)

    assert file_system.device == root.stat().st_dev
    assert 0 < file_system.free_bytes <= file_system.total_bytes
    assert not (root / HIDDEN).exists()
