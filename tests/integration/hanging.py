"""The daemon, with a limit of seconds for its loop, which SIGUSR1 makes hang for real: ``python hanging.py``."""

import signal
import time
from types import FrameType

from sidecar import daemon
from sidecar.main import main

HANG_SECONDS = 4.0


def hang(number: int, frame: FrameType | None) -> None:
    """Stand still in the thread of the loop, whatever it was doing."""
    time.sleep(3600)


if __name__ == "__main__":
    import sys

    daemon.HANG_SECONDS, daemon._REARM_SECONDS = HANG_SECONDS, 0.2
    signal.signal(signal.SIGUSR1, hang)
    sys.argv = ["neo4j-backup-sidecar", "run"]
    main()
