"""The heads of artifacts, each read once and remembered: a folder may hold thousands, on a disk that is slow."""

import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from threading import Lock
from typing import TypeVar, cast

from sidecar.artifact import Head, HeadOrProblem, UnreadArtifact
from sidecar.target import Target

REMEMBERED = 16384
"""Nearly two years of one each hour; some 10 MB."""
_Value = TypeVar("_Value", bound=Hashable)


class Heads:
    """Heads, known by their files' device, inode, size and time of change; for any thread."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._remembered = remembered
        self._known: dict[tuple[int, ...], HeadOrProblem] = {}
        self._shared: dict[Hashable, Hashable] = {}
        self._lock = Lock()

    def of(self, target: Target, names: Iterable[str]) -> dict[str, HeadOrProblem]:
        """Give what artifacts say of themselves, as ``Target.heads`` does; what was read before isn't read again."""
        return {name: self._head(target, name) for name in names}

    def acquire(self, target: Target, names: Sequence[str], seconds: float) -> bool:
        """Read for so many seconds what isn't known yet; say whether that was all. At least one head is read.

        More than are remembered aren't read ahead, nor what follows one that can't be read now.
        """
        until = time.monotonic() + seconds
        if len(names) > self._remembered:
            return True
        for name in names:
            if target.identity(name) in self._known:
                continue
            if isinstance(self._head(target, name), UnreadArtifact):
                return True
            if time.monotonic() >= until:
                return False
        return True

    def _head(self, target: Target, name: str) -> HeadOrProblem:
        identity = target.identity(name)
        if identity is not None and (known := self._known.get(identity)) is not None:
            return known
        found = target.heads([name])[name]
        # One that was written to meanwhile is another, and what can't be read now may be read later.
        if identity is not None and identity == target.identity(name) and not isinstance(found, UnreadArtifact):
            with self._lock:
                self._known[identity] = found = self._slim(found)
                if len(self._known) > self._remembered:
                    del self._known[next(iter(self._known))]
        return found

    def _slim(self, found: HeadOrProblem) -> HeadOrProblem:
        """Have heads of one store share what they have in common: it is most of their memory."""
        if not isinstance(found, Head):
            return found
        if len(self._shared) > self._remembered:
            self._shared.clear()
        return replace(
            found,
            magic=self._one(found.magic),
            store_id=self._one(found.store_id),
            database_id=self._one(found.database_id),
            database=self._one(found.database),
        )

    def _one(self, value: _Value) -> _Value:
        return cast(_Value, self._shared.setdefault(value, value))
