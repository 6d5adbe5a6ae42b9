"""Docker on this machine, driven by its own command; what tests make there has a name of ours, and goes again."""

import json
import os
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.tiers import require

ROOT = Path(__file__).parents[1]
RUN_SECONDS = 120.0


def require_docker() -> None:
    """Skip the test that asks where there is no Docker daemon with Compose, or fail it where it has to be."""
    require("docker", shutil.which("docker") is not None, "there is no docker command")
    for words, reason in ((["info"], "no Docker daemon answers"), (["compose", "version"], "there is no Compose")):
        asked = subprocess.run(["docker", *words], capture_output=True, check=False, timeout=60)
        require("docker", asked.returncode == 0, reason)


def unique_name() -> str:
    """Make a name for something in Docker that nobody else has."""
    return f"neo4j-backup-test-{uuid.uuid4().hex[:12]}"


def docker(
    *words: str, given: bytes = b"", environment: Mapping[str, str] | None = None, seconds: float = RUN_SECONDS
) -> str:
    """Run a docker command and give its standard output; AssertionError where it fails."""
    ran = subprocess.run(
        ["docker", *words],
        input=given,
        env=os.environ | (environment or {}),
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=seconds,
    )
    assert ran.returncode == 0, f"docker {' '.join(words)}: {ran.stderr.decode(errors='replace')[-4000:]}"
    return ran.stdout.decode()


def discard(*words: str) -> None:
    """Run a docker command that removes something, whether or not it is there."""
    subprocess.run(["docker", *words], capture_output=True, check=False, timeout=RUN_SECONDS)


# Any: Docker's own description.
def inspected(name: str) -> dict[str, Any]:
    """Give all that Docker knows of a container or an image."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", name))
    return found[0]


def files_of(image: str) -> Iterator[tarfile.TarInfo]:
    """Give every file and folder in an image, as a container of it begins with them."""
    name = unique_name()
    docker("create", "--name", name, image)
    try:
        with subprocess.Popen(["docker", "export", name], stdout=subprocess.PIPE) as export:
            assert export.stdout is not None
            with tarfile.open(fileobj=export.stdout, mode="r|") as archive:
                yield from archive
    finally:
        discard("rm", "--force", name)


def cpu_seconds(name: str) -> float:
    """Give the processor time that a container has used so far, as its cgroup counts it."""
    import docker as library

    with closing(library.from_env(timeout=20)) as client:
        usage: int = client.api.stats(name, stream=False, one_shot=True)["cpu_stats"]["cpu_usage"]["total_usage"]
    return usage / 1e9
