"""What all tests share; each is held to leaving nothing behind, no thread, process, open file or file elsewhere."""

import os
import signal
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.faults.recording import pytest_runtest_makereport, row
from tests.images import images
from tests.leaks import Snapshot

__all__ = ["images", "pytest_runtest_makereport", "row"]

# An example that takes long on a busy machine is no defect of the product.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


# A shell that starts us in its background has it ignored, and whatever we start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _temporary_folder_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point TMPDIR to a folder that only this session uses, so that what lies there is a leak of ours."""
    before = os.environ.get("TMPDIR")
    folder = str(tmp_path_factory.mktemp("tmpdir", numbered=False))
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    yield
    tempfile.tempdir = None
    if before is None:
        del os.environ["TMPDIR"]
    else:
        os.environ["TMPDIR"] = before


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    before = Snapshot.take()
    yield
    if leaks := before.leaks():
        pytest.fail("the test leaves behind\n" + "\n".join(leaks), pytrace=False)
