"""What takes long by its nature, begun with the session, so that the tests of it find it done."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.integration.serving import asked, connected, serving
from tests.rig import DAEMON, Rig, wait_for

LATER = ("draining", "moved", "stopped", "followed", "losing")
"""The fixtures of such waits, in the order in which they are begun."""

Courier = subprocess.Popen[bytes]


def start_courier(rig: Rig, *words: str, given: bytes = b"{}\n", ends: bool = True) -> Courier:
    """Start a courier; ``ends`` says whether its standard input does."""
    courier = subprocess.Popen(
        [*DAEMON[:-1], *words],
        env=rig.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert courier.stdin is not None
    courier.stdin.write(given)
    courier.stdin.flush()
    if ends:
        courier.stdin.close()
        courier.stdin = None
    return courier


@dataclass(frozen=True)
class Told:
    """How a courier ended: its exit code, its lines, and after how many seconds."""

    exit_code: int
    lines: list[dict[str, Any]]
    seconds: float


def _hear(courier: Courier, began: float) -> Told:
    told, _ = courier.communicate(timeout=100)
    seconds = time.monotonic() - began
    return Told(courier.returncode, [json.loads(line) for line in told.splitlines()], seconds)


@dataclass(frozen=True)
class Draining:
    """A sidecar that was drained while a backup ran that takes no SIGTERM, and what its courier was told."""

    rig: Rig
    told: "Future[Told]"


@pytest.fixture(scope="session")
def draining(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Draining]:
    """Drain a sidecar whose run has 12 s to end: longer than the 10 s after which a drain has to tell of itself."""
    folder = tmp_path_factory.mktemp("draining") / "rig"
    with serving(folder, "neo4j", settings={"NEO4J_BACKUP_GRACE": "12s"}) as rig, ThreadPoolExecutor() as hearing:
        rig.set_knobs(faults=["ignore_sigterm", {"fault": "hang"}])
        rig.submit("runs")
        rig.submit("waits")
        wait_for(lambda: len(rig.processes()) >= 2, 10)
        with start_courier(rig, "drain") as courier:
            yield Draining(rig, hearing.submit(_hear, courier, time.monotonic()))
            courier.kill()


@dataclass(frozen=True)
class Moved:
    """A sidecar whose folder was replaced, and when."""

    rig: Rig
    at: datetime


@pytest.fixture(scope="session")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moved]:
    """Replace a sidecar's folder in a way that nothing tells it of."""
    with serving(tmp_path_factory.mktemp("moved") / "rig", "neo4j") as rig:
        rig.requests.rename(rig.folder / "moved")
        rig.requests.mkdir()
        yield Moved(rig, datetime.now(UTC))


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, "Future[Told]"]]:
    """Ask daemons that stand still, one of them with a backlog that is full."""
    folder = tmp_path_factory.mktemp("stopped")
    with serving(folder / "still", "neo4j") as still, serving(folder / "full", "neo4j") as full, ExitStack() as opened:
        for rig in (still, full):
            rig.daemons[-1].send_signal(signal.SIGSTOP)
        opened.enter_context(_full_backlog(full))
        # Each byte of it becomes six, which is more than a socket takes that nobody reads.
        large = b"\x01" * 65_000 + b"\n"
        couriers = {
            "get": start_courier(still, "get", "any"),
            "follow": start_courier(still, "follow", "any", ends=False),
            "a line that doesn't fit into the socket": start_courier(still, "submit", "any", given=large),
            "a full backlog": start_courier(full, "probe"),
        }
        began = time.monotonic()
        hearing = opened.enter_context(ThreadPoolExecutor())
        yield {name: hearing.submit(_hear, opened.enter_context(each), began) for name, each in couriers.items()}
        for courier in couriers.values():
            courier.kill()
        for rig in (still, full):
            rig.daemons[-1].send_signal(signal.SIGCONT)


_FILL = """
import socket, sys
held = []
try:
    while len(held) < 5000:
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].setblocking(False)
        held[-1].connect("sidecar.sock")
except BlockingIOError:
    print(len(held), flush=True)
sys.stdin.read()
"""


@contextmanager
def _full_backlog(rig: Rig) -> Iterator[None]:
    """Connect until nobody else can; in a process of its own, since a thousand open files trouble other tests."""
    command = [sys.executable, "-IS", "-c", _FILL]
    with subprocess.Popen(command, cwd=rig.requests, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as filling:
        assert filling.stdout is not None
        assert int(filling.stdout.readline()) > 1000
        yield


@dataclass(frozen=True)
class Followed:
    """A sidecar whose backup stands still, and a connection that follows it, since when."""

    rig: Rig
    following: socket.socket
    since: float


@pytest.fixture(scope="session")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    """Follow a backup that stands still."""
    with serving(tmp_path_factory.mktemp("followed") / "rig", "neo4j") as rig:
        rig.set_knobs(faults=[{"fault": "hang"}])
        rig.submit("runs")
        rig.wait_for_state("runs", "running")
        with connected(rig) as following:
            following.sendall(asked("follow", "runs"))
            yield Followed(rig, following, time.monotonic())


@pytest.fixture(scope="session", autouse=True)
def long_waits(request: pytest.FixtureRequest) -> None:
    """Begin at once what a test of this session will look at."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    for name in LATER:
        if name in wanted:
            request.getfixturevalue(name)
