"""What every request needs before its first database: settings without problems, the licence, neo4j-admin's version."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigurationError
from sidecar.neo4j_admin.command import environment
from sidecar.neo4j_admin.runner import Launch, Runner
from sidecar.neo4j_admin.version import (
    Version,
    find_enterprise,
    find_home,
    find_version,
    parse_version_output,
    unsupported,
)
from sidecar.preflight import check_licence, find_neo4j_admin
from sidecar.settings import Loaded
from sidecar.stop_sign import StopSign
from sidecar.supervision import supervise

ASK_SECONDS = 60.0
_ASK_HEAP = "64m"
_SAID_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Prepared:
    """neo4j-admin as it was found; ``enterprise`` is None where its files don't tell the edition."""

    program: Path
    home: Path | None
    version: Version
    enterprise: bool | None


class Preparation:
    """Finds out what a run needs to know of neo4j-admin, and remembers what took a JVM to find out."""

    def __init__(self, loaded: Loaded, inherited: Mapping[str, str], runner: Runner) -> None:
        self._loaded = loaded
        self._inherited = inherited
        self._runner = runner
        self._asked: dict[tuple[str, int, int], Version] = {}
        self._found: tuple[tuple[object, ...], Prepared] | None = None

    async def prepare(self, sign: StopSign) -> Prepared:
        """Look again, since an image's files may be mounted over; ConfigurationError says what is wrong."""
        problem = self._loaded.problem()
        if problem is not None:
            raise problem
        check_licence(self._loaded.settings)
        program = find_neo4j_admin(self._loaded.settings, self._inherited)
        seen = _state(program)
        # Hundreds of jars are listed to find the version; the folder's time tells that they are the same.
        if self._found is None or self._found[0] != seen:
            self._found = seen, await self._look(program, sign)
        return self._found[1]

    async def _look(self, program: Path, sign: StopSign) -> Prepared:
        neo4j_home = Path(found) if (found := self._inherited.get("NEO4J_HOME")) else None
        home = find_home(program, neo4j_home) or neo4j_home
        version = find_version(program, neo4j_home) or await self._ask(program, home, sign)
        if (error := unsupported(version)) is not None:
            raise error
        if (error := self._loaded.settings.options.lacking(version)) is not None:
            raise error
        return Prepared(program, home, version, find_enterprise(program, neo4j_home))

    async def _ask(self, program: Path, home: Path | None, sign: StopSign) -> Version:
        """Ask ``--version``, which is a JVM of 2 s: once for each program."""
        status = os.stat(program)
        key = (str(program), status.st_ino, status.st_mtime_ns)
        if key not in self._asked:
            self._asked[key] = await self._run_version(program, home, sign)
        return self._asked[key]

    async def _run_version(self, program: Path, home: Path | None, sign: StopSign) -> Version:
        said: list[bytes] = []
        word = secrets.token_hex(16)
        launch = Launch(
            arguments=(str(program), "--version"),
            environment=environment(self._inherited, home=home, heap=_ASK_HEAP, word=word),
            folder="/",
            word=word,
        )
        late = ConfigurationError(f"{program} --version gave no answer within {ASK_SECONDS:.0f} s", hint=_HINT)
        ended = await supervise(
            self._runner.start(launch, lambda line: said.append(line) if len(said) < _SAID_LIMIT else None),
            sign,
            seconds=ASK_SECONDS,
            late=late,
            grace=0,
            space=lambda: None,
        )
        if ended.by is not None:
            raise ended.by
        text = b"\n".join(said).decode("utf-8", "replace")
        version = parse_version_output(text)
        if version is None or ended.exit.status != 0:
            raise ConfigurationError(f"the version of {program} can't be told: it says {text[:200]!r}", hint=_HINT)
        return version


def _state(program: Path) -> tuple[object, ...]:
    """Give what changes where another neo4j-admin is put in the place of this one."""
    real = Path(os.path.realpath(program))
    state: list[object] = [str(real)]
    for path in (real, real.parent.parent / "lib"):
        try:
            status = os.stat(path)
            state.append((status.st_dev, status.st_ino, status.st_mtime_ns))
        except OSError:
            state.append(None)
    return tuple(state)


_HINT = "NEO4J_BACKUP_NEO4J_ADMIN has to name Neo4j's own neo4j-admin, with its lib folder beside its bin folder."
