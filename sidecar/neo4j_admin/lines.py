"""Cuts a stream of bytes into lines, none of which takes more than a bounded memory."""

from collections.abc import Iterator

_ROOM_FOR_MARKER = 64


class LineSplitter:
    """Lines without their newline, in order.

    A line longer than ``limit`` keeps its beginning and ends in a marker that says how many bytes
    were left out; together they are at most ``limit``. It is not cut into pieces, because a piece
    could read like a line that neo4j-admin never printed.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun = bytearray()
        self._left_out = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that ``chunk`` completes; it has to be exhausted before the next chunk."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            if self._begun or end - start > self._limit:
                self._keep(chunk[start:end])
                yield self._take()
            else:
                yield chunk[start:end]
            start = end + 1
        self._keep(chunk[start:])

    def rest(self) -> Iterator[bytes]:
        """Yield the last line, if the stream ended without a newline."""
        if self._begun:
            yield self._take()

    def _keep(self, piece: bytes) -> None:
        room = self._limit - len(self._begun)
        self._begun += piece[:room]
        self._left_out += max(0, len(piece) - room)

    def _take(self) -> bytes:
        line, left_out = bytes(self._begun), self._left_out
        self._begun.clear()
        self._left_out = 0
        if not left_out:
            return line
        kept = line[: self._limit - _ROOM_FOR_MARKER]
        return kept + b" [%d more bytes of this line are left out]" % (len(line) - len(kept) + left_out)
