"""A sidecar that serves a whole module of tests, each in a target of its own."""

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.rig import FINAL, Rig, wait_for


class Served(Rig):
    """A rig whose couriers are this process: hundreds of interpreters would take longer than all that they ask."""

    def lines(self, *words: str, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Give what a courier would print."""
        verb, name = (*words, None)[:2]
        try:
            return talk(self, asked(str(verb), name, dict(given or {})))
        except (FileNotFoundError, ConnectionRefusedError):
            return super().lines(*words, given=given)

    def documents(self) -> list[dict[str, Any]]:
        """Give all documents, in the order of acceptance, also while some are swept."""
        while True:
            with suppress(FileNotFoundError):
                return super().documents()


@contextmanager
def a_listening_server() -> Iterator[str]:
    """Give an address that takes connections, as a Neo4j that is up does; nobody ever answers there."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=4096)) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def serving(
    folder: Path, *databases: str, size: int = 64 * 1024, settings: Mapping[str, str] | None = None
) -> Iterator[Rig]:
    """Give a rig whose daemon answers, beside a server that takes connections; ``settings`` are variables."""
    folder.mkdir(exist_ok=True)
    rig = Served(folder, *databases, size=size)
    with a_listening_server() as address:
        rig.environment |= {"NEO4J_BACKUP_FROM": address, **(settings or {})}
        try:
            rig.start()
            yield rig
        finally:
            rig.close()


@contextmanager
def lent(rig: Rig) -> Iterator[Rig]:
    """Lend a rig to one test: a target and a journal of its own, no knobs set; it has to leave nothing behind."""
    number = len(list(rig.folder.glob("journal-*.jsonl"))) + 1
    rig.target = rig.backups / f"target-{number}"
    rig.journal = rig.folder / f"journal-{number}.jsonl"
    rig.journal.touch()
    rig.set_knobs()
    said = rig.log.stat().st_size
    try:
        yield rig
    finally:
        # One that a failing test leaves running would hold up those after it.
        for document in rig.documents():
            if document["state"] not in FINAL:
                talk(rig, asked("cancel", document["id"]))
    assert rig.daemons[-1].poll() is None, f"the sidecar ended: {rig.log.read_text()[-3000:]}"
    assert rig.processes() == []
    with rig.log.open() as log:
        log.seek(said)
        assert "defect" not in log.read()
    # The record of a run goes once its end is told, and the copy of a status is written a moment later.
    wait_for(lambda: rig.leftovers() == [], 3, lambda: str(rig.leftovers()))


def failed_folder(rig: Rig) -> list[str]:
    """Give the names of what was set aside from the rig's target."""
    folder = rig.target / ".failed"
    return sorted(os.listdir(folder)) if folder.is_dir() else []


def connected(rig: Rig, seconds: float = 30) -> socket.socket:
    """Give a connection to the daemon's socket; without a program in between, hundreds cost little."""
    # A socket's path is short, and a test's folder is not.
    folder = os.open(rig.requests, os.O_RDONLY | os.O_DIRECTORY)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(seconds)
        connection.connect(f"/proc/self/fd/{folder}/sidecar.sock")
    except BaseException:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


def asked(verb: str, name: str | None = None, given: object = "") -> bytes:
    """Give the line of a courier; ``given`` is its first line of standard input, or what that says as JSON."""
    said = given if isinstance(given, str) else json.dumps(given)
    return json.dumps({"verb": verb, "id": name, "input": said}).encode() + b"\n"


def talk(rig: Rig, line: bytes, seconds: float = 30) -> list[dict[str, Any]]:
    """Send bytes to the daemon and give the lines it answers with until it closes."""
    with connected(rig, seconds) as connection:
        connection.sendall(line)
        return [json.loads(answer) for answer in read_all(connection).splitlines()]


def read_all(connection: socket.socket) -> bytes:
    """Read until the other side closes."""
    read = b""
    # Who is cut off while still sending gets a reset, behind what was said to it.
    with suppress(ConnectionResetError):
        while chunk := connection.recv(1 << 16):
            read += chunk
    return read
