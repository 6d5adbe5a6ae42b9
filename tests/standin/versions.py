"""Which neo4j-admin the stand-in plays: the version and edition of its home, and what depends on them."""

from __future__ import annotations

import os

from .misuse import Misuse

Version = tuple[int, int, int]

ENTERPRISE = "enterprise"
COMMUNITY = "community"
EDITIONS = (ENTERPRISE, COMMUNITY)

_JAR = ("neo4j-kernel-", ".jar")


def parse(text: str) -> Version:
    """Read ``5.26.28`` or ``2025.04.0-SNAPSHOT``; raises ``ValueError`` for anything else."""
    parts = text.split("-", 1)[0].split(".")
    if len(parts) not in (2, 3) or not all(part.isdecimal() for part in parts):
        raise ValueError(f"{text!r} is no Neo4j version; 5.26.28 or 2025.04.0 would be one")
    major, minor, patch = (int(part) for part in [*parts, "0"][:3])
    return major, minor, patch


def of_home(home: str) -> str:
    """The version that ``home`` says it is: its kernel jar's name, or, without one, what it was installed as."""
    start, end = _JAR
    jars = [name for name in os.listdir(f"{home}/lib") if name.startswith(start) and name.endswith(end)]
    if len(jars) > 1:
        raise Misuse(f"{home}/lib has more than one kernel: {', '.join(sorted(jars))}")
    return jars[0][len(start) : -len(end)] if jars else _installed(home, "VERSION")


def edition_of_home(home: str) -> str:
    """``enterprise`` or ``community``, as installed."""
    return _installed(home, "EDITION")


def logger(version: Version) -> str:
    """The abbreviated name of the logger; its prefix moved between 5.11 and 5.26 (reference, section 6)."""
    return "c.n.b.b.BackupOutputMonitor" if version >= (5, 26, 0) else "c.n.b.v.b.BackupOutputMonitor"


def calendar(version: Version) -> bool:
    """Whether it is a release named by its date, 2025.01 or later."""
    return version >= (2025, 1, 0)


def _installed(home: str, name: str) -> str:
    with open(f"{home}/lib/standin/{name}", encoding="utf-8") as file:
        return file.read().strip()
