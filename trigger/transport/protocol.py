"""What every way to the sidecar offers: run one command beside the daemon, and nothing else."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from shared.errors import TransportError

STDERR_LIMIT = 8 * 1024
"""Bytes of standard error that an exchange keeps, the last ones."""
START_SECONDS = 60.0
"""How long a command may take to be started where nobody says otherwise."""
SEND_SECONDS = 20.0
"""How long a command may take to read what it is sent."""
END_SECONDS = 2.0
"""How long a command may live once its output, or its input, has ended."""


class Silence(Exception):
    """No line came within the time that was given; the exchange is as it was and may be read again."""


class Misdirected(TransportError):
    """What was named isn't there, or isn't ours to use.

    At the first contact asking again mends nothing; once it was reached, it may be on its way back.
    """


class Leaving(TransportError):
    """The place is about to go: what begins anew waits for its successor, and what goes on there goes on."""


class Replaced(TransportError):
    """The place that was reached before is gone, and what it held with it.

    It is told once: the next run goes to its successor, where there is one.
    """


class Exchange(Protocol):
    """One command that runs beside the daemon. Leaving the context closes it."""

    @property
    def exit_status(self) -> int | None:
        """The command's exit status, 128 and the signal's number where one ended it.

        It is there once ``read_line`` has given None; also then None where nobody can tell any more.
        """

    @property
    def stderr(self) -> str:
        """What the command said on standard error so far, the last 8 KiB; not yet fit to be shown."""

    def send(self, data: bytes) -> None:
        """Write to the command's standard input, which stays open until ``close``.

        A command that has gone is no error here: ``read_line`` still has what it said last. Raises
        TransportError where the way to it broke, or where it lives and doesn't read.
        """

    def read_line(self, timeout: float) -> bytes | None:
        """Give the next whole line of standard output without its newline, None after the last.

        Waits ``timeout`` seconds at most and then raises Silence. What follows the last newline was
        cut off and is no line. Raises TransportError where the stream broke, or where a line is
        longer than ``shared.wire.LINE_LIMIT``.
        """

    def close(self) -> None:
        """End the command's standard input and let go of it within seconds, however it does; raises nothing."""

    def __enter__(self) -> Self:
        """Give the exchange itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""


class Transport(Protocol):
    """A way to the place where the daemon runs."""

    def describe(self) -> str:
        """Name the place in a few words, as in "there is no answer from <the container neo4j>"."""

    def run(self, arguments: Sequence[str], *, begins: bool = False, timeout: float = START_SECONDS) -> Exchange:
        """Start ``neo4j-backup-sidecar`` with ``arguments``, a verb and mostly an id.

        ``begins`` says that it is to begin something, which a place that is about to go isn't asked for. It is
        started within ``timeout`` seconds, or not at all.
        Raises TransportError where the place can't be reached now, Misdirected where it isn't there,
        Leaving and Replaced as they say, and ConfigurationError where this program lacks what it needs.
        """
