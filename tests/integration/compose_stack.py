"""The stack of docker-compose.yml, with the stand-in, under a name of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.containers import Sidecar
from tests.docker_host import discard, docker, unique_name
from tests.images import BUILD_SECONDS

FILE = "docker-compose.yml"
PORTS = {"NEO4J_HTTP_PORT": "0", "NEO4J_BOLT_PORT": "0"}
"""Free ones, since the default ones may be taken here."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A project of Compose; ``words`` are what each of its commands begins with."""

    project: str
    words: tuple[str, ...]
    environment: dict[str, str]
    sidecar: Sidecar

    def compose(self, *words: str) -> str:
        """Run a command of Compose and give its standard output; AssertionError where it fails."""
        return docker(*self.words, *words, environment=self.environment, seconds=BUILD_SECONDS)


@contextmanager
def a_stack(folder: Path, **environment: str) -> Iterator[Stack]:
    """Build and start the stack, as its own comment says; at the end nothing of it is left.

    Beyond what the file says, the sidecar's stand-in has its knobs from a file of the test's.
    """
    project = unique_name()
    knobs, override = folder / "standin.json", folder / "knobs.yml"
    mounted = f"{knobs}:/var/lib/neo4j/conf/standin.json:ro"
    override.write_text(json.dumps({"services": {"sidecar": {"volumes": [mounted]}}}))
    words = ("compose", "--project-name", project, "--file", FILE, "--file", str(override), "--profile", "tools")
    stack = Stack(project, words, PORTS | environment, Sidecar(f"{project}-sidecar-1", knobs))
    stack.sidecar.set_knobs()
    try:
        stack.compose("build", "--quiet")
        stack.compose("up", "--detach", "neo4j", "sidecar")
        stack.sidecar.wait_until_ready()
        yield stack
    finally:
        discard(*words, "down", "--volumes", "--rmi", "local", "--timeout", "5")
