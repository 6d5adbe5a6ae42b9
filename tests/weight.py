"""What a daemon holds at one moment: open files, threads, resident memory."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Weight:
    """``files`` is what kind each open file is, so that a difference says of what there is more."""

    files: tuple[str, ...]
    threads: int
    resident_kib: int

    @property
    def holds(self) -> tuple[tuple[str, ...], int]:
        """Give what has to be the same whenever the daemon rests."""
        return self.files, self.threads


def weigh(pid: int) -> Weight:
    """Weigh the process."""
    process = Path(f"/proc/{pid}")
    files = [os.readlink(process / "fd" / name) for name in os.listdir(process / "fd")]
    status = (process / "status").read_text()
    return Weight(
        tuple(sorted(file.partition(":")[0] for file in files)),
        len(os.listdir(process / "task")),
        int(status.partition("VmRSS:")[2].split()[0]),
    )
