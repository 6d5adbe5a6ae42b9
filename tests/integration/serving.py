"""A sidecar that serves a whole module of tests, each in a target of its own."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.rig import Rig, a_rig, wait_for


@contextmanager
def a_listening_server() -> Iterator[str]:
    """Give an address that takes connections, as a Neo4j that is up does; nobody ever answers there."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=4096)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def serving(
    folder: Path, *databases: str, version: str = "5.26.28", size: int = 64 * 1024, **environment: str
) -> Iterator[Rig]:
    """Give a rig whose daemon answers, beside a server that takes connections; ``environment`` are settings."""
    with a_listening_server() as address, a_rig(folder, *databases, version=version, size=size) as rig:
        rig.environment |= {"NEO4J_BACKUP_FROM": address} | environment
        rig.start()
        yield rig


@contextmanager
def lent(rig: Rig) -> Iterator[Rig]:
    """Lend a rig to one test: a target and a journal of its own, no knobs set; it has to leave nothing behind."""
    number = len(list(rig.folder.glob("journal-*.jsonl"))) + 1
    rig.target = rig.backups / f"target-{number}"
    rig.journal = rig.folder / f"journal-{number}.jsonl"
    rig.journal.touch()
    rig.set_knobs()
    yield rig
    assert rig.daemons[-1].poll() is None, f"the sidecar ended: {rig.log.read_text()[-3000:]}"
    assert rig.processes() == []
    # The record of a run goes once its end is told, and the copy of a status is written a moment later.
    wait_for(lambda: rig.leftovers() == [], 3, lambda: str(rig.leftovers()))


def failed_folder(rig: Rig) -> list[str]:
    """Give the names of what was set aside from the rig's target."""
    folder = rig.target / ".failed"
    return sorted(os.listdir(folder)) if folder.is_dir() else []
