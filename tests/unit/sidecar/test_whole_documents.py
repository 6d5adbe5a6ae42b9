"""A status that is read while it is written is never read half, in real processes that share nothing but the file."""

import json
import os
import subprocess
import sys
from pathlib import Path

from shared.wire import decode
from sidecar.files import write_whole

WRITTEN = 1000


def write(folder: str) -> None:
    held = os.open(folder, os.O_RDONLY)
    for number in range(1, WRITTEN + 1):
        padding = "x" * (number * 37 % 9000)
        write_whole(held, "backup.status", json.dumps({"number": number, "padding": padding}).encode())


def read(folder: str) -> int:
    number = changes = 0
    while number < WRITTEN:
        try:
            found = decode(Path(folder, "backup.status").read_bytes())
        except FileNotFoundError:
            continue
        assert found["number"] >= number, "an older document came back"
        assert len(found["padding"]) == found["number"] * 37 % 9000, "half a document"
        changes += found["number"] > number
        number = found["number"]
    return changes


def test_readers_beside_a_thousand_writings_see_whole_documents_only(tmp_path: Path) -> None:
    roles = ["write", "read", "read"]

    processes = [
        subprocess.Popen([sys.executable, __file__, role, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for role in roles
    ]
    told = [process.communicate(timeout=120)[0] for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert all(int(changes) > 10 for changes in told[1:]), dict(zip(roles, told, strict=True))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    else:
        print(read(sys.argv[2]))
