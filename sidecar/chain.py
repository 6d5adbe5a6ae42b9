"""Which artifacts belong together: a full one and the differentials that continue it without a gap.

Everything is read from heads, never from names or file times. A store is a database id and a store id;
append indexes count within one. From Neo4j 2026.02 on the first differential after a full may begin at
or below the full's highest index: ``overlap_allowed`` says whether neo4j-admin reads such a chain.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sidecar.artifact import Head, StoreId


@dataclass(frozen=True, slots=True)
class Continues:
    """The differential continues the artifact named ``parent``, which can be restored."""

    parent: str


@dataclass(frozen=True, slots=True)
class NothingNew:
    """The differential is empty: nothing had changed since ``recovery_point``, the highest restorable index."""

    recovery_point: int


@dataclass(frozen=True, slots=True)
class Breaks:
    """The differential continues nothing that can be restored; ``reason`` is a clause that begins with "it"."""

    reason: str


Continuation = Continues | NothingNew | Breaks


@dataclass(frozen=True, slots=True)
class Chain:
    """A full artifact and all differentials that can be restored on top of it, by name, oldest first.

    A differential that continues two full ones is in both chains. What no full one leads to is in a
    chain that has none: at most one of these for each store.
    """

    full: str | None
    differentials: tuple[str, ...]

    @property
    def restorable(self) -> bool:
        """Whether all of it can be restored."""
        return self.full is not None


def chains(heads: Mapping[str, Head], *, overlap_allowed: bool) -> tuple[Chain, ...]:
    """Sort artifacts, given by name, into chains; those of one store follow each other, the oldest full one first.

    An empty differential goes with the newest full artifact before it.
    """
    found: list[Chain] = []
    for store in _by_store(heads):
        fulls = {name: head for name, head in store.items() if _is_full(head)}
        others = {name: head for name, head in store.items() if name not in fulls}
        members = {name: _reached(full, others, overlap_allowed) for name, full in fulls.items()}
        for name, head in others.items():
            before = [full for full in fulls if fulls[full].taken_at <= head.taken_at]
            if head.empty and not head.full and before:
                members[before[-1]].add(name)
        found += [Chain(full, tuple(name for name in others if name in members[full])) for full in fulls]
        if loose := tuple(name for name in others if not any(name in reached for reached in members.values())):
            found.append(Chain(None, loose))
    return tuple(found)


def continuation(head: Head, existing: Mapping[str, Head], *, overlap_allowed: bool) -> Continuation:
    """Say whether the differential ``head`` continues what lies in its folder, ``existing``, given by name.

    An empty one needs a chain that can be restored up to the newest artifact of its store: what it says
    is that nothing has changed since that.
    """
    store = {name: other for name, other in existing.items() if _store(other) == _store(head)}
    restorable = {
        name: store[name]
        for chain in chains(store, overlap_allowed=overlap_allowed)
        if chain.full is not None
        for name in (chain.full, *chain.differentials)
        if not store[name].empty
    }
    if not restorable:
        return Breaks("it is a differential, and no full backup of the same database and store lies there")
    recovery_point = max(other.highest for other in restorable.values())
    if head.empty:
        newest = max(other.highest for other in store.values())
        if newest > recovery_point:
            return Breaks(
                f"it says that nothing changed since transaction {newest}, and what lies there"
                f" can be restored up to {recovery_point} only: a link is missing"
            )
        return NothingNew(recovery_point)
    contiguous = [name for name, other in store.items() if other.highest + 1 == head.lowest and not other.empty]
    if parents := [name for name in contiguous if name in restorable]:
        return Continues(parents[-1])
    if overlapped := [name for name, other in restorable.items() if overlap_allowed and _overlaps(head, other)]:
        return Continues(overlapped[-1])
    if contiguous:
        return Breaks(f"it continues {contiguous[-1]}, which can't be restored: a link before it is missing")
    return Breaks(
        f"it begins at transaction {head.lowest}, and what lies there ends at {recovery_point}:"
        f" {recovery_point + 1} would have continued it"
    )


def paths_to(name: str, heads: Mapping[str, Head], *, overlap_allowed: bool) -> tuple[tuple[str, ...], ...]:
    """Give what has to be whole for the artifact ``name`` to be restored, the full one first and ``name`` last.

    One way for each full artifact that leads to it, that of the newest first; any one of them is enough.
    """
    found: list[tuple[str, ...]] = []
    for chain in chains(heads, overlap_allowed=overlap_allowed):
        if chain.full is not None:
            members = (chain.full, *(each for each in chain.differentials if not heads[each].empty))
            if name in members:
                found.append(members[: members.index(name) + 1])
    return tuple(reversed(found))


def _reached(full: Head, others: Mapping[str, Head], overlap_allowed: bool) -> set[str]:
    """Name the differentials that lead on from ``full``, each beginning one above where another ends."""
    ends, reached = {full.highest}, set()
    # A parent begins below its child, so that one pass in this order meets each after its parent.
    for name, head in sorted(others.items(), key=lambda item: item[1].lowest):
        if head.lowest - 1 in ends or (overlap_allowed and _overlaps(head, full)):
            ends.add(head.highest)
            reached.add(name)
    return reached


def _overlaps(head: Head, full: Head) -> bool:
    return _is_full(full) and 0 < head.lowest <= full.highest < head.highest


def _is_full(head: Head) -> bool:
    # A full one always holds the store's first transaction; what says otherwise is no foundation.
    return head.full and not head.empty


def _store(head: Head) -> tuple[UUID, StoreId]:
    return head.database_id, head.store_id


def _by_store(heads: Mapping[str, Head]) -> Iterable[Mapping[str, Head]]:
    """Part the artifacts by store, each part ordered by age; within a second by what was there first."""
    stores: dict[tuple[UUID, StoreId], dict[str, Head]] = {}
    for name, head in sorted(heads.items(), key=lambda item: (item[1].taken_at, item[1].highest, item[0])):
        stores.setdefault(_store(head), {})[name] = head
    return stores.values()
