"""A disk that answers an error for a moment ends no run that is well, and takes no artifact that is good."""

import errno
import os
import time
from collections.abc import Callable
from typing import BinaryIO

import pytest

from shared.lifecycle import State
from sidecar import examination, run
from sidecar.artifact import Head
from sidecar.head import read_head
from sidecar.neo4j_admin.runner import Exit, Launch
from tests.fakes.runner import Do, FakeRunner, Pause, Script, printing
from tests.unit.artifacts import DIFFERENTIAL, FULL, SMALL, TAKEN_AT
from tests.unit.sidecar.failing import fail_at
from tests.unit.sidecar.house import LATER, NAME, House, making_a_backup

DOWN = OSError(errno.EHOSTDOWN, os.strerror(errno.EHOSTDOWN))


def failing_looks(monkeypatch: pytest.MonkeyPatch, answered: list[bool]) -> Callable[[Launch], None]:
    """Give what has every other look at the target's space fail from then on, the first one too."""
    look = os.fstatvfs

    def fstatvfs(descriptor: int) -> os.statvfs_result:
        answered.append(len(answered) % 2 == 1)
        if not answered[-1]:
            raise DOWN
        return look(descriptor)

    return lambda launch: monkeypatch.setattr(os, "fstatvfs", fstatvfs)


def test_a_look_at_the_space_that_fails_tells_nothing_and_the_next_one_is_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit()
    answered: list[bool] = []
    steps = (Do(failing_looks(monkeypatch, answered)), Pause(1.3), *making_a_backup(house).steps)

    document = house.run(FakeRunner([Script(steps)]))

    assert document.state is State.SUCCEEDED, document.message
    assert answered[:2] == [False, True]


def failing_reads(monkeypatch: pytest.MonkeyPatch, name: str, times: int) -> Callable[[Launch], None]:
    """Give what has the disk refuse so many times from then on to open an artifact, or to list the target."""
    opened, left = os.open, [times]

    def refuse(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == name and left[0]:
            left[0] -= 1
            raise DOWN
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(examination, "_AGAIN_SECONDS", 0.01)
    return lambda launch: monkeypatch.setattr(os, "open", refuse)


@pytest.mark.parametrize("what", [NAME, "."])
def test_an_artifact_that_cannot_be_read_for_a_moment_is_read_again_and_proven(
    house: House, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    house.submit()
    steps = (Do(failing_reads(monkeypatch, what, 3)), *making_a_backup(house).steps)

    document = house.run(FakeRunner([Script(steps)]))

    assert document.state is State.SUCCEEDED, document.message


def test_an_artifact_that_cannot_be_read_stays_unproven_and_is_read_before_anything_builds_on_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit()
    monkeypatch.setattr(examination, "PATIENCE_SECONDS", 0.1)
    steps = (Do(failing_reads(monkeypatch, NAME, 10**6)), *making_a_backup(house).steps)

    document = house.run(FakeRunner([Script(steps)]))

    assert (document.state, document.code) == (State.FAILED, "artifact_unverified")
    assert f"{NAME} can't be read: Host is down; what it left stays where it is" in document.message
    assert os.listdir(house.target) == [NAME]
    assert house.temporary() == []

    monkeypatch.undo()
    os.truncate(house.target / NAME, (house.target / NAME).stat().st_size - 1)
    house.clock.pass_time(3600)
    house.submit(name="later", type_="AUTO")
    runner = FakeRunner([making_a_backup(house, LATER, FULL.but(taken_at=TAKEN_AT + 3600))])

    assert house.run(runner).state is State.SUCCEEDED
    assert "--type=FULL" in runner.launches[0].arguments


def test_a_differential_is_not_condemned_because_what_it_builds_on_cannot_be_read_for_a_moment(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit()
    assert house.run(FakeRunner([making_a_backup(house)])).state is State.SUCCEEDED
    house.clock.pass_time(3600)
    house.submit(name="later", type_="DIFF")

    def touch(launch: Launch) -> None:
        """Have what was walked to be walked again."""
        os.utime(house.target / NAME)

    steps = (Do(touch), Do(failing_reads(monkeypatch, NAME, 2)), *making_a_backup(house, LATER, DIFFERENTIAL).steps)

    document = house.run(FakeRunner([Script(steps)]))

    assert document.state is State.SUCCEEDED, document.message


@pytest.mark.parametrize("name", ["databases", "neo4j"])
def test_a_data_folder_that_cannot_be_looked_at_makes_no_defect_of_a_failure(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (house.folder / "data/databases/neo4j").mkdir(parents=True)
    house.submit()
    steps = (Do(lambda launch: fail_at(monkeypatch, name, errno.EACCES)), *printing("it went wrong").steps)

    document = house.run(FakeRunner([Script(steps, Exit(status=1, signal=None))]))

    assert document.code == "server_unavailable", document.message


def test_a_year_of_artifacts_on_a_slow_disk_is_read_in_turns(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.target.mkdir()
    for minute in range(20):
        (house.target / f"neo4j-2026-11-22T02-{minute:02}-00.backup").write_bytes(bytes(SMALL))
    house.submit()

    def slowly(file: BinaryIO) -> Head:
        time.sleep(0.1)
        return read_head(file)

    monkeypatch.setattr("sidecar.target.read_head", slowly)
    monkeypatch.setattr(run, "FOLDER_SECONDS", 1.0)

    document = house.run(FakeRunner([making_a_backup(house, LATER, FULL.but(taken_at=TAKEN_AT + 3600))]))

    assert document.state is State.SUCCEEDED, document.message
