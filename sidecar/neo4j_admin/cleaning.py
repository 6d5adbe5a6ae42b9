"""Makes what neo4j-admin printed fit to be shown: decoded, without secrets, and with nothing hidden in it."""

import re
from collections.abc import Sequence

from shared.text import MASK, printable, without_passwords

_SHORTEST_SECRET = 6
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
    text = _ASSIGNED.sub(rf"\1\2{MASK}", text)
    return without_passwords(text)


def clean(text: str | bytes, secrets: Sequence[str] = (), limit: int | None = None) -> str:
    """Give it as one printable line of at most ``limit`` characters.

    Control characters, escape sequences, direction marks and what isn't UTF-8 become visible. Secrets
    are masked in the whole of it before it is cut, so that no half of one remains.
    """
    decoded = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else text
    return printable(mask(decoded.rstrip("\r\n"), secrets), limit)
