"""The way to a daemon in a container on a Docker host: a courier by exec."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError
from trigger.transport.protocol import START_SECONDS, Exchange

if TYPE_CHECKING:
    from docker import APIClient

COMMAND = ("neo4j-backup-sidecar",)
API_SECONDS = 20.0
"""How long one request to the Docker daemon may take."""


class DockerTransport:
    """Runs couriers in ``container``, a name or an id; the daemon is found as docker's own command finds it."""

    def __init__(self, container: str, command: Sequence[str] = COMMAND) -> None:
        self._container = container
        self._command = tuple(command)

    def describe(self) -> str:
        """Name the container."""
        return f"the container {self._container}"

    def run(self, arguments: Sequence[str], *, begins: bool = False, timeout: float = START_SECONDS) -> Exchange:
        """Start a courier; see the protocol for the errors.

        Each exchange has a client of its own, so that one after Docker's restart begins anew.
        """
        client = self._connect(min(API_SECONDS, timeout))
        try:
            return self._start(client, [*self._command, *arguments])
        except BaseException:
            client.close()
            raise

    def _connect(self, seconds: float) -> "APIClient":
        try:
            from docker import APIClient
            from docker.utils import kwargs_from_env
        except ImportError as error:
            raise ConfigurationError(
                "--docker needs the docker library, which is not installed",
                hint="In a clone of neo4j-backup: pip install '.[docker]'",
            ) from error
        from trigger.transport.docker_errors import FAILURES, no_address, no_connection

        try:
            return APIClient(version="auto", timeout=max(1, round(seconds)), **kwargs_from_env())
        except FAILURES as error:
            raise no_connection(error) from error
        except ValueError as error:
            raise no_address(error) from error

    def _start(self, client: "APIClient", command: list[str]) -> Exchange:
        from trigger.transport.docker_errors import FAILURES, not_started
        from trigger.transport.docker_exchange import DockerExchange

        started: str | None = None
        try:
            created = client.exec_create(self._container, command, stdin=True, stdout=True, stderr=True, tty=False)
            started = created["Id"]
            stream = client.exec_start(started, tty=False, socket=True)
        except FAILURES as error:
            raise not_started(error, client, self._container, command[0], started) from error
        return DockerExchange(client, stream, started, place=self.describe(), command=command[0])
