"""The sidecar's own part of ``neo4j-backup check``: what a backup would need, looked at now."""

import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib.metadata import version

from shared.errors import BackupError
from shared.protocol import Check, CheckState
from shared.sizes import format_size
from sidecar.artifact_checkup import Look, look_at
from sidecar.cgroup import read_memory
from sidecar.data_folder import database_size, databases_held
from sidecar.disk_errors import on_request_volume
from sidecar.files import try_to_write
from sidecar.leftover_checkup import leftover_checks
from sidecar.looks import LOOK_SECONDS, Looks
from sidecar.memory import choose_memory
from sidecar.neo4j_admin.options import BY_NAME
from sidecar.outcome import version_warning
from sidecar.parts import Parts
from sidecar.path_rules import check_target
from sidecar.preparation import Prepared
from sidecar.server import server_version, takes_connections
from sidecar.sizes import mebibytes
from sidecar.space import reserve_of
from sidecar.stop_sign import StopSign
from sidecar.target import open_nearest
from sidecar.temporary import folder_of_runs
from sidecar.threads import in_thread
from sidecar.volume import Volume

_CONNECT_SECONDS = 3.0
_LEAST_ROOM = 64 * 1024


class Checkup:
    """Walks from the daemon to neo4j-admin, its server, its target and what lies there, a Check for each."""

    def __init__(
        self,
        parts: Parts,
        watched: Callable[[], bool],
        draining: Callable[[], bool],
        written: Callable[[str], bool],
        volume: Volume,
    ) -> None:
        self._parts = parts
        self._volume = volume
        self._looks = Looks()
        self._written = written
        self._watched = watched
        self._draining = draining

    async def checks(self, path: str | None) -> AsyncIterator[Check]:
        """Look at each thing in turn; ``path`` is a target to look at, None for every allowed root that is there."""
        yield self._daemon()
        yield await self._looked_at("request volume", self._volume.path, partial(_request_volume, self._volume))
        prepared: Prepared | None = None
        try:
            prepared = await self._parts.preparation.prepare(StopSign())
            edition = {True: " Enterprise", False: " Community", None: ""}[prepared.enterprise]
            yield _ok("neo4j-admin", f"{prepared.version}{edition}, {prepared.program}")
            yield _ok("licence", self._parts.settings.licence or "not asked for by this edition")
        except BackupError as error:
            yield _failed("neo4j-admin", error)
        yield await self._server(prepared)
        yield await self._looked_at("databases", self._parts.settings.data, self._databases)
        yield self._memory()
        for root in (path,) if path is not None else self._parts.settings.allowed_roots:
            yield await self._looked_at("target", root, partial(self._target, root, named=path is not None))
        if path is not None and not self._looks.hangs("target"):
            for check in await look_at(self._look(path, prepared)):
                yield check
            for check in await self._looks.at("leftovers", partial(self._leftovers, path)) or ():
                yield check

    async def _looked_at(self, name: str, folder: str, look: Callable[[], Check]) -> Check:
        found = await self._looks.at(name, look)
        if found is not None:
            return found
        return Check(
            name=name,
            state=CheckState.FAILED,
            message=f"{folder} didn't answer within {LOOK_SECONDS:.0f} s",
            hint="Its volume hangs or is very slow: see how the node and the storage are.",
        )

    def _daemon(self) -> Check:
        said = f"neo4j-backup-sidecar {version('neo4j-backup')}"
        if self._draining():
            return Check(
                name="sidecar",
                state=CheckState.FAILED,
                message=f"{said} is drained: it starts nothing more",
                hint="It takes requests again after a restart.",
            )
        how = "watches its folder" if self._watched() else "can't watch its folder and looks at it every 2 s"
        return _ok("sidecar", f"{said}, {how}")

    async def _server(self, prepared: Prepared | None) -> Check:
        answers = await takes_connections(self._parts.settings.from_, _CONNECT_SECONDS)
        deaf = [address for address, takes in answers.items() if not takes]
        if deaf:
            return Check(
                name="server",
                state=CheckState.FAILED,
                message=f"no connection to {', '.join(deaf)}",
                hint="Is Neo4j running, is server.backup.enabled on, and does server.backup.listen_address fit "
                "NEO4J_BACKUP_FROM?",
            )
        server = await in_thread(server_version)
        told = f"takes connections at {', '.join(answers)}" + (f", Neo4j {server}" if server else "")
        if prepared is not None and (warning := version_warning(prepared.version, server)):
            return Check(name="server", state=CheckState.FAILED, message=f"{told}; {warning[0]}")
        return _ok("server", told)

    def _databases(self) -> Check:
        data = self._parts.settings.data
        held = databases_held(data)
        if held is None:
            return Check(
                name="databases",
                state=CheckState.UNKNOWN,
                message=f"{data}/databases can't be read, so every request has to name its databases",
                hint="Mount Neo4j's data volume into the sidecar, or set NEO4J_BACKUP_DATA.",
            )
        sizes = [f"{name} ({format_size(size.store_bytes)})" for name in held if (size := database_size(data, name))]
        return _ok("databases", ", ".join(sizes) or "none")

    def _memory(self) -> Check:
        settings = self._parts.settings
        limit = read_memory().limit_bytes
        try:
            chosen = choose_memory(limit, heap=settings.heap, pagecache=settings.pagecache, check=settings.memory_check)
        except BackupError as error:
            return _failed("memory", error)
        bound = "no limit" if limit is None else f"limit {mebibytes(limit)}"
        return _ok("memory", f"{bound}, heap {chosen.heap}, page cache {chosen.pagecache}")

    def _leftovers(self, path: str) -> list[Check]:
        settings = self._parts.settings
        try:
            return leftover_checks(folder_of_runs(path, settings.allowed_roots, settings.temp))
        except BackupError:
            # The line about the target has told it.
            return []

    def _look(self, path: str, prepared: Prepared | None) -> Look:
        settings = self._parts.settings
        return Look(
            path,
            settings.allowed_roots,
            self._parts.links,
            prefer_diff=bool(settings.options.get(BY_NAME["prefer_diff_as_parent"])),
            overlap_allowed=prepared is not None and prepared.version.overlap_allowed,
            written=self._written(path),
        )

    def _target(self, path: str, *, named: bool) -> Check:
        roots = self._parts.settings.allowed_roots
        try:
            check_target(path, roots)
            with open_nearest(path, roots) as target:
                target.check_writable()
                system, there = target.file_system(), target.path
        except BackupError as error:
            if named:
                return _failed("target", error)
            return Check(name="target", state=CheckState.UNKNOWN, message=error.message, hint=error.hint)
        reserve = reserve_of(system, self._parts.settings.reserve)
        room = f"{there} has {format_size(system.free_bytes)} free, of which {format_size(reserve)} stay"
        if not os.path.lexists(path):
            room = f"{path} isn't there yet and will be made; {room}"
        if system.free_bytes < reserve:
            hint = "Free space there, enlarge the volume, or lower NEO4J_BACKUP_RESERVE."
            return Check(name="target", state=CheckState.FAILED, message=room, hint=hint)
        return _ok("target", room)


def _request_volume(volume: Volume) -> Check:
    """Say whether requests and their ends can be written; a file system that met an error says so by nothing else."""
    name = "request volume"
    try:
        try_to_write(volume.root, _LEAST_ROOM)
        room = os.fstatvfs(volume.root)
    except OSError as error:
        return _failed(name, on_request_volume(error, "no request can be accepted, and no end be told"))
    return _ok(name, f"{volume.path} has {format_size(room.f_bavail * room.f_frsize)} free")


def _ok(name: str, message: str) -> Check:
    return Check(name=name, state=CheckState.OK, message=message)


def _failed(name: str, error: BackupError) -> Check:
    return Check(name=name, state=CheckState.FAILED, message=error.message, hint=error.hint)
