"""One sidecar at a time backs up a database into a folder: whatever is new there is taken for the run's own."""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shared.lifecycle import State
from sidecar import run, target_lock
from sidecar.leftovers import set_aside_new
from sidecar.neo4j_admin.runner import Exit, Launch
from sidecar.target import Target, open_target
from sidecar.target_lock import Held, TargetLock, take
from sidecar.temporary import HIDDEN
from tests.fakes.runner import Do, FakeRunner, Script, printing
from tests.rig import wait_for
from tests.unit.sidecar.house import House, making_a_backup, write_artifact


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    (tmp_path / "backups").mkdir()
    with open_target(f"{tmp_path}/backups/nightly", (f"{tmp_path}/backups",), create=True) as opened:
        yield opened


def taken(target: Target, database: str = "neo4j") -> TargetLock:
    lock = take(target, database, (os.path.dirname(target.path),))
    assert lock is not None
    return lock


def test_a_database_in_a_folder_is_one_sidecars_until_it_lets_go(target: Target) -> None:
    first = taken(target)
    with pytest.raises(Held):
        taken(target, "Neo4j")
    other = taken(target, "movies")

    first.release()
    taken(target).release()
    other.release()

    assert not Path(os.path.dirname(target.path), HIDDEN).exists()


def test_what_a_sidecar_left_that_died_is_taken_over(target: Target) -> None:
    dead = taken(target)
    os.close(dead.lock)
    os.close(dead.folder)

    taken(target).release()

    assert not Path(os.path.dirname(target.path), HIDDEN).exists()


def test_a_lock_is_never_two_holders_however_they_come_and_go(target: Target) -> None:
    holders, most, failures = [0], [0], []

    def come_and_go() -> None:
        for _ in range(50):
            with suppress(Held):
                lock = take(target, "neo4j", (os.path.dirname(target.path),))
                if lock is None:
                    failures.append("none")
                    continue
                holders[0] += 1
                most[0] = max(most[0], holders[0])
                holders[0] -= 1
                lock.release()

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (most, failures) == ([1], [])


def test_where_there_are_no_locks_nobody_is_kept_out(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)

    assert take(target, "neo4j", (os.path.dirname(target.path),)) is None


def test_a_run_holds_its_database_in_its_target_to_its_end(house: House) -> None:
    house.submit()
    kept_out: list[bool] = []

    def come(launch: Launch) -> None:
        with open_target(str(house.target), (str(house.folder / "backups"),), create=False) as target:
            try:
                taken(target).release()
            except Held:
                kept_out.append(True)

    document = house.run(FakeRunner([Script((Do(come), *making_a_backup(house).steps))]))

    assert document.state is State.SUCCEEDED, document.message
    assert kept_out == [True]
    assert os.listdir(house.folder / "backups") == ["nightly"]


def test_a_run_whose_target_another_sidecar_writes_to_is_not_begun(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit()
    monkeypatch.setattr(target_lock, "WAIT_SECONDS", 0)
    runner = FakeRunner([])

    with open_target(str(house.target), (str(house.folder / "backups"),), create=True) as target:
        other = taken(target)
        document = house.run(runner)
        other.release()

    assert (document.code, document.exit_code, runner.launches) == ("configuration_error", 5, [])
    assert "another sidecar is backing up neo4j into" in document.message
    assert "a folder of its own" in document.hint


def test_a_run_waits_for_one_that_ends_soon(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.submit()
    monkeypatch.setattr(target_lock, "_AGAIN_SECONDS", 0.01)

    with open_target(str(house.target), (str(house.folder / "backups"),), create=True) as target:
        ending = threading.Timer(0.3, taken(target).release)
        ending.start()
        document = house.run(FakeRunner([making_a_backup(house)]))
        ending.join()

    assert document.state is State.SUCCEEDED, document.message


def test_nobody_backs_up_into_it_while_an_ended_run_is_still_being_tidied(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit()
    answers = threading.Event()

    def hang(target: Target, database: str, before: object) -> tuple[str, ...]:
        answers.wait(30)
        return set_aside_new(target, database, ())

    monkeypatch.setattr(run, "set_aside_new", hang)
    monkeypatch.setattr(run, "FOLDER_SECONDS", 0.3)
    monkeypatch.setattr(target_lock, "_RELEASE_SECONDS", 0.1)
    steps = (Do(write_artifact(house)), *printing("it went wrong").steps)

    document = house.run(FakeRunner([Script(steps, Exit(status=1, signal=None))]))

    assert "was not tidied" in document.message
    with open_target(str(house.target), (str(house.folder / "backups"),), create=False) as target:
        with pytest.raises(Held):
            taken(target)
        answers.set()
        wait_for(lambda: not (house.folder / "backups" / HIDDEN).exists(), 10)
        taken(target).release()
