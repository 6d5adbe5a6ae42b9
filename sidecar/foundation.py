"""What the next differential would build on, decided from the heads that lie in its target.

Which artifact neo4j-admin continues is its own choice, and this a forecast: the proof after the run stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sidecar.artifact import DamagedArtifact, Head, UnknownFormat, UnreadArtifact
from sidecar.chain import chains, paths_to


@dataclass(frozen=True, slots=True)
class Damage:
    """Why nothing may be built on what lies there; ``fault`` says of ``artifact`` what is wrong with it.

    Together they are a clause, such as "neo4j-….backup" and "is damaged: it ends before its last block".
    ``unread`` is whether it may be whole all the same.
    """

    artifact: str
    fault: str
    unread: bool = False

    def __str__(self) -> str:
        return f"{self.artifact} {self.fault}"


@dataclass(frozen=True, slots=True)
class Foundation:
    """The ways from a full artifact to the newest one, of which one has to be whole, best first.

    None where nothing lies there to build on. ``damage`` is what is in the way of all of them.
    """

    paths: tuple[tuple[str, ...], ...] = ()
    damage: Damage | None = None


def foundation(
    heads: Mapping[str, Head],
    problems: Mapping[str, UnknownFormat | DamagedArtifact],
    *,
    prefer_diff: bool,
    overlap_allowed: bool,
) -> Foundation:
    """Foresee what a differential would build on; ``problems`` are the artifacts whose heads say nothing.

    ``prefer_diff`` is whether neo4j-admin is told to continue the newest differential, whatever full one is newer.
    """
    loaded = {name: head for name, head in heads.items() if not head.empty}
    preferred = {name: head for name, head in loaded.items() if not head.full} if prefer_diff else {}
    newest = max(preferred or loaded, key=lambda name: (heads[name].taken_at, heads[name].highest, name), default=None)
    if newest is not None and (paths := paths_to(newest, heads, overlap_allowed=overlap_allowed)):
        return Foundation(paths)
    if any(isinstance(problem, UnknownFormat) for problem in problems.values()):
        # Of a later release: neo4j-admin may know it as the link that is missing here.
        return Foundation()
    if problems:
        name, problem = sorted(problems.items())[-1]
        return Foundation(damage=Damage(name, problem.fault, unread=isinstance(problem, UnreadArtifact)))
    if newest is not None and _has_chain(heads[newest], heads, overlap_allowed=overlap_allowed):
        return Foundation(damage=Damage(newest, "can't be restored: a link before it is missing"))
    # Without a full one of that store neo4j-admin sees for itself that it can't continue.
    return Foundation()


def _has_chain(newest: Head, heads: Mapping[str, Head], *, overlap_allowed: bool) -> bool:
    store = {
        name: head
        for name, head in heads.items()
        if (head.database_id, head.store_id) == (newest.database_id, newest.store_id)
    }
    return any(chain.restorable for chain in chains(store, overlap_allowed=overlap_allowed))
