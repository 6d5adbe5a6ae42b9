"""Whether what a new differential builds on is whole: each link of its chain walked once, and remembered."""

from collections.abc import Iterable, Mapping

from shared.errors import ArtifactUnverified
from sidecar.artifact import Head
from sidecar.chain import Continues, NothingNew, chains, continuation
from sidecar.target import Target

_REMEMBERED = 4096


class Links:
    """Artifacts that were walked to their end, known by device, inode, size and time of change."""

    def __init__(self) -> None:
        self._whole: dict[tuple[int, ...], None] = {}

    def remember(self, target: Target, name: str) -> None:
        """Keep in mind that an artifact is whole."""
        identity = target.identity(name)
        if identity is not None:
            self._whole[identity] = None
            if len(self._whole) > _REMEMBERED:
                del self._whole[next(iter(self._whole))]

    def broken(self, target: Target, names: Iterable[str]) -> ArtifactUnverified | None:
        """Say which of ``names`` isn't whole; takes as long as reading those that were not walked before."""
        for name in names:
            if target.identity(name) in self._whole:
                continue
            examined = target.examine(name)
            problem = examined.body if isinstance(examined.head, Head) else examined.head
            if problem is not None:
                return ArtifactUnverified(
                    f"the new differential builds on {name}, which is damaged: {problem.reason}",
                    hint="Trigger a FULL backup: it begins a chain of its own.",
                )
            self.remember(target, name)
        return None


def leading_to(head: Head, existing: Mapping[str, Head], *, overlap_allowed: bool) -> tuple[str, ...]:
    """Name the artifacts that have to be whole for the differential ``head`` to be restored, the full one first."""
    found = continuation(head, existing, overlap_allowed=overlap_allowed)
    for chain in chains(existing, overlap_allowed=overlap_allowed):
        if chain.full is None:
            continue
        members = (chain.full, *(name for name in chain.differentials if not existing[name].empty))
        match found:
            case Continues(parent) if parent in members:
                return members[: members.index(parent) + 1]
            case NothingNew(recovery_point) if existing[members[-1]].highest == recovery_point and _same(
                head, existing[chain.full]
            ):
                return members
            case _:
                continue
    return ()


def _same(head: Head, other: Head) -> bool:
    return (head.database_id, head.store_id) == (other.database_id, other.store_id)
