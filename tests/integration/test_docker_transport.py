"""The Docker transport with a real Docker: who is at fault, and what is left of a killed trigger."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shared.errors import TransportError
from tests.peers import container, docker_client, processes_in, until_none
from trigger.transport.docker import DockerTransport
from trigger.transport.protocol import Misdirected, Silence

pytestmark = pytest.mark.docker
PATIENCE = 15.0


@pytest.fixture(scope="module")
def peer() -> Iterator[str]:
    with container() as name:
        yield name


def couriers(name: str) -> list[str]:
    return [line for line in processes_in(name) if not line.startswith("sleep")]


def test_a_container_that_is_not_there_is_told(peer: str) -> None:
    with pytest.raises(Misdirected, match="there is no container neo4j-backup-test-nobody"):
        DockerTransport("neo4j-backup-test-nobody").run(["probe"])


def test_a_paused_container_is_told_and_may_be_tried_again(peer: str) -> None:
    with docker_client() as client:
        client.containers.get(peer).pause()
        try:
            with pytest.raises(TransportError, match=f"{peer} is paused") as caught:
                DockerTransport(peer).run(["probe"])
        finally:
            client.containers.get(peer).unpause()

    assert not isinstance(caught.value, Misdirected)
    assert caught.value.hint == f"Let it go on: docker unpause {peer}"


def test_a_container_that_has_ended_is_told() -> None:
    with container(with_peer=False) as name:
        with docker_client() as client:
            client.containers.get(name).kill()

        with pytest.raises(TransportError, match=f"{name} is not running, it is exited"):
            DockerTransport(name).run(["probe"])


def test_a_container_without_the_sidecar_is_told() -> None:
    with (
        container(with_peer=False) as name,
        DockerTransport(name).run(["probe"]) as exchange,
        pytest.raises(Misdirected, match=f"the container {name} has no neo4j-backup-sidecar"),
    ):
        exchange.read_line(PATIENCE)


def test_a_shell_that_finds_no_command_is_told(peer: str) -> None:
    with DockerTransport(peer).run(["absent"]) as exchange, pytest.raises(Misdirected):
        exchange.read_line(PATIENCE)


def test_a_container_that_is_paused_in_mid_answer_is_silent(peer: str) -> None:
    with docker_client() as client, DockerTransport(peer).run(["twice"]) as exchange:
        assert exchange.read_line(PATIENCE) == b"first"
        client.containers.get(peer).pause()
        try:
            with pytest.raises(Silence):
                exchange.read_line(4.0)
        finally:
            client.containers.get(peer).unpause()

        assert exchange.read_line(PATIENCE) == b"second"


def test_a_container_that_is_killed_in_mid_answer_ends_it() -> None:
    with container() as name, DockerTransport(name).run(["holds"]) as exchange:
        assert exchange.read_line(PATIENCE) == b"holding"

        with docker_client() as client:
            client.containers.get(name).kill()

        assert exchange.read_line(PATIENCE) is None


def test_a_trigger_that_is_killed_leaves_no_courier_behind(peer: str) -> None:
    holding = (
        "import sys, time\n"
        "from trigger.transport.docker import DockerTransport\n"
        "exchange = DockerTransport(sys.argv[1]).run(['holds'])\n"
        "print(exchange.read_line(15), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", holding, peer], stdout=subprocess.PIPE) as trigger:
        assert trigger.stdout is not None
        assert trigger.stdout.readline() == b"b'holding'\n"
        assert couriers(peer)

        os.kill(trigger.pid, signal.SIGKILL)
        trigger.wait()

    assert until_none(lambda: couriers(peer)) == []
