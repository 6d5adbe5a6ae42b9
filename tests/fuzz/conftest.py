"""What the fuzz tests share: their folder in memory, and the order in which they run."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MEMORY = Path("/dev/shm")
SECONDS = 900


@pytest.fixture
def fast_path() -> Iterator[Path]:
    """Give a folder that lies in memory where there is such a file system: its fsync costs nothing."""
    within = str(MEMORY) if MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="neo4j-backup-fuzz-", dir=within))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Keep tens of thousands of warnings out of what pytest keeps of a test."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the count of all cases behind those that run them, and give each the time that a busy machine takes."""
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SECONDS))
    items.sort(key=lambda item: item.path.name == "test_count.py")
