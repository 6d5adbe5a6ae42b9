"""A sidecar's parts around real folders, with a clock and a neo4j-admin that do as they are told."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.protocol import BackupRequest, Submission
from sidecar.document import Document
from sidecar.intake import Intake
from sidecar.job import Job
from sidecar.links import Links
from sidecar.neo4j_admin.runner import Launch
from sidecar.parts import Parts
from sidecar.preparation import Preparation
from sidecar.records import Records
from sidecar.settings import load
from sidecar.volume import Volume
from tests.fakes.clock import FakeClock
from tests.fakes.runner import Do, FakeRunner, Script, printing
from tests.unit.artifacts import FULL, Sample

NAME = "neo4j-2026-11-23T02-15-00.backup"
LATER = "neo4j-2026-11-23T03-15-00.backup"


def accept(request: BackupRequest) -> None:
    pass


@dataclass
class House:
    """A sidecar's parts around a volume, a target and a home of neo4j-admin; nothing in it runs by itself."""

    folder: Path
    volume: Volume
    records: Records
    clock: FakeClock

    @property
    def target(self) -> Path:
        return self.folder / "backups" / "nightly"

    def build(self) -> None:
        (self.folder / "backups").mkdir()
        (self.folder / "neo4j/bin").mkdir(parents=True)
        (self.folder / "neo4j/bin/neo4j-admin").touch(mode=0o755)
        (self.folder / "neo4j/lib").mkdir()
        (self.folder / "neo4j/lib/neo4j-kernel-5.26.28.jar").touch()

    def parts(self, runner: FakeRunner) -> Parts:
        environment = {
            "NEO4J_BACKUP_REQUESTS": self.volume.path,
            "NEO4J_BACKUP_ALLOWED_ROOTS": str(self.folder / "backups"),
            "NEO4J_BACKUP_DATA": str(self.folder / "data"),
            "NEO4J_BACKUP_NEO4J_ADMIN": str(self.folder / "neo4j/bin/neo4j-admin"),
            "NEO4J_BACKUP_RESERVE": "0",
            "NEO4J_BACKUP_FROM": "127.0.0.1:1",
        }
        loaded = load(environment)
        assert loaded.problems == ()
        return Parts(environment, loaded, self.clock, runner, Preparation(loaded, environment, runner), Links())

    def submit(self, *databases: str, name: str = "nightly", type_: str = "FULL") -> Document:
        request = {"path": str(self.target), "type": type_, "database": list(databases or ("neo4j",))}
        submission = Submission(request=request, word="word0001")
        return Intake(self.records, self.clock, accept).submit(name, submission)[0]

    def run(self, runner: FakeRunner) -> Document:
        """Run the request that waits, from a daemon that started now, and give what became of it."""

        async def take() -> None:
            await Job(waiting, self.volume, self.records, self.parts(runner), started).run()

        started, waiting = self.clock.moment(), self.records.queued()[0]
        asyncio.run(take())
        document = self.records.get(waiting.id)
        assert document is not None
        return document

    def temporary(self) -> list[Path]:
        return list((self.folder / "backups").rglob(".run-*"))


def write_artifact(house: House, name: str = NAME, sample: Sample = FULL) -> Callable[[Launch], None]:
    def write(launch: Launch) -> None:
        (house.target / name).write_bytes(bytes(sample))

    return write


def making_a_backup(house: House, name: str = NAME, sample: Sample = FULL) -> Script:
    finished = f"Finished artifact creation '{name}' for database 'neo4j', took 1ms."
    return Script((Do(write_artifact(house, name, sample)), *printing(finished, "Backup command completed.").steps))
