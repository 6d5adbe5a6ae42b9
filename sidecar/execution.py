"""neo4j-admin while it runs: its lines kept and understood, its disk and its time watched."""

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress

from shared.durations import format_duration
from shared.errors import BackupError, BackupTimedOut
from sidecar.console_echo import ConsoleEcho
from sidecar.files import open_plain
from sidecar.neo4j_admin.cleaning import mask
from sidecar.neo4j_admin.output import Observed
from sidecar.neo4j_admin.runner import Launch, Runner
from sidecar.run_lock import show_life
from sidecar.run_log import RunLog
from sidecar.settings import Settings
from sidecar.space import Place, reserve_broken
from sidecar.stop_sign import StopSign
from sidecar.supervision import Ended, supervise
from sidecar.target import Target
from sidecar.temporary import file_system_of
from sidecar.volume import Volume

_LIFE_SECONDS = 60.0
log = logging.getLogger("sidecar.execution")
printed = logging.getLogger("neo4j_admin")


class Execution:
    """One process of neo4j-admin from start to end; ``observed`` gathers what it says.

    ``least_free`` is the fewest bytes seen free in the target meanwhile, None where nobody looked.
    """

    def __init__(
        self,
        runner: Runner,
        settings: Settings,
        volume: Volume,
        target: Target,
        observed: Observed,
        stage_changed: Callable[[], None],
        secrets: tuple[str, ...],
    ) -> None:
        self.observed = observed
        self.least_free: int | None = None
        self._runner = runner
        self._settings = settings
        self._volume = volume
        self._target = target
        self._stage_changed = stage_changed
        self._secrets = secrets
        self._showed_life = time.monotonic()

    async def run(self, launch: Launch, sign: StopSign, name: str) -> Ended:
        """Start it and see it to its end; ``name`` is the request's. Raises ConfigurationError where it can't start."""
        kept = RunLog(lambda: self._open_log(name))
        echo = ConsoleEcho(printed)

        def on_line(line: bytes) -> None:
            seen = self.observed.feed(line)
            kept.write(self._masked(line))
            echo.write(seen.text.encode())
            if seen.stage is not None:
                self._stage_changed()

        seconds = self._settings.timeout
        late = BackupTimedOut(
            f"neo4j-admin took longer than {format_duration(seconds)} and was ended",
            hint="NEO4J_BACKUP_TIMEOUT says how long one run may take; the request's log shows what took so long.",
        )
        facts = {"id": name, "database": self.observed.database}
        log.info("neo4j-admin starts", extra=facts)
        try:
            running = self._runner.start(launch, on_line)
            ended = await supervise(
                running,
                sign,
                seconds=seconds,
                late=late,
                grace=self._settings.grace,
                space=lambda: self._space(launch),
            )
        finally:
            kept.close()
        if kept.trouble is not None:
            log.warning("the log of a request is not whole", extra=facts | {"error": str(kept.trouble)})
        log.info(
            "neo4j-admin ended",
            extra=facts | {"status": ended.exit.status, "signal": ended.exit.signal, "ended_by": ended.by},
        )
        return ended

    def _space(self, launch: Launch) -> BackupError | None:
        if launch.held is not None and time.monotonic() - self._showed_life > _LIFE_SECONDS:
            self._showed_life = time.monotonic()
            show_life(launch.held)
        # A look that fails tells nothing, as one that hangs: the next one may be answered.
        places: list[Place] = []
        with suppress(BackupError):
            system = self._target.file_system()
            places.append(Place(self._target.path, system))
            self.least_free = system.free_bytes if self.least_free is None else min(self.least_free, system.free_bytes)
        with suppress(BackupError):
            beside = file_system_of(launch.folder)
            if all(place.file_system.device != beside.device for place in places):
                places.append(Place(launch.folder, beside))
        return next((error for place in places if (error := reserve_broken(place, self._settings.reserve))), None)

    def _masked(self, line: bytes) -> bytes:
        return mask(line.decode("utf-8", "surrogateescape"), self._secrets).encode("utf-8", "surrogateescape")

    def _open_log(self, name: str) -> int:
        return open_plain(f"{name}.log", os.O_RDWR | os.O_CREAT, within=self._volume.logs)
