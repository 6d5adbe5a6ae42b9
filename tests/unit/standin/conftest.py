"""A fresh stand-in for each test, and a look at what it left running."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.standin import installed, server
from tests.standin.installed import Installed


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str, str], Installed]:
    """Installs a version and edition, with the databases system and neo4j."""

    def made(version: str = "5.26.28", edition: str = "enterprise") -> Installed:
        found = installed.make(tmp_path / f"{version}-{edition}", version, edition)
        server.create_dbms(found.data, size=100_000)
        return found

    return made


@pytest.fixture
def standin(tmp_path: Path) -> Iterator[Installed]:
    """5.26.28 Enterprise, with system and neo4j; whatever of it still runs at the end fails the test."""
    found = installed.make(tmp_path / "standin")
    server.create_dbms(found.data, size=100_000)
    yield found
    time.sleep(0.02)
    left = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal() and _belongs(entry, str(found.home))]
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left, "processes of the stand-in are still running"


def _belongs(process: str, home: str) -> bool:
    try:
        return home.encode() in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
