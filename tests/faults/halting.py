"""The daemon, which stops itself (SIGSTOP) where it comes to a step for the first time: ``python halting.py STEP``.

Whoever started it then has all the time to kill it in exactly that step, or to have it go on (SIGCONT).
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from sidecar.main import main
from sidecar.target import Target

SPAWN = "spawn"
"""run.json is on the disk, and neo4j-admin isn't started yet."""
PROVE = "prove"
"""neo4j-admin has ended, and its artifact is about to be read."""
PROVE_SLOWLY = "prove slowly"
"""The same, and only the thread that reads stands still, as on a slow disk: the daemon hears what it is told."""
WALK_SLOWLY = "walk slowly"
"""The first artifact is about to be walked to its end, and the thread that does that stands still."""
STANDS_STILL = "standing still"
"""What the log says where a thread does, and no process: also of PID 1, which is spared its own SIGSTOP."""
_SLOW_SECONDS = 60.0
FORGET = "forget"
"""The request's end is in its document, and run.json is still there."""


class Halt:
    """Stops this process once, before the call that ``step`` names."""

    def __init__(self, step: str) -> None:
        self._step: str | None = step

    def before(self, step: str, wanted: Callable[..., bool], call: Callable[..., Any]) -> Callable[..., Any]:
        """Give ``call`` with a look at its arguments before it."""

        def halted(*arguments: Any, **keys: Any) -> Any:
            if self._step == step and wanted(*arguments):
                self._step = None
                if step in (PROVE_SLOWLY, WALK_SLOWLY) or os.getpid() == 1:
                    print(STANDS_STILL, file=sys.stderr, flush=True)
                    time.sleep(_SLOW_SECONDS)
                else:
                    os.kill(os.getpid(), signal.SIGSTOP)
            return call(*arguments, **keys)

        return halted


def _reads_an_artifact(path: Any, flags: int, *_: Any) -> bool:
    return str(path).endswith(".backup") and not flags & (os.O_WRONLY | os.O_RDWR)


def _is_the_record(path: Any) -> bool:
    return str(path) == "run.json"


def install(halt: Halt) -> None:
    """Put the halt before the calls; the product knows nothing of it."""
    # Its class stays the same one: annotations name it.
    started = halt.before(SPAWN, lambda *_: True, subprocess.Popen.__init__)
    subprocess.Popen.__init__ = started  # type: ignore[method-assign]
    for step in (PROVE, PROVE_SLOWLY):
        os.open = halt.before(step, _reads_an_artifact, os.open)
    Target.examine = halt.before(WALK_SLOWLY, lambda *_: True, Target.examine)  # type: ignore[method-assign]
    os.unlink = halt.before(FORGET, _is_the_record, os.unlink)


if __name__ == "__main__":
    install(Halt(sys.argv[1]))
    sys.argv = ["neo4j-backup-sidecar", "run"]
    main()
