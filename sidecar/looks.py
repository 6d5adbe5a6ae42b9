"""Looks at disks for who asks how they are: none is waited for long, and one that hangs is not joined by others."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sidecar.threads import in_thread

LOOK_SECONDS = 5.0
"""How long a disk may take to answer: a courier waits 20 s for a line."""
Outcome = TypeVar("Outcome")


class Looks:
    """Each look is made in a thread; one that a disk holds for ever stays the only one ``at`` its place."""

    def __init__(self, seconds: float = LOOK_SECONDS) -> None:
        self._seconds = seconds
        self._begun: dict[str, asyncio.Future[object]] = {}

    async def at(self, place: str, work: Callable[[], Outcome]) -> Outcome | None:
        """Give what ``work`` gives, None where the disk doesn't answer in time; ``place`` is one of a few names."""
        before = self._begun.get(place)
        if before is not None and not await self._comes(before):
            return None
        looking = in_thread(work)
        self._begun[place] = looking  # type: ignore[assignment]  # only whether it is done is ever asked
        return looking.result() if await self._comes(looking) else None

    def hangs(self, place: str) -> bool:
        """Say whether the last look at a place has had no answer."""
        begun = self._begun.get(place)
        return begun is not None and not begun.done()

    async def _comes(self, looking: "asyncio.Future[Outcome]") -> bool:
        done, _ = await asyncio.wait({looking}, timeout=self._seconds)
        return bool(done)
