"""What the daemon has freed doesn't stay its own."""

import subprocess
import sys

import pytest

from sidecar import heap

PROGRAM = """
import sys
from pathlib import Path
from sidecar.heap import give_back

def resident():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])

held = [bytearray(b"x" * 65536) for _ in range(640)]
del held[:-1]  # the last pins the top of the heap
before = resident()
give_back()
print(before - resident())
"""


@pytest.mark.skipif(heap._TRIM is None, reason="this C library gives memory back by itself, or not at all")
def test_what_lies_free_below_something_that_lives_is_given_back() -> None:
    printed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True).stdout

    assert int(printed) > 30 * 1024
