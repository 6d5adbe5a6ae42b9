"""The images, built once for a session and gone after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.docker_host import discard, docker, require_docker, unique_name

BUILD_SECONDS = 600.0
CLASSIC = {"DOCKER_BUILDKIT": "0"}


@dataclass(frozen=True, slots=True)
class Images:
    """The names of the images; the sidecar's has the stand-in for its neo4j-admin."""

    standin: str
    sidecar: str
    trigger: str


def build(tag: str, dockerfile: str, **arguments: str) -> str:
    """Build an image with the classic builder (Compose builds with BuildKit) and give its tag."""
    given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    docker(
        "build",
        "--force-rm",
        f"--tag={tag}",
        f"--file={dockerfile}",
        *given,
        ".",
        environment=CLASSIC,
        seconds=BUILD_SECONDS,
    )
    return tag


@contextmanager
def built() -> Iterator[Images]:
    """Build them; what the builder keeps to build faster the next time stays."""
    require_docker()
    name = unique_name()
    made = Images(f"{name}-standin", f"{name}-sidecar", f"{name}-trigger")
    try:
        build(made.standin, "tests/standin/Dockerfile")
        build(made.sidecar, "images/sidecar/Dockerfile", NEO4J_IMAGE=made.standin)
        build(made.trigger, "images/trigger/Dockerfile")
        yield made
    finally:
        discard("image", "rm", "--no-prune", made.sidecar, made.trigger, made.standin)


@pytest.fixture(scope="session")
def images() -> Iterator[Images]:
    """Give the images to all tests of a session."""
    with built() as made:
        yield made
