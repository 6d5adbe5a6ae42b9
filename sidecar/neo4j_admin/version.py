"""Which neo4j-admin this is, told from the files beside it or from what it says, without starting a JVM for it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from shared.errors import ConfigurationError

_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,3})(?:\.([0-9]{1,4}))?(?:[-+][0-9A-Za-z.+-]{1,64})?")
# `neo4j-kernel-api-5.26.28.jar` lies beside it: the version has to begin with a digit.
_KERNEL_JAR = re.compile(r"neo4j-kernel-([0-9].*)\.jar")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A release of Neo4j: 5.26.28 is (5, 26, 28), and 2025.01.0 is (2025, 1, 0), which is later."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``5.26.28``, ``2026.02`` or ``2025.01.0-SNAPSHOT``; a suffix after ``-`` or ``+`` doesn't count.

        Raises ValueError for anything else.
        """
        found = _VERSION.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text[:80]!r} is no version of Neo4j; one looks like 5.26.28 or 2025.01.0")
        return cls(int(found[1]), int(found[2]), int(found[3] or 0))

    @property
    def release(self) -> str:
        """Without the patch, as the manual names a release: ``5.26``, ``2025.04``."""
        return f"{self.major}.{self.minor:02}" if self.major >= _FIRST_YEAR else f"{self.major}.{self.minor}"

    def __str__(self) -> str:
        return f"{self.release}.{self.patch}"

    def at_least(self, other: "Version") -> bool:
        """Say whether this is ``other`` or later; a year that isn't out yet is later than all that are known."""
        return self >= other

    @property
    def overlap_allowed(self) -> bool:
        """The first differential after a full one may begin at or below the full one's highest transaction."""
        return self.at_least(Version(2026, 2))


_FIRST_YEAR = 2025
OLDEST_SUPPORTED = Version(5, 24)
"""The first with ``--temp-path``, without which a run would unpack in a place that the manual doesn't settle."""


def unsupported(version: Version) -> ConfigurationError | None:
    """Say why neo4j-admin of ``version`` can't be used here; None if it can."""
    if version.at_least(OLDEST_SUPPORTED) and (version.major == OLDEST_SUPPORTED.major or version.major >= _FIRST_YEAR):
        return None
    return ConfigurationError(
        f"neo4j-admin is of version {version}; supported are {OLDEST_SUPPORTED.release} and later of 5.x, "
        "2025.x and 2026.x",
        hint="Build the sidecar's image from the Neo4j image that the server runs (5.26 LTS or later).",
    )


def find_home(program: Path, neo4j_home: Path | None = None) -> Path | None:
    """Find Neo4j's home, the folder that has ``lib/neo4j-kernel-<version>.jar``; None if there is none.

    That is where ``program`` lies in ``bin/``, links followed, else ``neo4j_home``: a package may
    put the program elsewhere (``/usr/bin/neo4j-admin``).
    """
    # os.path.realpath never raises, not on a loop of links either; Path.resolve does.
    beside = Path(os.path.realpath(program)).parent.parent
    homes = [beside] if neo4j_home is None else [beside, neo4j_home]
    return next((home for home in homes if _kernels(home)), None)


def find_version(program: Path, neo4j_home: Path | None = None) -> Version | None:
    """Tell the version of ``program`` from the name of the kernel's jar; None where that doesn't tell it.

    Two kernels of different versions tell nothing: ask ``--version`` then.
    """
    home = find_home(program, neo4j_home)
    versions = _kernels(home) if home else set()
    return versions.pop() if len(versions) == 1 else None


def find_enterprise(program: Path, neo4j_home: Path | None = None) -> bool | None:
    """Say whether jars of Neo4j Enterprise lie there; None without a home.

    Enterprise has several with the word in their name (``neo4j-security-enterprise-5.17.0.jar``),
    Community none.
    """
    home = find_home(program, neo4j_home)
    if home is None:
        return None
    return any(name.startswith("neo4j") and "enterprise" in name for name in _jars(home))


def parse_version_output(text: str) -> Version | None:
    """Read what ``neo4j-admin --version`` or ``version`` printed, whatever a JVM said before it."""
    for line in text.splitlines():
        try:
            return Version.parse(line.strip().removeprefix("neo4j "))
        except ValueError:
            continue
    return None


def _kernels(home: Path) -> set[Version]:
    versions = set()
    for name in _jars(home):
        found = _KERNEL_JAR.fullmatch(name)
        if found and _VERSION.fullmatch(found[1]):
            versions.add(Version.parse(found[1]))
    return versions


def _jars(home: Path) -> list[str]:
    try:
        return [name for name in os.listdir(home / "lib") if name.endswith(".jar")]
    except OSError:
        return []
