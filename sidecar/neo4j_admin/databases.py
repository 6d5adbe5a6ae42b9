"""Which database names and patterns are legal, and which databases a request's selection means."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Neo4j's rules (naming-databases; 2025.01 allowed a digit in front). A name stands as an
# argument of its own, so it may never begin with `-` or `@` nor hold a `/`. Both alphabets are
# ASCII, tested before lower-casing: `K` (the Kelvin sign) lower-cases to a legal letter.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{2,62}")
_PATTERN = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9.*?-]{0,62}")

SYSTEM = "system"
NAME_RULES = (
    "a database's name is 3 to 63 ASCII letters, digits, dots and dashes, begins with a letter or a digit, "
    f"and doesn't begin with {SYSTEM!r} unless it is that"
)
PATTERN_RULES = "in a pattern, * stands for any characters and ? for one"


def is_pattern(text: str) -> bool:
    """Say whether ``text`` is meant as a pattern: it holds a ``*`` or a ``?``."""
    return "*" in text or "?" in text


def legal_database(text: str) -> str | None:
    """Return the name as Neo4j keeps it, in lower case; None if no database can have it."""
    if not _NAME.fullmatch(text):
        return None
    name = text.lower()
    return None if name.startswith(SYSTEM) and name != SYSTEM else name


def legal_pattern(text: str) -> str | None:
    """Return the pattern in lower case; None if ``text`` holds no wildcard or what no name can hold."""
    return text.lower() if is_pattern(text) and _PATTERN.fullmatch(text) else None


def refusal(text: str) -> str | None:
    """Say why ``text`` names no database, and what would; None if it is a legal name or pattern.

    What it repeats is quoted and bounded, so that it can stand in a message.
    """
    if legal_database(text) or legal_pattern(text):
        return None
    said = ascii(text if len(text) <= 80 else text[:80] + "...")
    return f"{said} names no database: {NAME_RULES}; {PATTERN_RULES}"


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a selection means: the databases to back up in their order, and the patterns that meant none."""

    databases: tuple[str, ...]
    named: frozenset[str]
    """Those that were named in full, which nothing may skip."""
    unmatched: tuple[str, ...]


def expand(selection: Iterable[str], present: Sequence[str]) -> Expansion:
    """Tell the databases that names and patterns mean; an empty selection means every one present.

    A name stays whether it is present or not, since neo4j-admin knows better; a pattern means those
    present that match it, in alphabetical order. ``present`` may hold folders that are no database.
    Raises ValueError with the ``refusal`` of one that is illegal.
    """
    held = sorted({name for folder in present if (name := legal_database(folder))})
    chosen: dict[str, None] = {}
    named: set[str] = set()
    unmatched: list[str] = []
    wanted = list(selection)
    for text in wanted or ["*"]:
        if name := legal_database(text):
            chosen[name] = None
            named.add(name)
        elif pattern := legal_pattern(text):
            matching = [name for name in held if fnmatch.fnmatchcase(name, pattern)]
            chosen.update(dict.fromkeys(matching))
            if not matching and wanted:
                unmatched.append(text)
        else:
            raise ValueError(refusal(text))
    return Expansion(tuple(chosen), frozenset(named), tuple(dict.fromkeys(unmatched)))
