"""What the daemon costs while nothing is asked of it: memory, and CPU over a minute."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from tests.rig import a_rig

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Idle:
    """Resident memory in MiB after some backups, and the share of one core over so many seconds."""

    resident_mib: float
    cpu_share: float
    seconds: float


def measure_idle(folder: Path, seconds: float) -> Idle:
    """Run a few backups, then leave the daemon alone."""
    with a_rig(folder) as rig:
        daemon = rig.start()
        for number in range(3):
            rig.post(f"r-{number}", database=None)
            rig.wait_for_end(f"r-{number}")
        before, began = _cpu_seconds(daemon.pid), time.monotonic()
        time.sleep(seconds)
        share = (_cpu_seconds(daemon.pid) - before) / (time.monotonic() - began)
        resident = _resident_mib(daemon.pid)
        rig.stop(daemon)
        return Idle(resident, share, seconds)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no Rss in smaps_rollup")
