"""What may stand on a terminal and in a log: nothing that drives it, hides, or breaks a line."""

import unicodedata

MESSAGE_LIMIT = 16 * 1024
_DRIVES = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def drives(text: str) -> set[str]:
    """Give the characters of one line that may not be shown."""
    if text.isascii() and text.isprintable():
        return set()
    return {character for character in text if unicodedata.category(character) in _DRIVES}


def hold_text(*texts: str) -> None:
    """Hold what is told to people to what may be shown, and to a bound."""
    for text in texts:
        assert drives(text) == set()
        assert len(text) < MESSAGE_LIMIT
