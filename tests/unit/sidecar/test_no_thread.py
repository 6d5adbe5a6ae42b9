"""A run for which no further thread can be started leaves nothing behind that it wouldn't leave otherwise."""

import os
import threading
from pathlib import Path

import pytest

from shared.lifecycle import State
from sidecar.neo4j_admin.runner import Exit, Launch
from tests.fakes.runner import Do, FakeRunner, Pause, Script, printing
from tests.unit.sidecar.house import NAME, House, making_a_backup, write_artifact


@pytest.fixture
def use_up(monkeypatch: pytest.MonkeyPatch) -> Do:
    """Give the step from which on no thread can be started."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    return Do(lambda launch: monkeypatch.setattr(threading.Thread, "start", start))


def held(house: House) -> list[str]:
    """Name the open files below the house's backups."""
    links = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    targets = [os.readlink(link) for link in links if link.is_symlink()]
    return [target for target in targets if target.startswith(str(house.folder / "backups"))]


def test_what_a_failed_run_left_is_set_aside_and_its_temporary_folder_removed(house: House, use_up: Do) -> None:
    house.submit()
    steps = (use_up, Pause(0.7), Do(write_artifact(house)), *printing("it went wrong").steps)

    document = house.run(FakeRunner([Script(steps, Exit(status=1, signal=None))]))

    assert document.code == "server_unavailable", document.message
    assert os.listdir(house.target) == [".failed"]
    assert os.listdir(house.folder / "backups") == ["nightly"]
    assert held(house) == []


def test_a_backup_that_no_thread_can_read_stays_unproven(house: House, use_up: Do) -> None:
    house.submit()
    runner = FakeRunner([Script((use_up, *making_a_backup(house).steps))])

    document = house.run(runner)

    assert (document.state, document.code) == (State.FAILED, "artifact_unverified")
    assert "can't start new thread; what it left stays where it is" in document.message
    assert os.listdir(house.target) == [NAME]
    assert os.listdir(house.folder / "backups") == ["nightly"]
    assert held(house) == []


def test_a_run_that_no_thread_can_be_started_for_is_not_begun_and_says_why(house: House, use_up: Do) -> None:
    house.submit()
    use_up.action(Launch((), {}, "", ""))

    document = house.run(FakeRunner([]))

    assert (document.code, document.exit_code) == ("configuration_error", 5)
    assert "can't start a thread" in document.message
    assert "pids" in document.hint
