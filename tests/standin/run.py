"""One run of the worker: its checks, its databases one by one, and what it says of those that failed."""

from __future__ import annotations

import os
import time

from . import faults, journal, servers, stages, target, usage, versions
from .backup import Backup
from .output import Output
from .stages import Failed, Stages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .faults import Fault
    from .knobs import Knobs
    from .parse import Request
    from .servers import Server
    from .state import Database

_TRACE_AFTER = "NEO4J_ADMIN_CRASH_INFO_DUMP_TIMEOUT_SECONDS"


class Run:
    """What the launcher understood, carried out."""

    def __init__(self, home: str, told: Knobs, struck: list[Fault], request: Request, run: str) -> None:
        self._began = time.monotonic()
        self._home = home
        self._knobs = told
        self._struck = struck
        self._request = request
        self._version = versions.parse(versions.of_home(home))
        self._verbose = request.on("--verbose") or bool(os.environ.get("NEO4J_DEBUG"))
        self._names = {fault.name for fault in struck}
        self._output = Output(self._version, uncertain=told.uncertain, silent="silent" in self._names)
        self._journal = journal.Journal(told.journal, run)
        self._failed: list[str] = []
        self._unreachable: list[str] = []

    def execute(self) -> int:
        """The exit status: 0, or 1 where anything at all went wrong."""
        if options := os.environ.get("JAVA_TOOL_OPTIONS"):
            self._output.error(f"Picked up JAVA_TOOL_OPTIONS: {options}")
        if self._verbose:
            self._introduce()
        try:
            self._checked()
        except Failed as failure:
            return self._give_up(failure)
        except OSError as error:
            return self._give_up(_io(error))
        if problems := [*self._unreachable, *self._failed]:
            return self._give_up(Failed(f"FAKE: backup failed, or had problems, for: {', '.join(problems)}"))
        self._output.plain("Backup command completed.")
        if "killed_after_success" in self._names:
            stages.kill_self()
        return 0

    def _checked(self) -> None:
        config = self._request.value("--additional-config")
        if config and not os.path.isfile(config):
            raise Failed(f"File {config} does not exist")
        folder = target.resolve(self._request, self._knobs, self._version, os.environ)
        if self._knobs.journal:
            journal.occupy(folder, self._journal, self._knobs.state)
        working = target.working(self._request)
        try:
            self._databases(folder, working)
        finally:
            if not self._kept(self._failed):
                target.clear(working)

    def _databases(self, folder: str, working: str) -> None:
        reachable = self._reachable()
        wanted: dict[str, None] = {}
        for pattern in self._request.databases or ["neo4j"]:
            names = servers.matching(pattern, reachable)
            if not names:
                self._fail(pattern, Failed(f"FAKE: no database matches {pattern}"))
            wanted.update(dict.fromkeys(names))
        for name in wanted:
            self._database(name, reachable, folder, f"{working}/{name}")

    def _reachable(self) -> list[Server]:
        found = servers.look(self._request.servers, self._knobs)
        for server in found:
            if not server.up:
                self._unreachable.append(server.address)
                self._output.log(f"FAKE: could not connect to {server.address}", level="WARN")
                self._output.error(f"FAKE: could not connect to {server.address}")
        if reachable := [server for server in found if server.up]:
            return reachable
        raise Failed("FAKE: none of the servers could be reached")

    def _database(self, name: str, reachable: list[Server], folder: str, place: str) -> None:
        addresses = ", ".join(server.address for server in reachable)
        self._output.log(f"Starting backup of database '{name}' from servers: [{addresses}]")
        struck = faults.of(self._struck, name)
        held = servers.holding(name, reachable)
        if not held and "bug_13107" in struck:
            return
        try:
            if not held:
                raise Failed(f"FAKE: database '{name}' does not exist")
            server, database = held
            self._admit(database)
            os.mkdir(place)
            delay, rate = self._knobs.stage_delay, self._knobs.rate
            own = Stages(struck, self._output, self._journal, delay=delay, rate=rate)
            backup = Backup(self._request, self._knobs, self._output, own, database, server)
            backup.run(folder, place)
        except Failed as failure:
            self._fail(name, failure)
        except OSError as error:
            self._fail(name, _io(error))
        finally:
            if os.path.isdir(place) and not self._kept([name] if name in self._failed else []):
                target.clear(place)

    def _admit(self, database: Database) -> None:
        """Raises ``Failed`` for a database that can't be backed up."""
        if database.kind in ("alias", "composite"):
            raise Failed(f"FAKE: '{database.name}' can't be backed up, its kind is {database.kind}")
        if not database.online:
            raise Failed(f"FAKE: database '{database.name}' is not online")
        if database.kind == "shard" and not self._request.on("--remote-address-resolution"):
            raise Failed("Please specify --remote-address-resolution when taking a backup of a shard")

    def _kept(self, failed: list[str]) -> bool:
        return bool(failed) and self._request.on("--keep-failed")

    def _fail(self, name: str, failure: Failed) -> None:
        self._failed.append(name)
        self._output.log(f"Failed to back up '{name}': {failure.reason}", level="ERROR", sure=False)
        self._output.error(failure.reason, sure=failure.sure)

    def _give_up(self, failure: Failed) -> int:
        self._output.error(failure.reason, sure=failure.sure)
        if not versions.calendar(self._version):
            if not self._verbose:
                self._output.error(usage.VERBOSE_HINT)
        elif self._verbose or time.monotonic() - self._began > float(os.environ.get(_TRACE_AFTER) or 3):
            self._trace(failure)
        return 1

    def _trace(self, failure: Failed) -> None:
        logs = f"{os.environ.get('NEO4J_HOME') or self._home}/logs"
        path = f"{logs}/{time.strftime('neo4j-admin-exception-trace-%Y-%m-%d.%H.%M.%S.log')}"
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"org.neo4j.cli.CommandFailedException: {failure.reason}\n")
        except OSError as error:
            self._output.error(f"FAKE: {path} could not be written: {error.strerror}")
            return
        self._output.error(f"Full exception details written to: {path}")
        self._output.error("Please provide this file if requesting neo4j support")

    def _introduce(self) -> None:
        for line in (f"neo4j {versions.of_home(self._home)}", "VM Name: FAKE", "VM Version: FAKE"):
            self._output.plain(line)
        self._output.plain("Configuration files used (ordered by priority):")
        for name in ("neo4j-admin-database-backup.conf", "neo4j-admin.conf", "neo4j.conf"):
            if os.path.isfile(path := f"{self._home}/conf/{name}"):
                self._output.plain(path)
        self._output.plain("-" * 20)


def _io(error: OSError) -> Failed:
    return Failed(f"FAKE: java.io.IOException: {error.strerror or error}")
