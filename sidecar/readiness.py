"""Makes a request volume ready to be served: its documents read, and what an earlier daemon left ended."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from shared.errors import TransportError
from sidecar.disk_errors import on_request_volume
from sidecar.held_up import HeldUp
from sidecar.listener import refusing
from sidecar.parts import Parts
from sidecar.records import Records
from sidecar.recovery import Recovery
from sidecar.volume import Volume

UNREAD_SECONDS = 60.0
"""How long documents are tried that the disk doesn't give; then all goes on without them."""
_AGAIN_SECONDS = 2.0
_TELL_SECONDS = 2.0
_RECOVERING = "the sidecar lives, and is still ending what an earlier one left"
_NOT_YET = "what an earlier sidecar was doing can't be ended yet"
_ASK_AGAIN = "Ask again in a minute; where that doesn't help, see how the volumes of its backups are."
log = logging.getLogger("sidecar.readiness")


async def make_ready(volume: Volume, records: Records, parts: Parts, stopping: asyncio.Event) -> bool:
    """Read and recover, and try again while that can't be; False where it is ``stopping`` before.

    Whoever asks meanwhile is told what it waits for. Raises VolumeLost.
    """
    recovery = Recovery(volume, records, parts)
    began, told = time.monotonic(), ""
    async with AsyncExitStack() as answering:
        while not stopping.is_set():
            try:
                async with _saying_so(volume):
                    records.load(without=time.monotonic() - began > UNREAD_SECONDS)
                    await recovery.run()
            except (OSError, HeldUp) as error:
                volume.check()
                no = error.error if isinstance(error, HeldUp) else on_request_volume(error, _NOT_YET)
                if no.message != told:
                    facts = {"error": no.message, "hint": no.hint}
                    log.error("what an earlier sidecar left can't be ended yet; trying again", extra=facts)
                    # What was in the way before is mended, and something else is.
                    await answering.aclose()
                    await answering.enter_async_context(refusing(volume, no))
                told = no.message
                with suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_SECONDS):
                        await stopping.wait()
            else:
                return True
    return False


@asynccontextmanager
async def _saying_so(volume: Volume) -> AsyncIterator[None]:
    """Answer whoever asks where a recovery takes long, such as on a volume that hangs: nobody else would."""

    async def say() -> None:
        await asyncio.sleep(_TELL_SECONDS)
        async with refusing(volume, TransportError(_RECOVERING, hint=_ASK_AGAIN)):
            await asyncio.Event().wait()

    saying = asyncio.create_task(say())
    try:
        yield
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)
