"""What it costs to examine files, in a process that does nothing else: ``python -m tests.fuzz.measured FOLDER``."""

import os
import sys
import time
from pathlib import Path

from sidecar.artifact import Head
from sidecar.target import Target


def main(folder: str) -> None:
    """Print for each file in ``folder`` its problem, the KiB that its reader grew by, and the seconds of CPU."""
    for name in sorted(os.listdir(folder)):
        # Begins the peak anew.
        Path("/proc/self/clear_refs").write_text("5")
        before, began = peak_kib(), time.process_time()
        with Target(folder, os.open(folder, os.O_RDONLY | os.O_DIRECTORY)) as target:
            found = target.examine(name)
        problem = found.body if isinstance(found.head, Head) else found.head
        print(name, type(problem).__name__, peak_kib() - before, time.process_time() - began)


def peak_kib() -> int:
    """Give the most memory that this process has had resident."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    main(sys.argv[1])
