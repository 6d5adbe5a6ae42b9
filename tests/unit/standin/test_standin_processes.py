"""The stand-in is two processes, as the real one is: no signal is forwarded, and statuses are propagated."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.standin.installed import Installed


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "waited for 10 s in vain"
        time.sleep(0.005)


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def settle(process: int, stays: bool) -> None:
    """Wait until it has ended, or for a while in which it might."""
    if stays:
        time.sleep(0.2)
    else:
        wait_until(lambda: not lives(process))


def copying(standin: Installed) -> tuple[subprocess.Popen[bytes], int]:
    """A run that is in the middle of its copy: the launcher, and the worker's pid."""
    launcher = standin.start(*standin.arguments("neo4j"))
    # The worker may copy before its launcher has told of it.
    wait_until(lambda: any(standin.temp.rglob("*.db")) and bool(standin.events("worker")))
    (event,) = standin.events("worker")
    return launcher, int(str(event["pid"]))


def ended(launcher: subprocess.Popen[bytes], *others: int) -> None:
    """Everything of the run is killed and its pipes are closed."""
    for process in others:
        if lives(process):
            os.kill(process, signal.SIGKILL)
            settle(process, stays=False)
    launcher.kill()
    launcher.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_the_launcher_dies_of_a_signal_and_the_worker_goes_on_to_a_good_artifact(
    standin: Installed, number: signal.Signals
) -> None:
    standin.knobs(rate=150_000)
    launcher, worker = copying(standin)

    launcher.send_signal(number)
    status = launcher.wait(5)

    assert status == (-9 if number == signal.SIGKILL else 128 + number)
    assert lives(worker)
    wait_until(lambda: not lives(worker))
    launcher.communicate()
    assert [head.database for head in standin.heads()] == ["neo4j"]
    assert list(standin.temp.iterdir()) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGKILL, 137), (signal.SIGTERM, 143)])
def test_the_launcher_ends_as_its_worker_ends_and_the_copy_stays(
    standin: Installed, number: signal.Signals, status: int
) -> None:
    standin.knobs(rate=50_000)
    launcher, worker = copying(standin)

    os.kill(worker, number)
    launcher.communicate(timeout=5)

    assert launcher.returncode == status
    assert standin.events("end")[0]["exit"] == status
    assert any(standin.temp.rglob("*.db"))


def test_a_signal_to_the_group_ends_both(standin: Installed) -> None:
    standin.knobs(rate=50_000)
    launcher, worker = copying(standin)

    os.killpg(launcher.pid, signal.SIGTERM)
    launcher.communicate(timeout=5)

    wait_until(lambda: not lives(worker))
    assert launcher.returncode == 143


@pytest.mark.parametrize(
    ("who", "launcher_lives", "worker_lives"),
    [("both", True, True), ("launcher", True, False), ("worker", False, True)],
)
def test_sigterm_is_ignored_by_whom_the_fault_names(
    standin: Installed, who: str, launcher_lives: bool, worker_lives: bool
) -> None:
    standin.knobs(rate=20_000, faults=[{"fault": "ignore_sigterm", "who": who}])
    launcher, worker = copying(standin)

    os.kill(worker, signal.SIGTERM)
    settle(worker, worker_lives)
    # A launcher whose worker has died has nothing to wait for any more.
    if worker_lives:
        launcher.terminate()
    settle(launcher.pid, launcher_lives and worker_lives)
    survived = lives(worker), lives(launcher.pid)
    ended(launcher, worker)

    assert survived == (worker_lives, launcher_lives and worker_lives)


def test_a_reader_that_goes_away_does_not_end_the_backup(standin: Installed) -> None:
    standin.knobs(rate=300_000, faults=[{"fault": "flood", "stage": "transactions", "bytes": 200_000}])
    launcher, _ = copying(standin)
    assert launcher.stdout
    assert launcher.stderr

    launcher.stdout.close()
    launcher.stderr.close()

    assert launcher.wait(10) == 0
    assert [head.database for head in standin.heads()] == ["neo4j"]


def test_a_full_pipe_blocks_the_backup_until_somebody_reads(standin: Installed) -> None:
    standin.knobs(faults=[{"fault": "flood", "stage": "receive", "bytes": 1_000_000}])
    launcher, worker = copying(standin)
    time.sleep(0.3)

    assert lives(worker)
    assert standin.artifacts() == []

    out, _ = launcher.communicate(timeout=10)
    assert len(out) > 1_000_000
    assert launcher.returncode == 0


@pytest.mark.parametrize("session", [True, False])
def test_a_grandchild_holds_the_pipes_when_both_have_ended(standin: Installed, session: bool) -> None:
    standin.knobs(faults=[{"fault": "grandchild", "session": session, "seconds": 30}])

    launcher = standin.start(*standin.arguments("neo4j"))
    status = launcher.wait(10)
    grandchild = int(str(standin.events("grandchild")[0]["pid"]))
    assert launcher.stdout
    holds = os.readlink(f"/proc/{grandchild}/fd/1") == os.readlink(f"/proc/self/fd/{launcher.stdout.fileno()}")
    wait_until(lambda: (os.getsid(grandchild) == grandchild) == session)
    ended(launcher, grandchild)

    assert status == 0
    assert holds
    assert [head.database for head in standin.heads()] == ["neo4j"]


def test_launcher_and_worker_together_are_lean(standin: Installed) -> None:
    """They share 128 MiB with a daemon."""
    standin.knobs(rate=100_000)
    launcher, worker = copying(standin)
    wait_until(lambda: bool(standin.artifacts()))

    resident = {
        process: int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0])
        for process in (launcher.pid, worker)
    }
    ended(launcher, worker)

    assert max(resident.values()) < 17_000, "KiB at most; measured: 11 and 13 MiB"
