"""The pipe that neo4j-admin prints into: always drained, in bounded memory and in small steps."""

import asyncio
import fcntl
import logging
import os
import struct
import termios
from collections.abc import Callable, Iterator

from sidecar.neo4j_admin.lines import LineSplitter
from sidecar.neo4j_admin.runner import LINE_LIMIT

log = logging.getLogger(__name__)

_CHUNK = 64 * 1024
# What is handed over before the loop gets its turn: a chunk may be 65,536 empty lines.
_LINES_PER_STEP = 500


class OutputPipe:
    """Hands each line to ``on_line`` from the moment of ``read`` until ``finish``.

    ``write_end`` is for the child; whoever starts it closes it here.
    """

    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._on_line = on_line
        self._failures = 0
        self._splitter = LineSplitter(LINE_LIMIT)
        self._wake = asyncio.Event()
        self._last_bytes: int | None = None  # how many may still be read, once finishing

    async def read(self) -> None:
        """Read until the pipe's end, or until what ``finish`` found in it is read."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._read_end, self._wake.set)
        try:
            while chunk := await self._next_chunk():
                await self._hand_over(self._splitter.feed(chunk))
            await self._hand_over(self._splitter.rest())
        finally:
            loop.remove_reader(self._read_end)
        if self._failures:
            log.warning("lines of neo4j-admin could not be taken", extra={"count": self._failures})

    def finish(self) -> None:
        """Let ``read`` end with what lies in the pipe now.

        Called when nobody is left to write. The pipe's end needn't come: a process that escaped
        may hold it for ever, and write to it.
        """
        self._last_bytes = struct.unpack("i", fcntl.ioctl(self._read_end, termios.FIONREAD, bytes(4)))[0]
        self._wake.set()

    def close(self) -> None:
        """Close the end that is read."""
        os.close(self._read_end)

    async def _next_chunk(self) -> bytes:
        """Return what came, at most a chunk; nothing at the end."""
        while True:
            size = _CHUNK if self._last_bytes is None else min(_CHUNK, self._last_bytes)
            try:
                chunk = os.read(self._read_end, size)
            except BlockingIOError:
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._last_bytes is not None:
                self._last_bytes -= len(chunk)
            return chunk

    async def _hand_over(self, lines: Iterator[bytes]) -> None:
        for number, line in enumerate(lines, start=1):
            try:
                self._on_line(line)
            except Exception:  # whatever happens there, a pipe that isn't read blocks the backup
                if not self._failures:
                    log.exception("a line of neo4j-admin could not be taken; it goes on")
                self._failures += 1
            if number % _LINES_PER_STEP == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
