"""How artifacts are named in a target folder: ``<database>-YYYY-MM-DDTHH-MM-SS.backup``, parts ``.backup.<n>``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"(.+)-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}\.backup(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class ArtifactName:
    """A file's name taken apart; ``artifact`` is the name without the number that a part has at its end."""

    database: str
    artifact: str
    part: bool


def parse_name(name: str) -> ArtifactName | None:
    """Take a file's name apart; None where it is no artifact's. The database comes in lower case, as Neo4j has it."""
    if not (match := _NAME.fullmatch(name)):
        return None
    database, part = match.groups()
    return ArtifactName(database.lower(), name.removesuffix(part or ""), part is not None)


def is_of(database: str, name: str) -> bool:
    """Say whether ``name`` is an artifact of ``database``, in any case, or a part of one."""
    parsed = parse_name(name)
    return parsed is not None and parsed.database == database.lower()


def artifacts_of(database: str, names: Iterable[str]) -> tuple[str, ...]:
    """Give the artifacts of ``database`` among ``names``, without parts, in the order of their names."""
    return tuple(
        sorted(
            name
            for name in names
            if (parsed := parse_name(name)) and not parsed.part and parsed.database == database.lower()
        )
    )
