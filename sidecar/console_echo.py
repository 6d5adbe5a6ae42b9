"""Passes the beginning of what neo4j-admin prints on to the sidecar's own log."""

import logging

from shared.text import printable

LINES = 2_000
BYTES = 1024 * 1024
LINE_BYTES = 2 * 1024


class ConsoleEcho:
    """At most 2,000 lines and 1 MiB of one run, each line at most 2 KiB; then one line that says so.

    Whatever isn't printable is escaped, so that a line can't pass for another one of the log.
    """

    def __init__(self, logger: logging.Logger, *, lines: int = LINES, size: int = BYTES) -> None:
        self._logger = logger
        self._lines_left = lines
        self._bytes_left = size

    def write(self, line: bytes) -> None:
        """Pass a line on."""
        if self._lines_left < 0:
            return
        shown = line[:LINE_BYTES]
        self._lines_left -= 1
        self._bytes_left -= len(shown)
        if self._lines_left < 0 or self._bytes_left < 0:
            self._lines_left = -1
            self._logger.info("neo4j-admin prints more; the rest is only in the request's log file")
            return
        text = printable(shown.decode(errors="backslashreplace"))
        self._logger.info("neo4j-admin: %s%s", text, " …" if len(shown) < len(line) else "")
