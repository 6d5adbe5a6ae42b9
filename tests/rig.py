"""A whole sidecar on a local folder: the real daemon as a process, the stand-in, a data folder, a target."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.standin import server
from tests.standin.install import install

FINAL = ("succeeded", "failed", "cancelled", "rejected")
DAEMON = (sys.executable, "-I", "-m", "sidecar", "run")
PROBE = b'{"verb": "probe", "id": null, "input": ""}\n'


class Rig:
    """Folders below one folder of a test's; ``knobs`` are the stand-in's, ``environment`` the sidecar's."""

    def __init__(self, folder: Path, *databases: str, version: str = "5.26.28", size: int = 64 * 1024) -> None:
        self.folder = folder
        self.requests = folder / "backup-requests"
        self.backups = folder / "backups"
        self.target = self.backups / "nightly"
        self.data = folder / "data"
        self.home = folder / "neo4j"
        self.journal = folder / "journal.jsonl"
        self.log = folder / "sidecar.log"
        self.requests.mkdir()
        self.backups.mkdir()
        server.create_dbms(self.data, *databases, size=size)
        install(self.home, version=version)
        self.set_knobs()
        self.environment = {
            "PATH": os.environ["PATH"],
            "NEO4J_BACKUP_REQUESTS": str(self.requests),
            "NEO4J_BACKUP_ALLOWED_ROOTS": str(self.backups),
            "NEO4J_BACKUP_DATA": str(self.data),
            "NEO4J_BACKUP_NEO4J_ADMIN": str(self.home / "bin/neo4j-admin"),
            "NEO4J_BACKUP_RESERVE": "1m",
            "NEO4J_BACKUP_GRACE": "1s",
        }
        self.daemons: list[subprocess.Popen[bytes]] = []

    def set_knobs(self, **knobs: object) -> None:
        """Set the stand-in's knobs for the runs to come; those that aren't named are as they were at first."""
        given = {"data": str(self.data), "journal": str(self.journal)} | knobs
        (self.home / "conf/standin.json").write_text(json.dumps(given))

    def start(self, command: tuple[str, ...] = DAEMON, *, ready: bool = True) -> "subprocess.Popen[bytes]":
        """Start a daemon; give it once it answers."""
        with self.log.open("ab") as log:
            daemon = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.daemons.append(daemon)
        if ready:
            self.wait_until_ready(daemon)
        return daemon

    def wait_until_ready(self, daemon: "subprocess.Popen[bytes]", seconds: float = 15) -> None:
        """Return once the daemon has begun its work, or says what keeps it from that; one that ends is an error."""

        def answers() -> bool:
            assert daemon.poll() is None, f"the sidecar ended: {self.log.read_text()}"
            with suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
                asking.settimeout(5)
                asking.connect(f"/proc/self/fd/{folder}/sidecar.sock")
                asking.sendall(PROBE)
                with asking.makefile("rb") as answer:
                    line = answer.readline()
                # A recovery that takes longer than 2 s answers too: that it lives, by a transport_error.
                return line.endswith(b"\n") and b'"transport_error"' not in line
            return False

        # A socket's path is short, and a test's folder is not.
        folder = os.open(self.requests, os.O_RDONLY)
        try:
            wait_for(answers, seconds)
        finally:
            os.close(folder)

    def stop(self, daemon: "subprocess.Popen[bytes]", number: int = signal.SIGTERM) -> None:
        """End a daemon by a signal and wait for it."""
        daemon.send_signal(number)
        daemon.wait(20)

    def close(self) -> None:
        """End every daemon and all that they left."""
        for daemon in self.daemons:
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait(10)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def post(self, request_id: str, type_: str = "FULL", database: object = "neo4j", **keys: object) -> None:
        """Put a request into the mailbox in one piece."""
        request = {"id": request_id, "path": str(self.target), "type": type_, "database": database} | keys
        temporary = self.folder / f"{secrets.token_hex(4)}.request"
        temporary.write_text(json.dumps({key: value for key, value in request.items() if value is not None}))
        temporary.rename(self.requests / "backup.request")

    def submit(
        self, request_id: str, type_: str = "FULL", database: object = "neo4j", **keys: object
    ) -> dict[str, Any]:
        """Submit by a courier; give its last line but one, or its error."""
        request = {"path": str(self.target), "type": type_, "database": database}
        submission = {"request": request, "word": secrets.token_hex(8)} | keys
        lines = self.lines("submit", request_id, given=submission)
        return lines[-2] if "end" in lines[-1] else lines[-1]

    def ask(self, *words: str, given: Mapping[str, Any] | None = None) -> "subprocess.CompletedProcess[bytes]":
        """Run a courier to its end."""
        return subprocess.run(
            [*DAEMON[:-1], *words],
            env=self.environment,
            input=json.dumps(given or {}).encode() + b"\n",
            capture_output=True,
            timeout=60,
            check=False,
        )

    def lines(self, *words: str, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Give what a courier prints."""
        return [json.loads(line) for line in self.ask(*words, given=given).stdout.splitlines()]

    def document(self, request_id: str) -> dict[str, Any] | None:
        """Give a request's document as it lies on the volume."""
        try:
            found: dict[str, Any] = json.loads((self.requests / "status" / f"{request_id}.json").read_bytes())
        except FileNotFoundError:
            return None
        return found

    def documents(self) -> list[dict[str, Any]]:
        """Give all documents, in the order of acceptance."""
        found = [json.loads(path.read_bytes()) for path in (self.requests / "status").glob("*.json")]
        return sorted(found, key=lambda document: int(document["number"]))

    def wait_for_end(self, request_id: str, seconds: float = 30) -> dict[str, Any]:
        """Give the document once its state is final."""
        wait_for(lambda: (self.document(request_id) or {}).get("state") in FINAL, seconds, self._told)
        return self.document(request_id) or {}

    def wait_for_state(self, request_id: str, state: str, seconds: float = 15) -> None:
        """Return once the document is in ``state``."""
        wait_for(lambda: (self.document(request_id) or {}).get("state") == state, seconds, self._told)

    def wait_for_output(self, words: str, seconds: float = 15) -> None:
        """Return once the sidecar's log has ``words``."""
        wait_for(lambda: words in self.log.read_text(), seconds, self._told)

    def invocations(self) -> list[dict[str, Any]]:
        """Give the starts of ``neo4j-admin database backup`` from the stand-in's journal."""
        if not self.journal.exists():
            return []
        events = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [event for event in events if event["event"] == "start" and "backup" in event["argv"]]

    def artifacts(self) -> list[str]:
        """Give the names of the artifacts that lie where a differential would look."""
        return sorted(path.name for path in self.target.glob("*.backup*"))

    def processes(self) -> list[int]:
        """Give the processes of neo4j-admin: all that carry a run's word and this rig's home."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    carried = (entry / "environ").read_bytes()
                except OSError:
                    continue
                if b"NEO4J_BACKUP_RUN=" in carried and str(self.home).encode() in carried:
                    found.append(int(entry.name))
        return found

    def remove_requests(self) -> None:
        """Delete the request volume under a daemon that may be writing into it."""

        def gone() -> bool:
            shutil.rmtree(self.requests, ignore_errors=True)
            return not self.requests.exists()

        wait_for(gone, 5)

    def leftovers(self) -> list[str]:
        """Give what a run must not leave: records, taken files, temporary files and folders."""
        # Python 3.11's rglob raises where a folder goes while it is walked.
        while True:
            with suppress(FileNotFoundError):
                return self._leftovers()

    def _leftovers(self) -> list[str]:
        names = [
            path for path in self.requests.rglob("*") if path.name.endswith(".tmp") or path.name.startswith("taken")
        ]
        names += [path for path in (self.requests / "run.json", self.requests / "backup.request") if path.exists()]
        names += list(self.backups.rglob(".run-*"))
        return [str(path.relative_to(self.folder)) for path in names]

    def _told(self) -> str:
        return f"{self.log.read_text()[-3000:]}\n{self.documents()}"


@contextmanager
def a_rig(folder: Path, *databases: str, version: str = "5.26.28", size: int = 64 * 1024) -> Iterator[Rig]:
    """Give a rig that leaves nothing running."""
    folder.mkdir(exist_ok=True)
    rig = Rig(folder, *databases, version=version, size=size)
    try:
        yield rig
    finally:
        rig.close()


def wait_for(condition: Callable[[], bool], seconds: float, told: Callable[[], str] = str) -> None:
    """Return once ``condition`` holds; after so many seconds it is an error that says what ``told`` tells."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not so within {seconds} s: {told()}")
        time.sleep(0.01)
