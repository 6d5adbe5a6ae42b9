"""Text from outside, made fit for a log line and a terminal."""

import re
import unicodedata

# Cc: C0, DEL and C1, with which a terminal is driven; Cf: direction marks and the like, which make a
# line read as another; Cs: lone surrogates; Zl and Zp break lines.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


# Every repetition is bounded: a text may be as long as somebody likes.
_IN_URL = re.compile(r"(://[^/\s:@]{0,256}:)([^@\s/]{1,1024})(?=@)")
MASK = "***"


def without_passwords(text: str) -> str:
    """Give ``text`` with the passwords in its URLs masked."""
    if "://" not in text:
        return text
    return _IN_URL.sub(rf"\1{MASK}", text)


def printable(text: str, limit: int | None = None) -> str:
    """Give ``text`` on one line with every control and invisible character escaped.

    ``limit`` is the most characters that come back, a closing ``…`` included.
    """
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    text = text.replace("\t", " ")
    if text.isprintable():
        return text
    shown = "".join(
        character if unicodedata.category(character) not in _HIDDEN else _escape(character) for character in text
    )
    if limit is not None and len(shown) > limit:
        return shown[: limit - 1] + "…"
    return shown


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii") if ord(character) else "\\0"
