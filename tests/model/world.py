"""All that is outside the daemon: its folders, its clock, its settings, and a neo4j-admin whose starts are counted."""

import json
import os
from collections import Counter
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
from sidecar.volume import RUN
from tests.fakes.clock import FakeClock
from tests.fakes.runner import Do, FakeRunner, Pause, Print, Script
from tests.model.disk import Disk
from tests.unit.artifacts import Sample


class Fate(StrEnum):
    """What a run of neo4j-admin comes to."""

    GOOD = "leaves a backup and says so"
    SLOW = "does that after 20 s"
    BAD = "fails and leaves half a backup"
    LYING = "says that it left a backup, and left half of one"


class World:
    """A sidecar's surroundings below ``folder``.

    ``fate`` is that of the runs to come, ``cancelled`` the requests whose cancel was answered. ``starts`` counts
    neo4j-admin's by request's attempt and database, ``made`` has the artifacts as they are when whole, ``problems``
    what was wrong with a start.
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
            "NEO4J_BACKUP_FROM": "127.0.0.1:1",
            "NEO4J_BACKUP_SERVER_WAIT": "1s",
        }
        self.disk = Disk(str(self.folder))
        self.clock = FakeClock()
        self.fate = Fate.GOOD
        self.starts: Counter[tuple[str, str]] = Counter()
        self.cancelled: set[str] = set()
        self.problems: list[str] = []
        self.made: dict[str, bytes] = {}
        self._runner = FakeRunner(self._start)
        self._artifacts: dict[str, str] = {}
        self._orphans: list[str] = []

    def parts(self) -> Parts:
        """Give what a new daemon is made of."""
        loaded = load(self.environment)
        assert loaded.problems == ()
        self._runner = FakeRunner(self._start)
        preparation = Preparation(loaded, self.environment, self._runner)
        return Parts(self.environment, loaded, self.clock, self._runner, preparation, Links())

    def daemon_died(self) -> None:
        """Note what it left running."""
        self._orphans = [self._artifacts[run.launch.word] for run in self._runner.runs if not run.ended]

    def orphans_go_on(self) -> None:
        """Let what a dead daemon left running finish its backup before the next daemon starts."""
        for name in self._orphans:
            self._write(name, self.made[name])

    def reboot(self) -> None:
        """Begin another boot."""
        self._orphans = []
        self.clock.boot += "+"
        self.clock.seconds = 10.0

    def _start(self, launch: Launch) -> Script:
        """Look whether this start is allowed, and give what it does; the daemon may die here."""
        self.disk.step("spawn")
        database = launch.arguments[-1]
        with self.disk.outside():
            self._account(launch, database)
        name = self._artifacts[launch.word] = self._name(database)
        whole = self.made[name] = bytes(Sample(database=database.encode(), files=(("neostore", b"store"),)))
        half = Do(lambda _: self._write(name, whole[: len(whole) // 2]))
        rest = Do(lambda _: self._write(name, whole))
        said = Print(
            f"Finished artifact creation '{name}' for database '{database}', took 1ms.\n"
            "Backup command completed.\n".encode()
        )
        match self.fate:
            case Fate.GOOD:
                return Script((half, Pause(1.0), rest, said))
            case Fate.SLOW:
                return Script((half, Pause(20.0), rest, said))
            case Fate.BAD:
                return Script((half, Print(b"it went wrong\n")), Exit(status=1, signal=None))
            case Fate.LYING:
                return Script((half, said))

    def _name(self, database: str) -> str:
        """Name an artifact; the real one takes the time, but here the wall clock may give some of it twice."""
        made = len(self.made)
        return f"{database}-2026-11-23T{made // 3600:02}-{made // 60 % 60:02}-{made % 60:02}.backup"

    def _account(self, launch: Launch, database: str) -> None:
        try:
            run = json.loads((self.requests / RUN).read_bytes())
        except (FileNotFoundError, ValueError):
            self.problems.append(f"neo4j-admin is started for {database}, and run.json doesn't say so")
            return
        if (run["word"], run["database"]) != (launch.word, database):
            self.problems.append(f"neo4j-admin is started for {database}, and run.json says {run}")
        self.starts[run["id"], database] += 1
        if self.starts[run["id"], database] > 1:
            self.problems.append(f"{database} of {run['id']} is run twice")
        if run["id"] in self.cancelled:
            self.problems.append(f"{database} of {run['id']} is run after a cancel was answered")
        documents = [json.loads(path.read_bytes()) for path in (self.requests / "status").glob("*.json")]
        own = next((document for document in documents if document["id"] == run["id"]), None)
        if own is None or own["state"] != "running":
            self.problems.append(f"{run['id']} runs, and its document is {own}")
            return
        for other in documents:
            if other["exit_code"] is None and other["number"] < own["number"]:
                self.problems.append(f"{run['id']} runs before {other['id']}, which was accepted earlier")

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
        world.disk.install(patch)
        yield world


def _no_watches() -> None:
    """A node may be out of inotify watches: then the daemon looks every 2 s, in the loop's own time."""
    raise OSError("no inotify watch is left")
