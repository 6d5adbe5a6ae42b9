"""A text stream and what it can show: a line that is rewritten, its width, signs beyond ASCII."""

import contextlib
import os
import shutil
import unicodedata
from typing import TextIO

from shared.text import printable

ERASE = "\r\x1b[K"
_WIDE = frozenset({"W", "F"})
_NARROWEST = 20


class Terminal:
    """Writes lines to ``stream``, and one live line below them where the stream is a terminal.

    What can't be written is let go: the conversation must not end a backup's wait.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = False
        self.live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.signs = can_show(stream, "✓✗·…→")

    def line(self, text: str) -> None:
        """Write a line that stays, above the live one; nothing in it drives the terminal."""
        self.clear()
        self._write(f"{printable(text)}\n")

    def rewrite(self, text: str) -> None:
        """Put ``text`` in the live line's place, cut to the width; nothing where the stream is no terminal."""
        if self.live:
            # One column is left free: a full line wraps on some terminals, and isn't erased whole.
            width = max(shutil.get_terminal_size().columns - 1, _NARROWEST)
            self._write(ERASE + fit(printable(text), width, "…" if self.signs else "..."))
            self._shown = True

    def clear(self) -> None:
        """Take the live line away."""
        if self._shown:
            self._shown = False
            self._write(ERASE)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()


def can_show(stream: TextIO, signs: str) -> bool:
    """Say whether the stream's encoding has all of ``signs``."""
    try:
        signs.encode(stream.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def cells(text: str) -> int:
    """Give how many columns a terminal needs for ``text``."""
    return sum(_cells(character) for character in text)


def fit(text: str, width: int, mark: str) -> str:
    """Give ``text`` in at most ``width`` columns; ``mark`` ends one that was cut."""
    if cells(text) <= width:
        return text
    left = width - cells(mark)
    kept = ""
    for character in text:
        left -= _cells(character)
        if left < 0:
            break
        kept += character
    return kept + mark


def table(rows: list[tuple[str, ...]], gap: str = "  ") -> list[str]:
    """Lay rows of the same length out in columns."""
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    return [
        gap.join(text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1
