"""What becomes of a wait for a backup when the cluster's own parts fail, answer badly, or know us no more."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import kube
from tests.e2e.kubernetes_accounts import a_token, through, write_kubeconfig
from tests.e2e.kubernetes_stack import Stack, ended, seen, slowed
from tests.faults.matrix import Group, fault, faults
from tests.faults.recording import Recorder
from tests.faulty_server import FaultyServer, faulty_server
from tests.relay import Relay, relay
from trigger.transport.kubernetes_access import Access, open_access

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.timeout(300)]
SLOW = 200_000
SLOWER = 50_000
"""Bytes per second: a backup of the 1 MiB of `neo4j` then takes some 10 s, or 40 s."""
REMEMBERED = 12.0
"""Seconds in which the API server goes on taking a token that was good, and a little more."""


@pytest.fixture
def access() -> Access:
    return open_access(None, {"KUBECONFIG": kube.kubeconfig()})


@pytest.fixture
def stack(frail_stack: Stack) -> Iterator[Stack]:
    with slowed(frail_stack, SLOW):
        yield frail_stack


@pytest.fixture
def name() -> str:
    return f"backup-{time.monotonic_ns()}"


def until_runs(stack: Stack, name: str) -> None:
    kube.until(lambda: stack.ask("status", name).get("state") == "running", "the run", 60)


CRASHES = {
    "the API server crashes in mid-exec": "kube-apiserver",
    "the kubelet crashes in mid-exec": "kubelet",
    "containerd crashes in mid-exec": "containerd",
}


@pytest.mark.parametrize("crash", faults(Group.KUBERNETES, CRASHES))
def test_a_component_that_crashes_in_mid_exec_costs_nothing(stack: Stack, name: str, crash: str, row: Recorder) -> None:
    before = len(stack.artifacts())
    with stack.started("--type", "FULL", "--id", name) as process:
        until_runs(stack, name)
        row.strike()
        kube.restart(CRASHES[crash])
        found = ended(process)
    row.record(seen(found.answer), stack.left(before))

    assert found.exit_code == 0, found.said
    assert found.answer["state"] == "succeeded"
    assert len(stack.artifacts()) == before + 1


@pytest.fixture
def faulty(stack: Stack, access: Access, tmp_path: Path) -> Iterator[tuple[FaultyServer, str]]:
    """Give an API server that can be told to answer badly, and a kubeconfig that leads to it."""
    assert access.tls is not None
    with faulty_server(access.server, access.tls, access.server_name) as server:
        where = {"server": f"http://127.0.0.1:{server.port}", "certificate-authority-data": None}
        yield server, write_kubeconfig(tmp_path, user={"token": a_token(stack.namespace)}, cluster=where)


REFUSALS = {
    "the API server answers 429 twice": 429,
    "the API server answers 500 twice": 500,
    "the API server answers 503 twice": 503,
}


@pytest.mark.parametrize("refusal", faults(Group.KUBERNETES, REFUSALS))
def test_an_api_server_that_is_busy_or_broken_is_asked_again(
    stack: Stack, name: str, faulty: tuple[FaultyServer, str], refusal: str, row: Recorder
) -> None:
    server, kubeconfig = faulty
    before, status = len(stack.artifacts()), REFUSALS[refusal]
    server.next.extend([status, status])

    row.strike()
    with stack.started("--type", "FULL", "--id", name, kubeconfig=kubeconfig) as process:
        found = ended(process)

    row.record(seen(found.answer), stack.left(before))

    assert server.answered == [status, status]
    assert found.exit_code == 0, found.said
    assert found.answer["state"] == "succeeded"


@fault(Group.KUBERNETES, "the API server answers only after 20 s")
def test_an_api_server_that_answers_after_20_s_is_waited_for(
    stack: Stack, name: str, faulty: tuple[FaultyServer, str], row: Recorder
) -> None:
    server, kubeconfig = faulty
    before = len(stack.artifacts())
    server.next.append(20.0)

    row.strike()
    with stack.started("--type", "FULL", "--id", name, kubeconfig=kubeconfig) as process:
        found = ended(process)

    row.record(seen(found.answer), stack.left(before))

    assert server.answered == [20.0]
    assert found.exit_code == 0, found.said
    assert found.answer["state"] == "succeeded"


class Login:
    """A user whose token is what a program prints, as with a cloud's login; a token lasts as long as its secret."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._printed = folder / "credential.json"
        self._secrets = 0

    @property
    def user(self) -> kube.Document:
        program = {"apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": [str(self._printed)]}
        return {"exec": {**program, "interactiveMode": "Never"}}

    def log_in(self) -> None:
        """Let the program print a new token."""
        self._secrets += 1
        secret = f"bound-{self._secrets}"
        self._stack.kubectl("create", "secret", "generic", secret)
        token = a_token(self._stack.namespace, "--bound-object-kind=Secret", f"--bound-object-name={secret}")
        # A login program tells when its token expires; this one always has it asked again.
        soon = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        credential = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1"}
        status = {"token": token, "expirationTimestamp": soon}
        self._printed.write_text(json.dumps({**credential, "status": status}))

    def expire(self) -> None:
        """Let the newest token be worth nothing any more."""
        self._stack.kubectl("delete", "secret", f"bound-{self._secrets}")

    def end(self) -> None:
        for number in range(1, self._secrets + 1):
            self._stack.kubectl("delete", "secret", f"bound-{number}", "--ignore-not-found")


@pytest.fixture
def way(stack: Stack, access: Access, tmp_path: Path) -> Iterator[tuple[Login, Relay, str]]:
    """Give a login, a relay whose connections can be cut, and a kubeconfig with both."""
    with ExitStack() as opened:
        login = Login(stack, tmp_path)
        opened.callback(login.end)
        between = opened.enter_context(relay(access.server.hostname or "", access.server.port or 443))
        yield login, between, write_kubeconfig(tmp_path, user=login.user, cluster=through(between.port))


@fault(Group.KUBERNETES, "the token expires in mid-wait, and the next one is there")
def test_a_token_that_expires_is_followed_by_the_next_one(
    stack: Stack, name: str, way: tuple[Login, Relay, str], row: Recorder
) -> None:
    login, between, kubeconfig = way
    before = len(stack.artifacts())
    stack.set_knobs(rate=SLOWER)
    login.log_in()
    with stack.started("--type", "FULL", "--id", name, kubeconfig=kubeconfig) as process:
        until_runs(stack, name)
        row.strike()
        login.expire()
        login.log_in()
        time.sleep(REMEMBERED)
        between.cut()
        found = ended(process)
    row.record(seen(found.answer), stack.left(before))

    assert found.exit_code == 0, found.said
    assert found.answer["state"] == "succeeded"


@fault(Group.KUBERNETES, "the token expires in mid-wait, and there is no other")
def test_a_token_that_expires_and_has_no_successor_is_told_and_the_backup_goes_on(
    stack: Stack, name: str, way: tuple[Login, Relay, str], row: Recorder
) -> None:
    login, between, kubeconfig = way
    before = len(stack.artifacts())
    stack.set_knobs(rate=SLOWER)
    login.log_in()
    with stack.started("--type", "FULL", "--id", name, "--reconnect-for", "2s", kubeconfig=kubeconfig) as process:
        until_runs(stack, name)
        row.strike()
        login.expire()
        time.sleep(REMEMBERED)
        between.cut()
        found = ended(process)
    row.told()

    assert found.exit_code == 12, found.said
    assert found.answer["error"]["code"] == "transport_error"
    assert "401" in found.answer["error"]["message"] or "credentials" in found.answer["error"]["message"]
    kube.until(lambda: stack.ask("status", name)["state"] == "succeeded", "the backup's own end")
    row.record(seen(found.answer), stack.left(before))
