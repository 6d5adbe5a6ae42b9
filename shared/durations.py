"""Durations as people write them."""

import re

_DURATION = re.compile(r"([0-9]{1,9})([smh]?)\Z")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
DURATION_RULE = "a whole number of seconds, or one with a unit, such as 90, 90s, 15m or 24h"


def parse_duration(text: str) -> int:
    """Give the seconds that ``text`` means; ValueError says what would have been right."""
    match = _DURATION.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration: it takes {DURATION_RULE}")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds == 0:
        raise ValueError(f"{text!r} is no duration: it has to be longer than nothing")
    return seconds


def format_duration(seconds: float) -> str:
    """Give ``seconds`` as ``42s``, ``3m05s`` or ``2h03m``."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
