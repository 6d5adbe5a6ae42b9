"""Commands that lose their sidecar, or find it lost: each is begun with the session, since its end takes 20 s."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.integration.serving import serving
from tests.rig import Rig

NO_CONTACT = "No contact: "
GOES_ON = ("--connect-for", "6h", "--reconnect-for", "6h")
Trigger = subprocess.Popen[str]


class Losing:
    """One command; ``told`` gives what it says of its sidecar, and how many seconds after that was lost."""

    def __init__(self, trigger: Trigger, hearing: ThreadPoolExecutor) -> None:
        self.trigger = trigger
        self.told: Future[tuple[str, float]] = hearing.submit(_hear, trigger, time.monotonic())


def _hear(trigger: Trigger, since: float) -> tuple[str, float]:
    assert trigger.stderr is not None
    for line in trigger.stderr:
        if line.startswith(NO_CONTACT):
            return line.removeprefix(NO_CONTACT).rstrip(), time.monotonic() - since
    raise AssertionError("it ended and said nothing of it")


@pytest.fixture(scope="session")
def losing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Losing]]:
    """Lose a sidecar in each way, by commands that would go on trying for longer than any session takes."""
    folder = tmp_path_factory.mktemp("losing")
    with ExitStack() as opened:
        hearing = opened.enter_context(ThreadPoolExecutor())
        found: dict[str, Losing] = {}
        for name, number in (("dead", signal.SIGKILL), ("stuck", signal.SIGSTOP)):
            rig = opened.enter_context(serving(folder / name, "neo4j"))
            rig.set_knobs(faults=[{"fault": "hang"}])
            following = opened.enter_context(start_trigger(rig, "followed"))
            rig.wait_for_state("followed", "running", 30)
            wait_for_line(following, "followed: running")
            rig.daemons[-1].send_signal(number)
            found[f"{name} while it is followed"] = Losing(following, hearing)
            found[f"{name} before it is asked"] = Losing(opened.enter_context(start_trigger(rig, "asked")), hearing)
        yield found
        for each in found.values():
            each.trigger.kill()


def start_trigger(rig: Rig, name: str) -> Trigger:
    """Start a command that asks for a backup."""
    command = [sys.executable, "-m", "trigger", "trigger", "--local", str(rig.requests), "--id", name]
    return subprocess.Popen(
        [*command, "--path", str(rig.target), *GOES_ON],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_line(trigger: Trigger, words: str) -> None:
    """Read what a command says until it has said ``words``."""
    assert trigger.stderr is not None
    for line in trigger.stderr:
        if words in line:
            return
    raise AssertionError(f"it ended and never said {words!r}")
