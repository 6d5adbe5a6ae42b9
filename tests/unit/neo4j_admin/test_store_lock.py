"""Whether the server has a database open is told by the kernel, from the lock that the server holds on it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidecar.neo4j_admin.store_lock import store_open

# Holds POSIX locks as Java's FileChannel.lock does, until its standard input ends.
HOLDER = """
import fcntl, sys
files = [open(path, "r+b") for path in sys.argv[1:]]
for file in files:
    fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


def lay_out(databases: Path, *names: str) -> None:
    for name in names:
        (databases / name).mkdir(parents=True)
        (databases / name / "database_lock").touch()


@contextmanager
def server_that_has_open(databases: Path, *names: str) -> Iterator[None]:
    paths = [str(databases / name / "database_lock") for name in names]
    command = [sys.executable, "-c", HOLDER, *paths]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        yield
        holder.communicate()


def test_a_database_that_the_server_has_open_is_told_from_one_that_it_has_not(tmp_path: Path) -> None:
    lay_out(tmp_path, "system", "neo4j", "stopped")

    with server_that_has_open(tmp_path, "system", "neo4j"):
        assert store_open(tmp_path, "neo4j") is True
        assert store_open(tmp_path, "system") is True
        assert store_open(tmp_path, "stopped") is False


def test_where_no_lock_of_a_server_is_seen_at_all_nothing_is_told(tmp_path: Path) -> None:
    lay_out(tmp_path, "system", "neo4j")

    assert store_open(tmp_path, "neo4j") is None
    assert store_open(tmp_path, "system") is None


def test_a_database_without_a_lock_file_tells_nothing(tmp_path: Path) -> None:
    lay_out(tmp_path, "system")

    with server_that_has_open(tmp_path, "system"):
        assert store_open(tmp_path, "neo4j") is None
