"""However a run is cut off, its end is told as what it was, and no process of it is left."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder
from tests.integration.serving import failed_folder, serving
from tests.integration.waits import Draining
from tests.rig import Rig, wait_for

STRAGGLERS = [
    "ignore_sigterm",
    {"fault": "grandchild"},
    {"fault": "grandchild", "session": True},
    {"fault": "hang", "stage": "artifact"},
]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with serving(tmp_path / "rig", "neo4j", "movies") as rig:
        yield rig
        assert rig.processes() == []


def run_with(rig: Rig, name: str, *faults: object, processes: int = 2, **more: object) -> None:
    """Have the request ``name`` run with the faults until so many processes of it are there."""
    rig.set_knobs(faults=list(faults) or [{"fault": "hang"}])
    rig.submit(name, **more)  # type: ignore[arg-type]  # the keys of a submission
    wait_for(lambda: len(rig.processes()) >= processes, 10)


def stop_and_start(rig: Rig) -> None:
    rig.stop(rig.daemons[-1])
    assert rig.daemons[-1].returncode == 0
    assert rig.processes() == []
    assert not (rig.requests / "sidecar.sock").exists()
    rig.start()


def with_a_grace_that_no_stop_waits_for(rig: Rig) -> None:
    """Set more seconds from SIGTERM to SIGKILL than a daemon's stop may take here."""
    rig.environment["NEO4J_BACKUP_GRACE"] = "10m"
    stop_and_start(rig)


def check_interrupted(document: dict[str, Any]) -> None:
    assert (document["state"], document["code"]) == ("failed", "backup_interrupted")
    assert (document["exit_code"], document["retryable"]) == (11, True)
    assert "Ask again" in document["hint"]


def test_a_shutdown_in_mid_backup_is_told_and_worth_a_retry(rig: Rig) -> None:
    with_a_grace_that_no_stop_waits_for(rig)
    run_with(rig, "running", {"fault": "hang", "stage": "artifact"})
    wait_for(lambda: rig.artifacts() != [], 10)

    stop_and_start(rig)

    check_interrupted(rig.document("running") or {})
    assert (rig.artifacts(), len(failed_folder(rig))) == ([], 1)


def test_a_shutdown_ends_also_those_that_escape_and_those_that_take_no_sigterm(rig: Rig) -> None:
    run_with(rig, "stragglers", *STRAGGLERS, processes=4)

    stop_and_start(rig)

    check_interrupted(rig.document("stragglers") or {})


def test_queued_requests_outlive_a_shutdown_and_run_after_it(rig: Rig) -> None:
    run_with(rig, "before")
    rig.submit("queued", database="movies")
    rig.set_knobs()

    stop_and_start(rig)

    check_interrupted(rig.document("before") or {})
    assert rig.wait_for_end("queued")["state"] == "succeeded"


def test_a_sidecar_that_has_nothing_to_do_ends_at_once(rig: Rig) -> None:
    with_a_grace_that_no_stop_waits_for(rig)

    stop_and_start(rig)


def test_a_database_that_was_done_before_the_shutdown_stays_done(rig: Rig) -> None:
    run_with(rig, "several", {"fault": "hang", "database": "movies"}, database=["neo4j", "movies"], processes=0)
    wait_for(lambda: len(rig.invocations()) == 2 and len(rig.processes()) >= 2, 10)

    stop_and_start(rig)

    document = rig.document("several") or {}
    check_interrupted(document)
    assert [result["state"] for result in document["results"]] == ["succeeded", "failed"]
    assert rig.artifacts() == [document["results"][0]["artifact"]]


def test_a_sidecar_that_is_killed_leaves_its_run_to_the_next_which_ends_it(rig: Rig) -> None:
    run_with(rig, "orphaned", *STRAGGLERS, processes=4)
    wait_for(lambda: rig.artifacts() != [], 10)
    rig.stop(rig.daemons[-1], signal.SIGKILL)
    assert len(rig.processes()) == 4

    rig.start()

    assert rig.processes() == [], "they are ended before the socket answers"
    document = rig.document("orphaned") or {}
    check_interrupted(document)
    assert "was set aside in .failed/" in document["message"]
    assert (rig.artifacts(), len(failed_folder(rig))) == ([], 1)


@fault(Group.ADMIN, "never ends, ignores SIGTERM and leaves processes behind, with a timeout of 4 s")
def test_a_run_that_takes_too_long_is_ended(rig: Rig, row: Recorder) -> None:
    rig.stop(rig.daemons[-1])
    rig.environment["NEO4J_BACKUP_TIMEOUT"] = "4s"
    rig.start()
    row.strike()
    run_with(rig, "slow", *STRAGGLERS, processes=4)

    document = rig.wait_for_end("slow")
    row.ended(rig, document)

    assert (document["code"], document["exit_code"], document["retryable"]) == ("backup_timed_out", 3, False)
    assert "longer than 4s" in document["message"]
    assert "NEO4J_BACKUP_TIMEOUT" in document["hint"]
    assert (rig.artifacts(), len(failed_folder(rig))) == ([], 1)
    assert rig.processes() == []


def test_while_a_sidecar_drains_it_starts_nothing_and_says_so(draining: Draining) -> None:
    rig = draining.rig
    wait_for(lambda: rig.lines("probe")[0]["probe"]["draining"], 5)

    refused = rig.submit("new")
    rig.post("posted")

    assert (refused["error"]["code"], refused["error"]["exit_code"]) == ("sidecar_busy", 10)
    assert refused["error"]["retryable"]
    assert refused["error"]["drained"]
    assert (rig.document("waits") or {})["state"] == "queued"


def test_a_drain_tells_every_10_s_that_it_goes_on_and_ends_when_no_process_is_left(draining: Draining) -> None:
    rig = draining.rig

    told = draining.told.result(60)

    assert rig.processes() == []
    *beats, end = told.lines
    assert (told.exit_code, end) == (0, {"end": {"exit_code": 0}})
    assert {"draining": {"under_way": 2}} in beats
    assert 12 <= told.seconds < 10 * (len(beats) + 1)
    check_interrupted(rig.wait_for_end("runs"))
    assert (rig.document("waits") or {})["state"] == "queued"
    assert (rig.requests / "backup.request").exists(), "the mailbox isn't looked at any more"
    assert rig.lines("drain") == [{"end": {"exit_code": 0}}]


def test_after_a_drain_and_a_restart_everything_goes_on(draining: Draining) -> None:
    rig = draining.rig
    rig.set_knobs()

    rig.stop(rig.daemons[-1])
    rig.start()

    assert rig.wait_for_end("waits")["state"] == "succeeded"
    assert rig.wait_for_end("posted")["state"] == "succeeded"
    rig.stop(rig.daemons[-1])
    assert rig.leftovers() == []
