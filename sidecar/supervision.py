"""Watching one run of neo4j-admin: its end, its time, the sign to stop, the disk's reserve."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from shared.errors import BackupError, BackupFailed
from sidecar.neo4j_admin.runner import Exit, Running
from sidecar.stop_sign import StopSign
from sidecar.threads import NoThread, in_thread

SPACE_BEAT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; ``by`` is why we ended it, where we did."""

    exit: Exit
    by: BackupError | None = None


async def supervise(
    running: Running,
    sign: StopSign,
    *,
    seconds: float,
    late: BackupError,
    grace: float,
    space: Callable[[], BackupError | None],
) -> Ended:
    """Wait for the run's end, and end it when the sign is shown, its ``seconds`` are over or space is short.

    ``space`` is asked each half second, in a thread, and not again before it answers: it says why the disk
    can't bear more. When this returns, or is cancelled, no process of the run is left; where one survives
    SIGKILL, the reason why it was ended is raised, which says so.
    """
    exit_ = asyncio.ensure_future(running.wait())
    shown = asyncio.ensure_future(sign.event.wait())
    short = asyncio.ensure_future(_watch(space))
    try:
        await asyncio.wait({exit_, shown, short}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if exit_.done():
            return Ended(exit_.result())
        reason = sign.error or (short.result() if short.done() else late)
        await _end(running, grace, reason)
        return Ended(await exit_, reason)
    finally:
        shown.cancel()
        short.cancel()
        if not exit_.done():
            # Cancelled, or ending it failed: nothing of it may go on without us.
            with suppress(BackupError):
                await running.end(0)
        exit_.cancel()
        await asyncio.gather(exit_, shown, short, return_exceptions=True)


async def _end(running: Running, grace: float, reason: BackupError) -> None:
    try:
        await running.end(grace)
    except BackupFailed as unkillable:
        # Of the run's own error nobody would learn that it was cancelled, or that it may be tried again.
        raise type(reason)(f"{reason.message}; {unkillable.message}", hint=unkillable.hint) from unkillable


async def _watch(space: Callable[[], BackupError | None]) -> BackupError:
    while True:
        await asyncio.sleep(SPACE_BEAT_SECONDS)
        # Where the disk doesn't answer, this look is the last: each further one would be a thread that waits too.
        # The run on it ends by its own time limit.
        try:
            problem = await in_thread(space)
        except NoThread:
            continue
        if problem is not None:
            return problem
