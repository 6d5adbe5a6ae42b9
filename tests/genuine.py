"""A real Neo4j Community and what its own archive writer leaves: laid out, run and asked from ``../shared/neo4j``."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.tiers import require

SHARED = Path(__file__).parents[2] / "shared" / "neo4j"
NODES = 20_000
"""How many nodes the database of the genuine artifacts has; enough for dozens of zstd blocks."""
_JARS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "neo4j-home" / "5.26.28"
_START_SECONDS = 120
_STOP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class GenuineArtifacts:
    """Full artifacts of one quiet database, ``neo4j``, with ``NODES`` nodes.

    ``threaded`` is compressed as on a machine of four processors, where Neo4j has zstd use threads.
    """

    compressed: Path
    uncompressed: Path
    threaded: Path


def require_neo4j() -> None:
    """Skip the test that asks where no real Neo4j can be had, or fail it where it has to be."""
    for program in ("java", "javac"):
        require("neo4j", shutil.which(program) is not None, f"there is no {program}")
    require("neo4j", SHARED.is_dir(), f"{SHARED} isn't there")
    require(
        "neo4j", (_JARS / ".complete").exists() or shutil.which("mvn") is not None, f"no jars in {_JARS}, and no mvn"
    )


class Neo4j:
    """A home folder of a real Neo4j, on ports of its own; ``running`` has its server answer queries."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._bolt, self._http = _free_ports(2)
        subprocess.run([SHARED / "neo4j-home", home, str(self._bolt), str(self._http)], check=True, capture_output=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the server; at the end it is stopped in order, so that its files are quiet and complete."""
        with (self.home / "console.log").open("wb") as log:
            server = subprocess.Popen(
                [self.home / "bin/neo4j", "console"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "JAVA_TOOL_OPTIONS": "-XX:-UsePerfData"},
            )
        try:
            self._await_answer(server)
            yield
            server.send_signal(signal.SIGTERM)
            server.wait(_STOP_SECONDS)
        finally:
            _end_group(server)

    def ask(self, statement: str) -> list[list[object]]:
        """Run a Cypher statement and give its rows."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._http}/db/neo4j/tx/commit",
            json.dumps({"statements": [{"statement": statement}]}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert answer["errors"] == []
        return [row["row"] for row in answer["results"][0]["data"]]

    def write_artifact(self, out: Path, form: str, *, processors: int = 2) -> Path:
        """Have Neo4j's own writer archive the database ``neo4j``, which is quiet, as ``zstd`` or ``tar``."""
        subprocess.run(
            [
                "java",
                "-XX:-UsePerfData",
                f"-XX:ActiveProcessorCount={processors}",
                "-cp",
                f"{self.home}/lib/*",
                SHARED / "WriteBackup.java",
                self.home,
                "neo4j",
                out,
                form,
            ],
            check=True,
            capture_output=True,
        )
        return out

    def _await_answer(self, server: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.ask("RETURN 1")
            except (urllib.error.URLError, OSError, AssertionError) as error:
                if server.poll() is not None or time.monotonic() > until:
                    log = (self.home / "console.log").read_text(errors="replace")[-4000:]
                    raise AssertionError(f"Neo4j doesn't answer:\n{log}") from error
                time.sleep(0.2)
            else:
                return


@pytest.fixture(scope="session")
def genuine_artifacts(tmp_path_factory: pytest.TempPathFactory) -> GenuineArtifacts:
    """Write a real database with a real server, and artifacts of it; takes about 40 s."""
    require_neo4j()
    folder = tmp_path_factory.mktemp("genuine")
    neo4j = Neo4j(folder / "home")
    with neo4j.running():
        neo4j.ask(f"UNWIND range(1, {NODES}) AS i CREATE (:Node {{number: i, word: randomUUID()}})")
        assert neo4j.ask("MATCH (n) RETURN count(n)") == [[NODES]]
    return GenuineArtifacts(
        compressed=neo4j.write_artifact(folder / "neo4j-2026-11-23T00-00-01.backup", "zstd"),
        uncompressed=neo4j.write_artifact(folder / "neo4j-2026-11-23T00-00-02.backup", "tar"),
        threaded=neo4j.write_artifact(folder / "neo4j-2026-11-23T00-00-03.backup", "zstd", processors=4),
    )


def _end_group(server: subprocess.Popen[bytes]) -> None:
    """End what is left of the server: `bin/neo4j` is a launcher that starts a second JVM."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
