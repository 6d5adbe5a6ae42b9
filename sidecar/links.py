"""Whether what a differential builds on is whole and on the disk: each link walked once, flushed, and remembered."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from sidecar.artifact import DamagedArtifact, Head, UnreadArtifact
from sidecar.chain import Continues, NothingNew, continuation, paths_to
from sidecar.foundation import Damage
from sidecar.heads import Heads
from sidecar.target import Target

_REMEMBERED = 4096


class Links:
    """Artifacts that were walked to their end, known by device, inode, size and time of change; for any thread.

    ``heads`` are those that were read.
    """

    def __init__(self) -> None:
        self.heads = Heads()
        self._whole: dict[tuple[int, ...], None] = {}
        self._lock = Lock()

    def remember(self, target: Target, name: str) -> None:
        """Keep in mind that an artifact is whole, and on the disk."""
        identity = target.identity(name)
        if identity is not None:
            with self._lock:
                self._whole[identity] = None
                if len(self._whole) > _REMEMBERED:
                    del self._whole[next(iter(self._whole))]

    def known(self, target: Target, name: str) -> bool:
        """Say whether an artifact was walked before and found whole, and is as it was."""
        return target.identity(name) in self._whole

    def damage(
        self, target: Target, paths: Sequence[Sequence[str]], stopped: Callable[[], bool] = lambda: False
    ) -> Damage | None:
        """Say what is in the way where none of ``paths`` is whole, on the first of them that may be, else on the first.

        Takes as long as reading those artifacts that were not walked before, and writing what of them is only in
        memory. Raises Abandoned once it is ``stopped``.
        """
        first: Damage | None = None
        for path in paths:
            found = next((damage for name in path if (damage := self.walk(target, name, stopped)) is not None), None)
            if found is None:
                return None
            if first is None or (found.unread and not first.unread):
                first = found
        return first

    def walk(self, target: Target, name: str, stopped: Callable[[], bool] = lambda: False) -> Damage | None:
        """Walk one artifact and flush it, unless that was done before, and say what is wrong with it.

        Raises Abandoned once it is ``stopped``.
        """
        identity = target.identity(name)
        if identity in self._whole:
            return None
        examined = target.examine(name, stopped)
        problem = examined.body if isinstance(examined.head, Head) else examined.head
        if problem is not None:
            return Damage(name, problem.fault, unread=isinstance(problem, UnreadArtifact))
        try:
            # Whoever left it here may have flushed nothing: a power cut would take it from under its differentials.
            target.keep([name])
        except (OSError, DamagedArtifact) as error:
            return Damage(name, f"can't be put on the disk: {error}")
        if identity == target.identity(name):
            self.remember(target, name)
        return None


def leading_to(head: Head, existing: Mapping[str, Head], *, overlap_allowed: bool) -> tuple[tuple[str, ...], ...]:
    """Give the ways to what the differential ``head`` builds on, as ``paths_to`` does."""
    match continuation(head, existing, overlap_allowed=overlap_allowed):
        case Continues(parent):
            return paths_to(parent, existing, overlap_allowed=overlap_allowed)
        case NothingNew(recovery_point):
            ends = [
                name
                for name, other in existing.items()
                if (other.database_id, other.store_id) == (head.database_id, head.store_id)
                and other.highest == recovery_point
                and not other.empty
            ]
            return tuple(path for name in ends for path in paths_to(name, existing, overlap_allowed=overlap_allowed))
        case _:
            return ()
