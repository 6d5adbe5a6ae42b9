"""The data folder is looked at without trusting it: names of databases, and what each takes on the disk."""

import errno
import os
from pathlib import Path

import pytest

from sidecar.data_folder import DatabaseSize, database_size, database_there, databases_held
from tests.unit.sidecar.failing import fail_at

KIB = 1024


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    for folder in ("databases/neo4j", "databases/system", "transactions/neo4j", "transactions/system"):
        (data / folder).mkdir(parents=True)
    return data


def fill(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(os.urandom(size))


def test_the_databases_are_the_folders_and_system_is_one(data: Path) -> None:
    (data / "databases" / "store_lock").write_bytes(b"")
    (data / "databases" / ".hidden").mkdir()
    (data / "databases" / "lost+found").mkdir()
    (data / "databases" / "Capital").mkdir()
    (data / "databases" / "movies").write_bytes(b"a file")
    (data / "databases" / "a-1.b").mkdir()

    assert databases_held(str(data)) == ("a-1.b", "neo4j", "system")


def test_an_empty_folder_holds_none_and_a_missing_one_is_not_known(data: Path, tmp_path: Path) -> None:
    (tmp_path / "new" / "databases").mkdir(parents=True)

    assert databases_held(str(tmp_path / "new")) == ()
    assert databases_held(str(tmp_path / "nowhere")) is None
    (data / "file").write_bytes(b"")
    assert databases_held(str(data / "file")) is None


def test_store_and_logs_are_measured_apart_with_all_that_lies_in_them(data: Path) -> None:
    fill(data / "databases/neo4j/neostore.nodes", 64 * KIB)
    fill(data / "databases/neo4j/schema/index/1/data", 32 * KIB)
    fill(data / "transactions/neo4j/neostore.transaction.db.0", 128 * KIB)
    fill(data / "databases/system/neostore", 16 * KIB)

    assert database_size(str(data), "neo4j") == DatabaseSize(96 * KIB, 128 * KIB)


def test_of_a_sparse_file_only_what_is_on_the_disk_counts(data: Path) -> None:
    with (data / "transactions/neo4j/log").open("wb") as file:
        file.truncate(1 << 40)

    assert database_size(str(data), "neo4j") == DatabaseSize(0, 0)


def test_links_are_not_followed(data: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere/large", 256 * KIB)
    (data / "databases/neo4j/folder").symlink_to(tmp_path / "elsewhere")
    (data / "databases/neo4j/file").symlink_to(tmp_path / "elsewhere/large")
    (data / "databases/linked").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(data / "databases/neo4j/fifo")

    assert database_size(str(data), "neo4j") == DatabaseSize(0, 0)
    assert database_size(str(data), "linked") is None


def test_a_database_that_is_not_there_has_no_size(data: Path) -> None:
    assert database_size(str(data), "movies") is None


def test_a_store_without_logs_beside_it_is_measured(data: Path) -> None:
    fill(data / "databases/movies/neostore", 16 * KIB)

    assert database_size(str(data), "movies") == DatabaseSize(16 * KIB, 0)


def test_files_that_vanish_while_they_are_counted_do_no_harm(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(data / "databases/neo4j/stays", 16 * KIB)
    listed = os.listdir

    def listed_before_some_went(folder: int) -> list[str]:
        return [*listed(folder), "gone", "gone-too"]

    monkeypatch.setattr(os, "listdir", listed_before_some_went)

    assert database_size(str(data), "neo4j") == DatabaseSize(16 * KIB, 0)


def test_folders_without_end_are_left_after_a_while(data: Path) -> None:
    at = data / "databases/neo4j"
    for _ in range(40):
        at = at / "d"
    fill(at / "deep", 16 * KIB)

    assert database_size(str(data), "neo4j") == DatabaseSize(0, 0)


def test_a_database_s_folder_is_there_or_not_where_the_folder_of_databases_is(data: Path, tmp_path: Path) -> None:
    assert database_there(str(data), "neo4j") is True
    assert database_there(str(data), "dropped") is False
    assert database_there(str(tmp_path / "elsewhere"), "neo4j") is None


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("name", ["databases", "neo4j"])
def test_where_it_cannot_be_looked_at_nothing_is_said_of_a_database(
    data: Path, monkeypatch: pytest.MonkeyPatch, number: int, name: str
) -> None:
    fail_at(monkeypatch, name, number)

    assert database_there(str(data), "neo4j") is None
