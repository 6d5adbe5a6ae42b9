"""A shell program that stands in for a courier, here or in a container: its verbs are ways to behave."""

import gc
import io
import tarfile
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.tiers import require

if TYPE_CHECKING:
    from docker import DockerClient

IMAGE = "debian:bookworm-slim"
PROGRAM = "neo4j-backup-sidecar"
WHERE = f"/usr/local/bin/{PROGRAM}"
PEER = rb"""#!/bin/sh
case $1 in
lines)    for n in 1 2 3; do echo "line $n"; echo "aside $n" >&2; done ;;
fails)    echo 'it went wrong' >&2; exit 7 ;;
echo)     IFS= read -r line; echo "heard $line, asked $2" ;;
count)    wc -c ;;
dies)     printf 'whole\nhal'; kill -9 $$ ;;
late)     read -r line; echo late; exec cat >/dev/null ;;
twice)    echo first; sleep 3; echo second; exec cat >/dev/null ;;
holds)    echo holding; cat >/dev/null ;;
long)     head -c 1048576 /dev/zero | tr '\0' x; echo; echo after ;;
endless)  head -c 5000000 /dev/zero | tr '\0' x; cat >/dev/null ;;
cut)      printf 'gr\303'; sleep 0.1; printf '\274n'; sleep 0.1; printf '\n' ;;
mutters)  head -c 20000 /dev/zero | tr '\0' y >&2; echo 'the last words' >&2; echo done ;;
deaf)     exec <&-; echo gone ;;
absent)   exit 127 ;;
esac
"""


def write_peer(path: Path) -> Path:
    """Put the program at ``path``."""
    path.write_bytes(PEER)
    path.chmod(0o755)
    return path


@contextmanager
def container(*, with_peer: bool = True) -> Iterator[str]:
    """Run a container that sleeps and give its name; skips where there is no Docker or no image."""
    name = f"neo4j-backup-test-{uuid.uuid4().hex[:12]}"
    with docker_client() as client:
        made = client.containers.run(IMAGE, ["sleep", "600"], name=name, detach=True, network_mode="none")
        if with_peer:
            made.put_archive("/usr/local/bin", _archive())
    try:
        yield name
    finally:
        with docker_client() as client:
            client.containers.get(name).remove(force=True)


@contextmanager
def docker_client() -> "Iterator[DockerClient]":
    """Give a client of a Docker that has the image; skips where there is none."""
    client, problem = _connect()
    require("docker", client is not None, problem)
    assert client is not None
    with closing(client):
        known = [tag for image in client.images.list() for tag in image.tags]
        require("docker", IMAGE in known, f"there is no image {IMAGE}")
        yield client


def _connect() -> "tuple[DockerClient | None, str]":
    """Give a client, or why there is none."""
    try:
        import docker
    except ImportError:
        return None, "the docker library is not installed"
    problem = ""
    with warnings.catch_warnings():
        # The library drops a socket that it couldn't connect: collect it here, where nobody minds.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return docker.from_env(timeout=20), ""
        except docker.errors.DockerException as error:
            problem = f"no Docker daemon: {error}"
        gc.collect()
    return None, problem


def processes_in(name: str) -> list[str]:
    """List the command lines that run in the container."""
    with docker_client() as client:
        found = client.containers.get(name).top()
        return [row[-1] for row in found["Processes"]]


def couriers_here(words: str) -> list[str]:
    """List the processes on this machine whose arguments, joined by NUL, contain ``words``."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if words.encode() in line:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


def until_none(look: Callable[[], list[str]], seconds: float = 5.0) -> list[str]:
    """Ask ``look`` until it finds nothing, or give what it found last."""
    deadline = time.monotonic() + seconds
    while (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _archive() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(PROGRAM)
        entry.size, entry.mode = len(PEER), 0o755
        tar.addfile(entry, io.BytesIO(PEER))
    return packed.getvalue()
