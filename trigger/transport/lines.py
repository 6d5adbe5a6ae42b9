"""Whole lines out of chunks that are cut anywhere, within limits and waited for."""

import time
from collections import deque
from collections.abc import Callable

from shared.errors import TransportError
from shared.wire import LINE_LIMIT
from trigger.transport.protocol import STDERR_LIMIT, Silence


class Lines:
    """The lines of one stream of bytes; what follows the last newline is kept back."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._whole: deque[bytes] = deque()
        self._begun = bytearray()

    @property
    def begun(self) -> bytes:
        """What came after the last newline."""
        return bytes(self._begun)

    def feed(self, chunk: bytes) -> None:
        """Take the stream's next bytes; TransportError where a line grows over the limit."""
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            self._grow(piece)
            self._whole.append(bytes(self._begun))
            self._begun.clear()
        self._grow(rest)

    def take(self) -> bytes | None:
        """Give the next whole line without its newline, None where there is none yet."""
        return self._whole.popleft() if self._whole else None

    def _grow(self, piece: bytes) -> None:
        self._begun += piece
        if len(self._begun) > self._limit:
            raise TransportError(
                f"the sidecar sent a line of more than {self._limit} bytes",
                hint="Something else answers in its place, or it is another release: use the same release of both.",
            )


class Tail:
    """The last bytes of one stream."""

    def __init__(self, limit: int = STDERR_LIMIT) -> None:
        self._limit = limit
        self._kept = b""

    def feed(self, chunk: bytes) -> None:
        """Take the stream's next bytes."""
        self._kept = (self._kept + chunk)[-self._limit :]

    def text(self) -> str:
        """Give what is kept as text; bytes that are none are shown as such."""
        return self._kept.decode("utf-8", "replace")


class Output:
    """What one command says: standard output line by line, of standard error the last.

    ``ended`` is for who fills it to set; ``exit_status`` too, once it has.
    """

    def __init__(self) -> None:
        self.stdout = Lines()
        self.stderr = Tail()
        self.ended = False
        self.given = False
        """Whether a line was given."""
        self.exit_status: int | None = None

    def read_line(self, timeout: float, receive: Callable[[float], bool]) -> bytes | None:
        """Give the next line, None after the last; raises Silence where ``timeout`` seconds bring none.

        ``receive`` takes in what comes within so many seconds and says whether anything did.
        """
        deadline = time.monotonic() + timeout
        while (line := self.stdout.take()) is None and not self.ended:
            left = deadline - time.monotonic()
            if not receive(max(0.0, left)) or left <= 0:
                line = self.stdout.take()
                if line is None and not self.ended:
                    raise Silence
                break
        self.given = self.given or line is not None
        return line
