"""Sizes in bytes, as people and JVMs write them."""

import re

KIB = 1024
MIB = 1024**2
GIB = 1024**3

# As Neo4j and Java read them: kb, kib and k are all 1024.
_SIZE = re.compile(r"(\d{1,15}) ?(?:([kmgt])i?b?|b)?", re.IGNORECASE | re.ASCII)
_FACTORS = {"": 1, "k": KIB, "m": MIB, "g": GIB, "t": 1024**4}
SIZE_RULE = "a whole number with a unit, such as 512m, 2g or 1GiB"


def parse_size(text: str) -> int:
    """Give the bytes that ``text`` means; ValueError says what would have been right."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no size: it takes {SIZE_RULE}")
    return int(match[1]) * _FACTORS[(match[2] or "").lower()]


def jvm_size(size: int) -> str:
    """Give ``size`` bytes as Java and neo4j-admin take it, ``512m`` or ``2g``, rounded down to whole kibibytes."""
    for unit, factor in (("g", GIB), ("m", MIB)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size // KIB}k"


def mebibytes(size: int) -> str:
    """Give ``size`` bytes as Kubernetes takes a memory limit, ``512Mi``, rounded up."""
    return f"{-(-size // MIB)}Mi"
