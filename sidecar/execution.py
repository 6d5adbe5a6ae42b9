"""neo4j-admin while it runs: its lines kept and understood, its disk and its time watched."""

import logging
import os
from collections.abc import Callable

from shared.durations import format_duration
from shared.errors import BackupError, BackupTimedOut
from sidecar.console_echo import ConsoleEcho
from sidecar.neo4j_admin.output import Observed
from sidecar.neo4j_admin.runner import Launch, Runner
from sidecar.run_log import RunLog
from sidecar.settings import Settings
from sidecar.space import Place, reserve_broken
from sidecar.stop_sign import StopSign
from sidecar.supervision import Ended, supervise
from sidecar.target import Target
from sidecar.volume import Volume

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
    ) -> None:
        self.observed = observed
        self.least_free: int | None = None
        self._runner = runner
        self._settings = settings
        self._volume = volume
        self._target = target
        self._stage_changed = stage_changed

    async def run(self, launch: Launch, sign: StopSign, name: str) -> Ended:
        """Start it and see it to its end; ``name`` is the request's. Raises ConfigurationError where it can't start."""
        kept = RunLog(lambda: self._open_log(name))
        echo = ConsoleEcho(printed)

        def on_line(line: bytes) -> None:
            kept.write(line)
            echo.write(line)
            if self.observed.feed(line).stage is not None:
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
                running, sign, seconds=seconds, late=late, grace=self._settings.grace, space=self._space
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

    def _space(self) -> BackupError | None:
        system = self._target.file_system()
        self.least_free = system.free_bytes if self.least_free is None else min(self.least_free, system.free_bytes)
        return reserve_broken(Place(self._target.path, system), self._settings.reserve)

    def _open_log(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(f"{name}.log", flags, 0o640, dir_fd=self._volume.logs)
