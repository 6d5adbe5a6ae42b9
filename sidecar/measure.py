"""A number that takes a look at a disk: asked for by many, looked at once a second, never waited for long."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from sidecar.threads import NoThread, in_thread

_AGAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 1.0


class Measure:
    """``look`` is called in a thread; where the disk doesn't answer, the number that was found last holds."""

    def __init__(self, look: Callable[[], int | None]) -> None:
        self._look = look
        self._looking: asyncio.Future[int | None] | None = None
        self._looked_at = 0.0
        self._found: int | None = None

    async def value(self) -> int | None:
        """Give the number as it is now, or was a moment ago; None where none was found."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now - self._looked_at >= _AGAIN_SECONDS):
            self._looked_at = now
            self._looking = in_thread(self._look)
        if not self._looking.done():
            await asyncio.wait({self._looking}, timeout=_PATIENCE_SECONDS)
        if self._looking.done():
            with suppress(NoThread):
                self._found = self._looking.result()
        return self._found
