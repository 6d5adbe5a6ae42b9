"""A status that is read while it is written is never read half, in real processes that share nothing but the file."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from shared.wire import decode
from sidecar.files import write_whole

SECONDS = 4.0


def write_for_a_while(folder: str) -> int:
    held = os.open(folder, os.O_RDONLY)
    until = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < until:
        number += 1
        padding = "x" * (number * 37 % 9000)
        write_whole(held, "backup.status", json.dumps({"number": number, "padding": padding}).encode())
    return number


def read_for_a_while(folder: str) -> int:
    until = time.monotonic() + SECONDS
    number = reads = 0
    while time.monotonic() < until:
        try:
            found = decode(Path(folder, "backup.status").read_bytes())
        except FileNotFoundError:
            continue
        assert found["number"] >= number, "an older document came back"
        assert len(found["padding"]) == found["number"] * 37 % 9000, "half a document"
        number, reads = found["number"], reads + 1
    return reads


def test_thousands_of_readings_beside_thousands_of_writings_are_all_whole(tmp_path: Path) -> None:
    roles = ["write", "read", "read"]

    processes = [
        subprocess.Popen([sys.executable, __file__, role, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for role in roles
    ]
    told = [process.communicate(timeout=60)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert all(int(count) > 1000 for count in told), dict(zip(roles, told, strict=True))


if __name__ == "__main__":
    act = write_for_a_while if sys.argv[1] == "write" else read_for_a_while
    print(act(sys.argv[2]))
