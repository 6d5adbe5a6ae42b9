"""The file that keeps what neo4j-admin printed for one request: its first and last 4 MiB."""

import os
import re
from collections.abc import Callable

FIRST = 4 * 1024 * 1024
LAST = 4 * 1024 * 1024

_LEFT_OUT = b"\n[neo4j-backup: %d bytes that neo4j-admin printed are left out here]\n"
_LEFT_OUT_PATTERN = re.compile(re.escape(_LEFT_OUT).replace(b"%d", rb"(\d{1,19})"))
_LONGEST_LEFT_OUT = len(_LEFT_OUT % 10**18)


class RunLog:
    """Raw lines: the first 4 MiB go to the file as they come, of the rest the last 4 MiB at ``close``.

    A request's runs write to one file, one after the other, each with a RunLog of its own; the
    limits hold for all of them together. Until ``close`` the last part is only in memory.

    Nothing here raises for the disk's sake: a log that can't be kept (full, read-only) is no reason
    to fail a backup. ``trouble`` is the first such error.
    """

    def __init__(self, opener: Callable[[], int], *, first: int = FIRST, last: int = LAST) -> None:
        """Go on where the file ends.

        ``opener`` returns a descriptor open for reading and writing, which is closed here. It must
        not be O_APPEND: Linux would then write elsewhere than it is told to.
        """
        self.trouble: OSError | None = None
        self._first_part_ends_at = first
        self._written = 0
        self._last_part = _Ring(last)
        self._left_out_before = 0
        self._file: int | None = None
        try:
            self._file = opener()
            self._resume(self._file)
        except OSError as error:
            self.trouble = error

    def write(self, line: bytes) -> None:
        """Add a line, which comes without its newline."""
        if self._file is None:
            return
        data = line + b"\n"
        if self._written < self._first_part_ends_at:
            room = self._first_part_ends_at - self._written
            data = bytes(self._append(self._file, memoryview(data)[:room])) + data[room:]
            if self.trouble is not None:
                self._first_part_ends_at = self._written  # the rest may fit when the run has ended
        if data:
            self._last_part.write(data)

    def close(self) -> None:
        """Write the last part and close the file; again, it does nothing."""
        if self._file is None:
            return
        file, self._file = self._file, None
        last = self._last_part.content()
        cut = last.find(b"\n") + 1 if self._last_part.lost else 0  # begin with a whole line
        if left_out := self._left_out_before + self._last_part.lost + cut:
            self._append(file, memoryview(_LEFT_OUT % left_out))
        self._append(file, memoryview(last)[cut:])
        try:
            try:
                os.ftruncate(file, self._written)
            finally:
                os.close(file)
        except OSError as error:
            self.trouble = self.trouble or error

    def _resume(self, file: int) -> None:
        size = os.fstat(file).st_size
        self._written = min(size, self._first_part_ends_at)
        # The last part of the run before stays in the file until this one's replaces it.
        begin = max(self._written, size - self._last_part.capacity - _LONGEST_LEFT_OUT)
        last = os.pread(file, size - begin, begin)
        self._left_out_before = begin - self._written
        if left_out := _LEFT_OUT_PATTERN.match(last):
            self._left_out_before += int(left_out[1])
            last = last[left_out.end() :]
        if last:
            self._last_part.write(last)

    def _append(self, file: int, data: memoryview) -> memoryview:
        """Write at the end of what is written, and return what could not be."""
        try:
            while data:
                written = os.pwrite(file, data, self._written)
                self._written += written
                data = data[written:]
        except OSError as error:
            self.trouble = self.trouble or error
        return data


class _Ring:
    """The last ``capacity`` bytes of all that was written to it, in so much memory and no more."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._total = 0
        self._space = bytearray()

    @property
    def lost(self) -> int:
        return max(0, self._total - self.capacity)

    def write(self, data: bytes) -> None:
        self._space = self._space or bytearray(self.capacity)
        self._total += len(data)
        data = data[-self.capacity :]
        begin = (self._total - len(data)) % self.capacity
        until_wrap = min(len(data), self.capacity - begin)
        self._space[begin : begin + until_wrap] = data[:until_wrap]
        self._space[: len(data) - until_wrap] = data[until_wrap:]

    def content(self) -> bytes:
        space = memoryview(self._space)
        if self._total <= self.capacity:
            return bytes(space[: self._total])
        begin = self._total % self.capacity
        return b"".join((space[begin:], space[:begin]))
