"""The daemon: waits for the volume and its lock, serves it, and begins again where the folder was replaced."""

import asyncio
import faulthandler
import logging
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress

from sidecar.console import start_logging
from sidecar.heap import settle
from sidecar.neo4j_admin.command import secrets
from sidecar.parts import Parts, build
from sidecar.session import Session
from sidecar.volume import Volume, VolumeLost

HANG_SECONDS = 300.0
"""A loop that does nothing for so long leaves its stacks in the log and ends: that is the liveness probe."""
SWITCH_SECONDS = 0.0005
_REARM_SECONDS = 20.0
_LOCK_SECONDS = 1.0
_OPEN_SECONDS = 5.0
log = logging.getLogger("sidecar.daemon")


def run(environment: Mapping[str, str]) -> int:
    """Run until SIGTERM or SIGINT; give the exit code."""
    start_logging(secrets(environment))
    # Before the loop first has its turn, too: opening a volume that hangs comes before that.
    _watch_for_a_hang()
    # Our own renames wake watchdog's threads; the loop must not wait 5 ms for each of them.
    sys.setswitchinterval(SWITCH_SECONDS)
    daemon = _Daemon(build(environment))
    settle()
    asyncio.run(daemon.run())
    log.info("the sidecar has ended")
    return 0


class _Daemon:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stopping = asyncio.Event()
        self._session: Session | None = None
        self._drained = False

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        for problem in self._parts.loaded.problems:
            log.error("a setting is wrong, and no backup is run before it is mended", extra={"problem": problem})
        for warning in self._parts.loaded.warnings:
            log.warning("a setting is unknown", extra={"problem": warning})
        armed = asyncio.create_task(_show_life())
        try:
            while not self._stopping.is_set():
                await self._serve_once()
        finally:
            armed.cancel()
            faulthandler.cancel_dump_traceback_later()

    async def _serve_once(self) -> None:
        path = self._parts.settings.requests
        try:
            volume = Volume.open(path)
        except OSError as error:
            log.error(
                "the request volume can't be used; it is tried again",
                extra={"folder": path, "error": str(error), "wanted": "a folder that user 7474 may write"},
            )
            await self._pause(_OPEN_SECONDS)
            return
        try:
            if not await self._lock(volume):
                return
            self._session = Session(volume, self._parts, drained=self._drained)
            if not self._stopping.is_set():
                await self._session.run()
        except VolumeLost as lost:
            log.warning("the request folder is gone; beginning again with what is there now", extra={"reason": lost})
        except Exception:
            log.exception("serving the request volume ended with a defect; beginning again")
            await self._pause(_OPEN_SECONDS)
        finally:
            if self._session is not None:
                self._drained = self._session.drained
            self._session = None
            volume.close()

    async def _lock(self, volume: Volume) -> bool:
        told = False
        while not volume.try_lock():
            if not told:
                log.info(
                    "another sidecar holds the lock: standing by until it has ended", extra={"folder": volume.path}
                )
                told = True
            await self._pause(_LOCK_SECONDS)
            volume.check()
            if self._stopping.is_set():
                return False
        volume.check()
        return True

    def _stop(self, number: signal.Signals) -> None:
        log.info("ending", extra={"signal": number.name})
        self._stopping.set()
        if self._session is not None:
            self._session.stop()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _watch_for_a_hang() -> None:
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)


async def _show_life() -> None:
    while True:
        _watch_for_a_hang()
        await asyncio.sleep(_REARM_SECONDS)
