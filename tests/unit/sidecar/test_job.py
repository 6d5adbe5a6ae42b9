"""One request from its turn to its end, with a clock and a neo4j-admin that do as they are told."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.lifecycle import ResultState, State
from sidecar import job
from sidecar.job import EXPIRES_SECONDS
from sidecar.neo4j_admin.runner import Launch
from sidecar.session import Session
from tests.fakes.runner import Do, FakeRunner, Script, printing
from tests.unit.sidecar.house import NAME, House, making_a_backup, write_artifact


def test_a_backup_that_is_proven_succeeds(house: House) -> None:
    house.submit()

    document = house.run(FakeRunner([making_a_backup(house)]))

    assert (document.state, document.exit_code) == (State.SUCCEEDED, 0), document.message
    assert document.results[0].artifact == NAME
    assert house.temporary() == []


def test_a_request_whose_turn_comes_within_6_hours_is_run(house: House) -> None:
    house.submit()
    house.clock.pass_time(EXPIRES_SECONDS)

    assert house.run(FakeRunner([making_a_backup(house)])).state is State.SUCCEEDED


def test_a_request_whose_turn_comes_later_than_that_has_expired(house: House) -> None:
    house.submit()
    house.clock.pass_time(EXPIRES_SECONDS + 1)
    runner = FakeRunner([])

    document = house.run(runner)

    assert (document.state, document.code, document.exit_code) == (State.FAILED, "request_expired", 5)
    assert not document.retryable
    assert runner.launches == []


@pytest.mark.parametrize("years", [-1, 1])
def test_a_wall_clock_that_is_moved_expires_nothing(house: House, years: int) -> None:
    house.submit()
    house.clock.wall = house.clock.wall.replace(year=house.clock.wall.year + years)

    assert house.run(FakeRunner([making_a_backup(house)])).state is State.SUCCEEDED


def test_after_a_reboot_the_hours_are_counted_anew_from_the_daemons_start(house: House) -> None:
    house.submit()
    house.clock.boot, house.clock.seconds = "boot-2", 90_000.0

    assert house.run(FakeRunner([making_a_backup(house)])).state is State.SUCCEEDED


def test_what_a_run_left_that_met_a_defect_of_ours_is_set_aside(house: House) -> None:
    house.submit("neo4j", "movies")

    def choose(launch: Launch) -> Script:
        if launch.arguments[-1] == "movies":
            return printing("movies have no backup", status=1)
        write_artifact(house)(launch)
        raise ZeroDivisionError

    document = house.run(FakeRunner(choose))

    assert [result.code for result in document.results] == ["internal_error", "server_unavailable"]
    assert (document.code, document.exit_code) == ("internal_error", 1)
    assert [path.name for path in house.target.iterdir()] == [".failed"]
    assert os.listdir(house.target / ".failed") == [NAME]
    assert house.temporary() == []


def test_a_target_that_cannot_be_looked_at_any_more_is_told_and_stops_no_other_database(house: House) -> None:
    house.submit("neo4j", "movies")

    def break_target(launch: Launch) -> None:
        """Put another file where the daemon holds the folder open."""
        folder = str(house.target)
        held = [int(name) for name in os.listdir("/proc/self/fd") if _leads_to(name, folder)]
        broken = os.open("/dev/null", os.O_RDONLY)
        for descriptor in held:
            os.dup2(broken, descriptor)
        os.close(broken)

    first = Script((Do(break_target), *printing("it went wrong", status=1).steps), printing(status=1).exit)
    runner = FakeRunner([first, printing("it went wrong too", status=1)])

    document = house.run(runner)

    assert [launch.arguments[-1] for launch in runner.launches] == ["neo4j", "movies"]
    assert [result.state for result in document.results] == [ResultState.FAILED] * 2
    assert "could not be set aside" in document.results[0].message
    assert document.output_tail == ("it went wrong too",)
    assert house.temporary() == []


def _leads_to(name: str, folder: str) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{name}") == folder
    except FileNotFoundError:
        return False


def test_a_neo4j_admin_that_does_not_start_is_told(house: House) -> None:
    house.submit()

    document = house.run(FakeRunner([ConfigurationError("it does not start", hint="Mend it.")]))

    assert (document.code, document.message, document.hint) == ("configuration_error", "it does not start", "Mend it.")
    assert house.temporary() == []


def test_a_session_that_is_stopped_at_its_start_leaves_what_waits_waiting(house: House) -> None:
    waiting = house.submit()
    runner = FakeRunner([])

    async def serve() -> None:
        session = Session(house.volume, house.parts(runner))
        session.stop()
        await session.run()

    asyncio.run(serve())

    assert house.records.get("nightly") == waiting
    assert runner.launches == []


def failing_flush(monkeypatch: pytest.MonkeyPatch, wanted: Callable[[str], bool], *, at: int = 1) -> None:
    """Have the disk refuse, once, to say that it keeps what is wanted: the ``at``-th time that it is asked."""
    flush, asked = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal asked
        if wanted(os.readlink(f"/proc/self/fd/{descriptor}")):
            asked += 1
            if asked == at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("at", [1, 2])
def test_a_status_that_the_disk_does_not_keep_at_once_is_told_again_and_nothing_runs_twice(
    house: House, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    house.submit()
    monkeypatch.setattr(job, "_RETRY_SECONDS", 0.01)
    failing_flush(monkeypatch, lambda path: path.endswith("/status"), at=at)
    runner = FakeRunner([making_a_backup(house)])

    document = house.run(runner)

    assert document.state is State.SUCCEEDED
    assert len(runner.launches) == 1
    assert [each.name for each in Path(house.volume.path, "status").iterdir()] == ["nightly.json"]
    assert not Path(house.volume.path, "run.json").exists()


def test_a_proven_artifact_that_the_disk_does_not_keep_is_no_success_and_is_set_aside(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit()
    failing_flush(monkeypatch, lambda path: path.endswith(NAME))

    document = house.run(FakeRunner([making_a_backup(house)]))

    assert (document.state, document.code) == (State.FAILED, "artifact_unverified")
    assert f"{NAME} is whole, and can't be put on the disk: [Errno 5] Input/output error" in document.message
    assert "Look at the volume" in document.hint
    assert [path.name for path in (house.target / ".failed").iterdir()] == [NAME]
    assert not (house.target / NAME).exists()
