"""All that is outside the daemon: its folders, its clock, its settings, and a neo4j-admin whose starts are counted."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

import pytest

from sidecar.links import Links
from sidecar.neo4j_admin.runner import Exit, Launch
from sidecar.parts import Parts
from sidecar.preparation import Preparation
from sidecar.settings import load
from tests.fakes.clock import FakeClock
from tests.fakes.runner import Do, FakeRunner, Pause, Print, Script, printing
from tests.model.backups import Backups, Made
from tests.model.disk import Disk
from tests.model.starts import Starts
from tests.model.turns import Turn
from tests.standin.chain import NO_PARENT


class Fate(StrEnum):
    """What a run of neo4j-admin comes to."""

    GOOD = "leaves a backup and says so"
    SLOW = "does that after 20 s"
    BAD = "fails and leaves half a backup"
    AWAY = "does that, and the server takes no connection"
    LYING = "says that it left a backup, and left half of one"
    STRAY = "leaves a differential that continues nothing, and says that it left a backup"


class World:
    """A sidecar's surroundings below ``folder``.

    ``found`` are the backups that somebody else put there, ``unflushed`` those since when no power was lost.
    ``refused`` are the request's attempts and databases of which a differential had none to build on, ``turns`` what
    has happened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "disk"
        self.requests = self.folder / "requests"
        self.target = self.folder / "backups" / "nightly"
        self.requests.mkdir(parents=True)
        self.target.mkdir(parents=True)
        home = folder / "neo4j"
        (home / "bin").mkdir(parents=True)
        (home / "bin/neo4j-admin").touch(mode=0o755)
        (home / "lib").mkdir()
        (home / "lib/neo4j-kernel-5.26.28.jar").touch()
        self.environment = {
            "NEO4J_BACKUP_REQUESTS": str(self.requests),
            "NEO4J_BACKUP_ALLOWED_ROOTS": str(self.folder / "backups"),
            "NEO4J_BACKUP_DATA": str(folder / "data"),
            "NEO4J_BACKUP_NEO4J_ADMIN": str(home / "bin/neo4j-admin"),
            "NEO4J_BACKUP_RESERVE": "0",
            "NEO4J_BACKUP_MEMORY_CHECK": "off",
            "NEO4J_BACKUP_FROM": "127.0.0.1:6362",
            "NEO4J_BACKUP_SERVER_WAIT": "1s",
        }
        self.disk = Disk(str(self.folder))
        self.clock = FakeClock()
        self.backups = Backups(self.target)
        self.turns: set[Turn] = set()
        self.starts = Starts(self.requests, self.turns)
        self.found: set[str] = set()
        self.unflushed: set[str] = set()
        self.refused: set[tuple[str, str]] = set()
        self._server_is_there = True
        self._fate = Fate.GOOD
        self._fates: dict[str, Fate] = {}
        self._runner = FakeRunner(self._start)
        self._made: dict[str, Made] = {}
        self._orphans: list[Made] = []

    def parts(self) -> Parts:
        """Give what a new daemon is made of."""
        loaded = load(self.environment)
        assert loaded.problems == ()
        self._runner = FakeRunner(self._start)
        preparation = Preparation(loaded, self.environment, self._runner)
        return Parts(self.environment, loaded, self.clock, self._runner, preparation, Links())

    def decide(self, fate: Fate, database: str | None = None) -> None:
        """Say what the runs to come will come to, all of them or those of one database."""
        if database is None:
            self._fate = fate
            self._fates.clear()
        else:
            self._fates[database] = fate

    def find(self, database: str, *, whole: bool) -> None:
        """Have a full backup lie there, or half of one, as somebody copies it or a deleted pod leaves it."""
        made = self.backups.make("FULL", database, self._now())
        assert made is not None
        self.found.add(made.name)
        self.unflushed.add(made.name)
        self._write(made.name, made.content if whole else made.half)

    def daemon_died(self) -> None:
        """Note what it left running."""
        running = [run.launch.word for run in self._runner.runs if not run.ended]
        self._orphans = [self._made[word] for word in running if word in self._made]

    def orphans_go_on(self) -> None:
        """Let what a dead daemon left running finish its backup before the next daemon starts."""
        for made in self._orphans:
            self._write(made.name, made.content)
            if not made.full:
                self.turns.add(Turn.CUT_OFF)

    def reboot(self) -> None:
        """Begin another boot."""
        self.unflushed.clear()
        self._orphans = []
        self.clock.boot += "+"
        self.clock.seconds = 10.0

    async def connects(self, address: str, timeout: float) -> bool:
        """Say whether the server takes a connection now."""
        return self._server_is_there

    def _start(self, launch: Launch) -> Script:
        """Look whether this start is allowed, and give what it does; the daemon may die here."""
        self.disk.step("spawn")
        database = launch.arguments[-1]
        fate = self._fates.get(database, self._fate)
        with self.disk.outside():
            request = self.starts.account(launch, database)
            made = self._make(launch, database, fate)
        self._server_is_there = fate is not Fate.AWAY
        if made is None:
            # Where the server is away, that is what is told.
            if fate is not Fate.AWAY:
                self.refused.add((request, database))
            return printing(f"Differential backup of database '{database}' failed. Reason: {NO_PARENT}", status=1)
        half = Do(lambda _: self._write(made.name, made.half))
        rest = Do(lambda _: self._write(made.name, made.content))
        said = Print(
            f"Finished artifact creation '{made.name}' for database '{database}', took 1ms.\n"
            "Backup command completed.\n".encode()
        )
        match fate:
            case Fate.GOOD | Fate.STRAY:
                return Script((half, Pause(1.0), rest, said))
            case Fate.SLOW:
                return Script((half, Pause(20.0), rest, said))
            case Fate.BAD | Fate.AWAY:
                return Script((half, Print(b"it went wrong\n")), Exit(status=1, signal=None))
            case Fate.LYING:
                return Script((half, said))

    def _make(self, launch: Launch, database: str, fate: Fate) -> Made | None:
        if fate is Fate.STRAY:
            made: Made | None = self.backups.make_stray(database, self._now())
            self.turns.add(Turn.STRAY)
        else:
            (kind,) = (word.removeprefix("--type=") for word in launch.arguments if word.startswith("--type="))
            made = self.backups.make(kind, database, self._now())
        if made is not None:
            self._made[launch.word] = made
        return made

    def _now(self) -> int:
        return int(self.clock.wall.timestamp())

    def _write(self, name: str, content: bytes) -> None:
        """Write as a program that flushes nothing."""
        with self.disk.outside():
            descriptor = os.open(str(self.target / name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.write(descriptor, content)
            os.close(descriptor)


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """Give a world whose disk lies under ``os`` as long as this lasts."""
    with pytest.MonkeyPatch.context() as patch:
        world = World(folder)
        patch.setattr("sidecar.hints.Observer", _no_watches)
        # A connection takes real time, of which the loop gives it none.
        patch.setattr("sidecar.server._connects", world.connects)
        world.disk.install(patch)
        yield world


def _no_watches() -> None:
    """A node may be out of inotify watches: then the daemon looks every 2 s, in the loop's own time."""
    raise OSError("no inotify watch is left")
