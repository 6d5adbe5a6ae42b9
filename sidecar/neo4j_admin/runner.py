"""What the daemon asks of neo4j-admin as a process: to be started, to be heard, to end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

WORD_VARIABLE = "NEO4J_BACKUP_RUN"
"""The environment variable that carries a run's word into every process of the run."""

LINE_LIMIT = 64 * 1024
"""The most bytes that a line is handed over with; a longer one says at its end how many were left out."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One run of neo4j-admin, as it is to be started.

    ``arguments`` begin with the program. ``environment`` is all that the program sees, but for
    ``NEO4J_BACKUP_RUN``: the runner sets that to ``word``, a random one by which every process of
    this run, and no other, is known. ``folder`` is the current directory. ``held`` is a descriptor
    that every process of the run is to hold: the standard input, which is empty without one, since
    that is what the launcher hands on to its worker.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)  # it may hold cloud credentials
    folder: str
    word: str
    held: int | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """How the launcher ended: with a ``status``, or by a ``signal``; the other is None.

    neo4j-admin's launcher passes its worker's end on as a status: 137 is a worker that was
    killed, ``signal=9`` a launcher that was.
    """

    status: int | None
    signal: int | None

    def __post_init__(self) -> None:
        if (self.status is None) == (self.signal is None):
            raise ValueError(f"an exit has either a status or a signal, not {self.status!r} and {self.signal!r}")


class Running(Protocol):
    """A run that was started. It needs no ``wait`` to go on, and none to be cleaned up after."""

    @property
    def pid(self) -> int:
        """The launcher's process id, which is the id of its group and session too."""
        ...

    async def wait(self) -> Exit:
        """Return once nothing of the run is left and all it printed has been handed over.

        That is: the launcher has exited, no process is left in its session or carries the word
        (those that outlive the launcher are ended), and what lay in the pipe is read. It may be
        called again, by several at once, and cancelled; the run goes on.

        Raises ``BackupFailed`` if a process survives SIGKILL (it waits for a disk that doesn't
        answer), ``InternalError`` if somebody else took the launcher's status.
        """
        ...

    async def end(self, grace: float) -> None:
        """Send SIGTERM to the whole run, after ``grace`` seconds SIGKILL; return when none is left.

        Of several calls the earliest SIGKILL holds, also if the caller is cancelled. After the
        run has ended it does nothing. Raises ``BackupFailed`` as ``wait`` does.
        """
        ...


class Runner(Protocol):
    """Starts neo4j-admin."""

    def start(self, launch: Launch, on_line: Callable[[bytes], None]) -> Running:
        """Start it at once, and hand each line it prints to ``on_line``, in the running loop.

        Lines come in the order of printing, standard output and error together, as raw bytes
        without their newline, and none is longer than ``LINE_LIMIT``. An exception of ``on_line``
        is logged and stops nothing. Raises ``ConfigurationError`` if it can't be started.
        """
        ...
