"""How long a request lies in the mailbox before neo4j-admin starts, beside a shell script that polls each 5 s."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from sidecar.files import write_whole
from tests.rig import Rig, a_rig

POLLING = """\
while :; do
  if [ -f backup.request ]; then
    mv backup.request taken
    database=$(sed 's/.*"database": "\\([^"]*\\)".*/\\1/' taken)
    "{program}" database backup --to-path=/nowhere "$database"
  fi
  sleep 5
done
"""
# Its first act is what is measured: a reader waits at the FIFO's other end and looks at the clock.
_ADMIN = """\
#!/bin/sh
for database in "$@"; do :; done
echo "$database" > "{told}"
exit 1
"""


def measure_sidecar(folder: Path, count: int) -> list[float]:
    """Give the seconds from rename into the mailbox to neo4j-admin's first act, for each of ``count`` requests."""
    with a_rig(folder) as rig:
        told = _install_double(rig)
        daemon = rig.start()
        waited = []
        for number in range(count):
            waited.append(_wait_for_start(rig, told, f"db{number:04d}"))
            rig.wait_for_end(f"db{number:04d}")
        rig.stop(daemon)
        return waited


def measure_polling(folder: Path, count: int) -> list[float]:
    """The same for the shell script, its requests at random moments."""
    with a_rig(folder) as rig:
        told = _install_double(rig)
        script = POLLING.format(program=rig.home / "bin/neo4j-admin")
        polling = subprocess.Popen(["/bin/sh", "-c", script], cwd=rig.requests)
        try:
            waited = []
            for number in range(count):
                time.sleep(random.uniform(0, 5))
                waited.append(_wait_for_start(rig, told, f"db{number:04d}"))
            return waited
        finally:
            polling.kill()
            polling.wait()


def measure_fsync(folder: Path, count: int) -> list[float]:
    """Give the seconds that one small file takes to reach this disk, for each of ``count``."""
    folder.mkdir()
    held = os.open(folder, os.O_RDONLY)
    try:
        return [_timed(lambda: write_whole(held, "document", b"x" * 1500)) for _ in range(count)]
    finally:
        os.close(held)


def _install_double(rig: Rig) -> Path:
    """Put a program in neo4j-admin's place that tells a FIFO of its start, and nothing else; give the FIFO."""
    told = rig.folder / "started"
    os.mkfifo(told)
    program = rig.home / "bin/neo4j-admin"
    program.write_text(_ADMIN.format(told=told))
    return told


def _wait_for_start(rig: Rig, told: Path, name: str) -> float:
    temporary = rig.folder / "request"
    temporary.write_text(f'{{"id": "{name}", "path": "{rig.target}", "type": "FULL", "database": "{name}"}}')
    posted = time.perf_counter()
    temporary.rename(rig.requests / "backup.request")
    with told.open() as fifo:
        started = time.perf_counter()
        assert fifo.read() == f"{name}\n"
    return started - posted


def _timed(act: Callable[[], None]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
