"""The sidecar in a container, and the command that is run for it on this machine."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docker_host import ROOT, RUN_SECONDS, discard, docker, unique_name
from tests.rig import wait_for

PROGRAM = "neo4j-backup-sidecar"
FOLDERS = ("/data", "/backups", "/backup-requests")


@dataclass(frozen=True, slots=True)
class Ran:
    """How ``neo4j-backup`` ended; ``answer`` is its standard output."""

    exit_code: int
    answer: str
    said: str

    @property
    def status(self) -> dict[str, Any]:
        """The answer, which is a status or an error."""
        found: dict[str, Any] = json.loads(self.answer)
        return found


def trigger(verb: str, container: str, *words: str) -> Ran:
    """Run ``neo4j-backup`` here, for the daemon in ``container``, with answers in JSON."""
    with started_trigger(verb, container, *words) as process:
        return ended(process)


def started_trigger(verb: str, container: str, *words: str) -> "subprocess.Popen[str]":
    """Start what ``trigger`` runs."""
    return subprocess.Popen(
        [sys.executable, "-m", "trigger", verb, "--docker", container, "--output", "json", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> Ran:
    """Wait for a trigger's end."""
    answer, said = process.communicate(timeout=RUN_SECONDS)
    return Ran(process.returncode, answer, said)


@dataclass(frozen=True, slots=True)
class Answered:
    """A courier's first line, and the seconds from before its exec until that was here."""

    line: dict[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A container with the sidecar in it; ``knobs_file`` is what its stand-in reads its knobs from."""

    name: str
    knobs_file: Path

    def set_knobs(self, **knobs: object) -> None:
        """Set the stand-in's knobs for the runs to come; those that aren't named are as they were at first."""
        # Written over and not replaced: it is this file that is mounted.
        self.knobs_file.write_text(json.dumps({"data": "/data", **knobs}))

    def submit(self, request_id: str, **request: object) -> Answered:
        """Submit by a courier."""
        body = {"path": "/backups/nightly", "type": "FULL", "database": "neo4j", **request}
        given = json.dumps({"request": body, "word": uuid.uuid4().hex})
        began = time.monotonic()
        with subprocess.Popen(
            ["docker", "exec", "--interactive", self.name, PROGRAM, "submit", request_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as courier:
            assert courier.stdin is not None
            assert courier.stdout is not None
            courier.stdin.write(f"{given}\n")
            courier.stdin.flush()
            line = courier.stdout.readline()
            took = time.monotonic() - began
            courier.communicate(timeout=RUN_SECONDS)
        return Answered(json.loads(line), took)

    def cancel(self, request_id: str) -> None:
        """Cancel by a courier."""
        docker("exec", "--interactive", self.name, PROGRAM, "cancel", request_id, given=b"{}\n")

    def processes(self) -> list[tuple[str, int]]:
        """Give the command line of each process in the container, zombies too, with its resident memory in KiB."""
        rows = docker("top", self.name, "-e", "-o", "pid,rss,args").splitlines()[1:]
        found = [row.split(maxsplit=2) for row in rows]
        return [(arguments, int(resident)) for _, resident, arguments in found]

    def runs(self) -> list[str]:
        """Give the command lines of all that is neither the daemon nor a courier: the runs of neo4j-admin."""
        return [arguments for arguments, _ in self.processes() if PROGRAM not in arguments]

    def resident_kib(self) -> int:
        """Give the daemon's resident memory."""
        return next(kib for arguments, kib in self.processes() if arguments.endswith(f"{PROGRAM} run"))

    def wait_until_ready(self) -> None:
        """Return once the daemon takes requests."""
        wait_for(lambda: "the sidecar is ready" in self.log(), 60, self.log)

    def wait_for_run(self) -> None:
        """Return once launcher and worker of a run are there."""
        wait_for(lambda: len(self.runs()) >= 2, 30, self.log)

    def log(self) -> str:
        """Give what the daemon has logged since its container was made."""
        ran = subprocess.run(["docker", "logs", self.name], capture_output=True, check=False, timeout=RUN_SECONDS)
        return (ran.stdout + ran.stderr).decode(errors="replace")


@contextmanager
def a_sidecar(image: str, standin: str, folder: Path, *options: str, **environment: str) -> Iterator[Sidecar]:
    """Run the sidecar as a careful cluster would, read-only and without capabilities, beside a pretended server."""
    sidecar = Sidecar(unique_name(), folder / "standin.json")
    sidecar.set_knobs()
    volumes = {at: sidecar.name + at.replace("/", "-") for at in FOLDERS}
    server = f"{sidecar.name}-server"
    settings = {"NEO4J_ACCEPT_LICENSE_AGREEMENT": "eval", "NEO4J_BACKUP_GRACE": "2s", **environment}
    try:
        docker("run", "--detach", "--network=none", f"--name={server}", f"--volume={volumes['/data']}:/data", standin)
        docker(
            *("run", "--detach", f"--network=container:{server}", f"--name={sidecar.name}"),
            *("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
            *("--tmpfs=/tmp:exec", "--tmpfs=/var/lib/neo4j/logs:uid=7474,gid=7474,mode=0750"),
            *(f"--volume={volume}:{at}" for at, volume in volumes.items()),
            f"--volume={sidecar.knobs_file}:/var/lib/neo4j/conf/standin.json:ro",
            *(f"--env={name}={value}" for name, value in settings.items()),
            *options,
            image,
        )
        sidecar.wait_until_ready()
        yield sidecar
    finally:
        discard("rm", "--force", sidecar.name, server)
        discard("volume", "rm", *volumes.values())
