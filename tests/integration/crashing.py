"""The daemon, with its n-th call that writes its last, or failing: ``python crashing.py kill|fail N [TRACE]``.

Counted are the calls by which anything of ours reaches a disk or becomes a process; killing before call
n + 1 is dying right after call n. A call that fails says once that no space is left. With TRACE each call is
written there, whatever becomes of it.
"""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from sidecar.main import main

WRITING = ("write", "pwrite", "fsync", "rename", "unlink", "mkdir", "rmdir", "truncate", "ftruncate", "chmod", "utime")
WRITABLE = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CONSOLE = (1, 2)


class Crash:
    """Counts calls, and kills this process before the one that was named, or has it fail."""

    def __init__(self, how: str, at: int, trace: str | None) -> None:
        self._how = how
        self._at = at
        self._count = 0
        self._trace = trace

    def step(self, name: str, subject: object) -> None:
        self._count += 1
        if self._trace is not None:
            with open(self._trace, "a", encoding="utf-8") as file:
                file.write(f"{self._count} {name} {subject}\n")
        if self._count == self._at:
            if self._how == "fail":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **keys: Any) -> Any:
            writes = name != "open" or arguments[1] & WRITABLE
            if writes and not (name == "write" and arguments[0] in _CONSOLE):
                self.step(name, arguments[-1] if name == "spawn" else arguments[0])
            return call(*arguments, **keys)

        return stepped


def install(crash: Crash) -> None:
    """Put the counter before each call; the product knows nothing of it."""
    for name in (*WRITING, "open"):
        setattr(os, name, crash.counted(name, getattr(os, name)))
    # Its class stays the same one: annotations name it.
    subprocess.Popen.__init__ = crash.counted("spawn", subprocess.Popen.__init__)  # type: ignore[method-assign]


if __name__ == "__main__":
    install(Crash(sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None))
    sys.argv = ["neo4j-backup-sidecar", "run"]
    main()
