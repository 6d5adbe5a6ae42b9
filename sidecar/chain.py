"""Which artifacts belong together: a full one and the differentials that continue it without a gap.

Everything is read from heads, never from names or file times. A physical store is a database id and a
store id; append indexes count within one. From Neo4j 2026.02 on the first differential after a full may
begin at or below the full's highest index (*overlap*): ``overlap_allowed`` says whether the neo4j-admin
at hand reads such a chain.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sidecar.artifact import Head, StoreId


@dataclass(frozen=True, slots=True)
class Continues:
    """The differential continues ``parent``, which can be restored."""

    parent: Head


@dataclass(frozen=True, slots=True)
class NothingNew:
    """The differential is empty: nothing had changed since ``recovery_point``, the highest index that can be restored."""

    recovery_point: int


@dataclass(frozen=True, slots=True)
class Breaks:
    """The differential continues nothing that can be restored; ``reason`` is a clause that begins with "it"."""

    reason: str


Continuation = Continues | NothingNew | Breaks


@dataclass(frozen=True, slots=True)
class Chain:
    """A full artifact and all differentials that can be restored on top of it, by name, oldest first.

    Without a full one it holds the differentials of a store that no chain reaches. A differential that
    continues two full ones is in both chains.
    """

    full: str | None
    differentials: tuple[str, ...]

    @property
    def restorable(self) -> bool:
        """Whether it starts at a full artifact; links are never missing in one that does."""
        return self.full is not None


def chains(heads: Mapping[str, Head], *, overlap_allowed: bool) -> tuple[Chain, ...]:
    """Sort the artifacts of a folder, given by name, into chains; those of one store follow each other, oldest first.

    An empty differential goes with the newest full before it.
    """
    found: list[Chain] = []
    for names in _by_store(heads):
        links: dict[str | None, set[str]] = {full: set() for full in names if heads[full].full}
        loose = {name for name in names if not heads[name].full}
        for full in list(links):
            links[full] = {
                name
                for name in loose
                if any(heads[name] is reached for reached in _reached(heads[full], _of(heads, loose), overlap_allowed))
            }
        orphans = loose.difference(*links.values())
        for name in sorted(orphans):
            if heads[name].empty:
                before = [full for full in links if full and heads[full].taken_at <= heads[name].taken_at]
                if before:
                    links[before[-1]].add(name)
                    orphans.discard(name)
        if orphans:
            links[None] = orphans
        found += [Chain(full, tuple(name for name in names if name in members)) for full, members in links.items()]
    return tuple(found)
