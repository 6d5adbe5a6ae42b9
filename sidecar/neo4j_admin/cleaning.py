"""Makes what neo4j-admin printed fit to be shown: decoded, without secrets, and with nothing hidden in it."""

import re
from collections.abc import Sequence

from shared.text import MASK, printable, without_passwords

_SHORTEST_SECRET = 6
# What is assigned has one of these before it. Most lines hold none, and to look for them costs next to nothing
# beside the pattern, which tries each of its words at each character.
_TELLING = ("pass", "secret", "token", "credential", "authorization", "account", "access", "sig")
# To a pattern that minds no case these are an i, an i and an s; ``lower`` leaves them what they are.
_ALSO_LETTERS = ("\u0130", "\u0131", "\u017f")
# Every repetition is bounded: a line may be 64 KiB that somebody chose.
_ASSIGNED = re.compile(
    r"""(?ix) (pass(?:word|wd|phrase) | secret | token | credential | authorization
               | account[_-]?key | access[_-]?key | \bsig)
        ([\w.-]{0,32} ["']? [ ]? [=:] [ ]? (?:(?:bearer|basic)[ ])?)
        ("[^"]{1,4096}" | '[^']{1,4096}' | [^\s,;&]{1,4096})"""
)


def mask(text: str, secrets: Sequence[str] = ()) -> str:
    """Replace each of ``secrets``, what is assigned to a ``password`` and the like, and passwords in URLs.

    A secret of fewer than 6 characters is passed over: words of the output would go with it.
    """
    # The longest first: one may be a part of another.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    if _may_assign(text):
        text = _ASSIGNED.sub(rf"\1\2{MASK}", text)
    return without_passwords(text)


def clean(text: str | bytes, secrets: Sequence[str] = (), limit: int | None = None) -> str:
    """Give it as one printable line of at most ``limit`` characters.

    Control characters, escape sequences, direction marks and what isn't UTF-8 become visible. Secrets
    are masked in the whole of it before it is cut, so that no half of one remains.
    """
    decoded = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    return printable(mask(decoded.rstrip("\r\n"), secrets), limit)


def _may_assign(text: str) -> bool:
    if "=" not in text and ":" not in text:
        return False
    if not text.isascii() and any(map(text.__contains__, _ALSO_LETTERS)):
        return True
    return any(map(text.lower().__contains__, _TELLING))
