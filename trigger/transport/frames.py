"""Docker's frames: standard output and standard error mixed on one connection, taken apart again."""

import struct
from collections.abc import Iterator
from enum import IntEnum

from shared.errors import TransportError

_HEADER = struct.Struct(">BxxxL")


class Stream(IntEnum):
    """The number in a frame's head."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2


class Frames:
    """Takes bytes that are cut anywhere and gives the payloads; a frame is never kept whole, however long."""

    def __init__(self) -> None:
        self._head = b""
        self._stream = Stream.STDOUT
        self._left = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[Stream, bytes]]:
        """Give each piece of payload with its stream; TransportError for what is no frame.

        Source: Docker Engine API, "Attach to a container", stream format.
        """
        while chunk:
            if self._left:
                piece, chunk = chunk[: self._left], chunk[self._left :]
                self._left -= len(piece)
                yield self._stream, piece
                continue
            wanted = _HEADER.size - len(self._head)
            self._head, chunk = self._head + chunk[:wanted], chunk[wanted:]
            if len(self._head) == _HEADER.size:
                self._begin()

    def _begin(self) -> None:
        number, self._left = _HEADER.unpack(self._head)
        if self._head[1:4] != b"\0\0\0" or number not in set(Stream):
            raise TransportError(
                "Docker sent something that is no frame of a command's output",
                hint="Is something between here and the Docker daemon (DOCKER_HOST) that changes what it sends?",
            )
        self._head, self._stream = b"", Stream(number)
