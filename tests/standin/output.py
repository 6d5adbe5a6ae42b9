"""What the stand-in prints: log lines on standard output, plain text on standard error, straight to the descriptors."""

from __future__ import annotations

import os
import time

from .versions import logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .versions import Version

REWORDED = "Nothing at all is promised about this line"
"""What a line says that the reference is unsure of, where the knob `uncertain` is "reword"."""


class Output:
    """Lines as the real one prints them; ``sure=False`` marks those whose words nobody has confirmed.

    As in a JVM, whose output stream swallows it, a reader that has gone is no error: the work goes on.
    """

    def __init__(self, version: Version, *, uncertain: str, silent: bool = False) -> None:
        self._logger = "c.n.x.BackupOutputMonitor" if uncertain == "reword" else logger(version)
        self._uncertain = uncertain
        self._silent = silent

    def log(self, message: str, *, level: str = "INFO", sure: bool = True, logger_name: str = "") -> None:
        worded = self._worded(message, sure)
        if worded is None:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now))
        millis = int(now * 1000) % 1000
        self.plain(f"{stamp}.{millis:03}+0000 {level:5} [{logger_name or self._logger}] {worded}")

    def plain(self, line: str) -> None:
        """A line of standard output that is no log line."""
        self.raw(1, line.encode() + b"\n")

    def error(self, text: str, *, sure: bool = True) -> None:
        """A line of standard error."""
        if (worded := self._worded(text, sure)) is not None:
            self.raw(2, worded.encode(errors="surrogateescape") + b"\n")

    def raw(self, descriptor: int, data: bytes) -> None:
        if self._silent:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(descriptor, view) :]
        except OSError:
            return

    def within(self, text: str, *, sure: bool) -> str:
        """Words that are part of a line that is sure itself."""
        return self._worded(text, sure) or ""

    def _worded(self, text: str, sure: bool) -> str | None:
        if sure or self._uncertain == "keep":
            return text
        return REWORDED if self._uncertain == "reword" else None


def took(seconds: float) -> str:
    """``121ms``, ``1s 181ms``, ``2m 3s 4ms``, ``1h 0m 3s 4ms``."""
    millis = round(seconds * 1000)
    parts: list[str] = []
    for unit, length in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if parts or millis >= length:
            parts.append(f"{millis // length}{unit}")
            millis %= length
    return " ".join([*parts, f"{millis}ms"])
