"""What Docker says no with, in the user's words. Imports the docker library."""

import os
from collections.abc import Iterator

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from urllib3.exceptions import HTTPError

from shared.errors import ConfigurationError, TransportError
from shared.text import printable, without_passwords
from trigger.transport.protocol import Misdirected
from trigger.transport.runtime_words import CANT_EXECUTE, lacks_command

FAILURES = (DockerException, HTTPError, OSError)
"""Everything that the docker library lets through; requests' exceptions are OSErrors."""
DEFAULT_HOST = "unix:///var/run/docker.sock"
RUNTIME_FAILED = b"OCI runtime exec failed"
"""How Docker's own words begin where a shell's exit status would stand; they come on standard output."""
_SAID_LIMIT = 400


def no_address(error: ValueError) -> ConfigurationError:
    """Tell that DOCKER_HOST names no place: its port is none, mostly."""
    host = printable(without_passwords(os.environ.get("DOCKER_HOST") or DEFAULT_HOST), 200)
    return ConfigurationError(
        f"DOCKER_HOST, {host}, is no address: {printable(without_passwords(str(error)), _SAID_LIMIT)}",
        hint="It has to be unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST; `docker ps` has to work first.",
    )


def no_connection(error: Exception) -> TransportError:
    """Tell why the Docker daemon itself can't be reached."""
    host = printable(without_passwords(os.environ.get("DOCKER_HOST") or DEFAULT_HOST), 200)
    causes = list(_causes(error))
    if any(isinstance(cause, PermissionError) for cause in causes):
        return Misdirected(
            f"this user may not use the Docker daemon at {host}",
            hint="Add the user to the group docker, or run this with sudo; `docker ps` has to work first.",
        )
    if any(isinstance(cause, FileNotFoundError | ConnectionRefusedError) for cause in causes):
        return TransportError(
            f"no Docker daemon answers at {host}",
            hint="Start Docker, or set DOCKER_HOST to where it listens; `docker ps` has to work first.",
        )
    if any(isinstance(cause, requests.Timeout | TimeoutError) for cause in causes):
        return TransportError(
            f"the Docker daemon at {host} did not answer in time",
            hint="Is it overloaded? `docker ps` has to work first.",
        )
    return TransportError(
        f"the Docker daemon at {host} can't be used: {printable(without_passwords(str(error)), _SAID_LIMIT)}",
        hint="`docker ps` has to work first.",
    )


def not_started(
    error: Exception, client: APIClient, container: str, command: str, started: str | None
) -> TransportError:
    """Tell why a command didn't start: ``error`` came from Docker, ``started`` is the exec's id where it has one."""
    if not isinstance(error, APIError):
        return no_connection(error)
    said = printable(error.explanation or str(error), _SAID_LIMIT)
    if isinstance(error, NotFound) and started is None:
        return Misdirected(
            f"there is no container {printable(container, 200)}",
            hint="--docker takes the name or id of the sidecar's container; `docker ps` shows those that run.",
        )
    if (state := _state(client, container)) is not None:
        return state
    if started is not None and exit_status(client, started) in CANT_EXECUTE:
        return not_run(f"the container {printable(container, 200)}", command, said)
    return TransportError(
        f"Docker does not run the courier in the container {printable(container, 200)}: {said}",
        hint=f"Try it by hand: docker exec {printable(container, 200)} {command} version",
    )


def not_run(place: str, command: str, said: str) -> TransportError:
    """Tell why ``command`` couldn't be started, by what Docker's runtime said."""
    if lacks_command(said, command):
        return no_command(place, command)
    # Out of processes or memory: that passes.
    return TransportError(
        f"{command} can't be started in {place}: {printable(said, _SAID_LIMIT)}",
        hint="The container, or the machine, may be short of memory or of processes.",
    )


def no_command(place: str, command: str, said: str = "") -> TransportError:
    """Tell that ``command`` isn't there or can't be executed; ``said`` is what a shell in its place said."""
    shown = f": {printable(said, _SAID_LIMIT)}" if said else ""
    return Misdirected(
        f"{place} has no {command} that can be executed{shown}",
        hint="--docker takes the sidecar's container, not Neo4j's own; `docker ps` shows both.",
    )


def exit_status(client: APIClient, exec_id: str) -> int | None:
    """Give an exec's exit status, None while it runs or where Docker can't tell."""
    try:
        found = client.exec_inspect(exec_id)
        return None if found["Running"] else int(found["ExitCode"])
    except (*FAILURES, KeyError, TypeError, ValueError):
        return None


def _state(client: APIClient, container: str) -> TransportError | None:
    # By the container's state and not by the words of the refusal, which change with Docker's version.
    try:
        state = client.inspect_container(container)["State"]
        paused, running, status = state.get("Paused"), state.get("Running"), printable(str(state.get("Status")), 40)
    except (*FAILURES, KeyError, AttributeError):
        return None
    name = printable(container, 200)
    if paused:
        return TransportError(f"the container {name} is paused", hint=f"Let it go on: docker unpause {name}")
    if not running or status == "restarting":
        return TransportError(
            f"the container {name} is not running, it is {status}",
            hint=f"Start it: docker start {name}; why it ended: docker logs {name}",
        )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__, *cause.args]
