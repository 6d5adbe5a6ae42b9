"""How one setting's value is read from text, and written as text again."""

from collections.abc import Callable

from shared.text import printable
from sidecar.environment import looks_like_secret
from sidecar.folder_setting import folder
from sidecar.sizes import jvm_size, parse_size

_SWITCH = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}


def folders(text: str) -> tuple[str, ...]:
    """Read absolute paths separated by ``:``; the root of the file system isn't one."""
    found = tuple(dict.fromkeys(folder(part.strip()) for part in text.split(":") if part.strip()))
    if not found or "/" in found:
        raise ValueError("it takes absolute paths separated by ':', such as /data/backups:/backups, and never / itself")
    return found


def switch(text: str) -> bool:
    """Read ``on`` or ``off``, or another pair of such words."""
    if text.lower() not in _SWITCH:
        raise ValueError(f"{printable(repr(text), 80)} is neither on nor off")
    return _SWITCH[text.lower()]


def size_of_at_least(least: int) -> Callable[[str], int]:
    """Give the reader of a size that is ``least`` bytes or more."""

    def read(text: str) -> int:
        if (size := parse_size(text)) < least:
            raise ValueError(f"{text!r} is too little: it takes {jvm_size(least)} or more, with its unit")
        return size

    return read


def switch_text(value: bool) -> str:
    """Write what ``switch`` reads."""
    return "on" if value else "off"


def duration_text(seconds: int) -> str:
    """Write a duration in the largest unit that fits: ``24h``, ``90s``."""
    for unit, factor in (("h", 3600), ("m", 60)):
        if seconds % factor == 0:
            return f"{seconds // factor}{unit}"
    return f"{seconds}s"


def masked_arguments(text: str) -> str:
    """Write arguments of Java without the values that look like secrets."""
    # Within quotes a value may hold spaces, and its second half looks like an argument.
    return "***" if "'" in text or '"' in text else " ".join(map(_masked, text.split()))


def _masked(argument: str) -> str:
    name, separator, _ = argument.partition("=")
    plain = name.startswith(("-D", "-X")) and not looks_like_secret(name)
    return argument if plain or not separator else f"{name}=***"
