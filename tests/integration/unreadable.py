"""The daemon, which may not read ``run.json`` as long as a file is there: ``python unreadable.py FILE``."""

import errno
import os
import sys
from typing import Any

from sidecar.main import main


def install(while_there: str) -> None:
    """Put the refusal under ``os.open``; the product knows nothing of it."""
    opened = os.open

    def refusing(path: Any, flags: int, *arguments: Any, **keys: Any) -> int:
        if str(path) == "run.json" and not flags & (os.O_WRONLY | os.O_RDWR) and os.path.exists(while_there):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, flags, *arguments, **keys)

    os.open = refusing


if __name__ == "__main__":
    install(sys.argv[1])
    sys.argv = ["neo4j-backup-sidecar", "run"]
    main()
