"""A cancel is on the disk before it is answered, whatever the request is doing, and leaves nothing behind."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.serving import failed_folder, lent, serving
from tests.rig import Rig, wait_for


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("cancel") / "rig", "neo4j", "movies") as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    with lent(served) as rig:
        yield rig


def run_until(rig: Rig, name: str, *, stage: str, database: str = "neo4j", **more: object) -> None:
    """Have the request ``name`` stand still in a stage of its run."""
    rig.set_knobs(faults=[{"fault": "hang", "stage": stage} | more])
    rig.submit(name, database=database)
    wait_for(lambda: len(rig.processes()) >= 2, 10)
    words = {"receive": "Start receiving store", "artifact": "Finished full backup", "end": "Backup of"}[stage]
    log = rig.requests / "logs" / f"{name}.log"
    wait_for(lambda: log.exists() and words in log.read_text(), 10)


def test_a_queued_request_ends_at_once_and_never_runs(rig: Rig) -> None:
    run_until(rig, "first", stage="receive")
    rig.submit("waits", database="movies")

    told = rig.lines("cancel", "waits")
    rig.lines("cancel", "first")
    rig.wait_for_end("first")

    assert (told[0]["status"]["state"], told[-1]) == ("cancelled", {"end": {"exit_code": 0}})
    document = rig.wait_for_end("waits")
    assert (document["state"], document["code"], document["exit_code"]) == ("cancelled", "backup_cancelled", 3)
    assert "before its turn" in document["message"]
    assert [start["argv"][-1] for start in rig.invocations()] == ["neo4j"]


@pytest.mark.parametrize(("stage", "aside"), [("receive", 0), ("artifact", 1), ("end", 1)])
def test_a_running_request_is_ended_and_what_it_left_is_set_aside(rig: Rig, stage: str, aside: int) -> None:
    run_until(rig, f"running-{stage}", stage=stage)

    told = rig.lines("cancel", f"running-{stage}")
    document = rig.wait_for_end(f"running-{stage}")

    assert told[0]["status"]["cancel_requested"]
    assert (document["state"], document["code"], document["exit_code"]) == ("cancelled", "backup_cancelled", 3)
    assert not document["retryable"]
    assert [result["state"] for result in document["results"]] == ["cancelled"]
    assert (rig.artifacts(), len(failed_folder(rig))) == ([], aside)
    assert rig.processes() == []


def test_an_ended_request_stays_what_it_is(rig: Rig) -> None:
    rig.submit("ended")
    before = rig.wait_for_end("ended")

    told = rig.lines("cancel", "ended")

    assert told[0]["status"]["state"] == "succeeded"
    assert rig.document("ended") == before


def test_two_cancels_are_one(rig: Rig) -> None:
    run_until(rig, "twice", stage="receive")

    for _ in range(2):
        assert rig.lines("cancel", "twice")[-1] == {"end": {"exit_code": 0}}

    assert rig.wait_for_end("twice")["state"] == "cancelled"


def test_an_id_that_is_not_known_is_refused(rig: Rig) -> None:
    (told,) = rig.lines("cancel", "nobody")

    assert (told["error"]["code"], told["error"]["exit_code"]) == ("request_rejected", 4)
    assert "neo4j-backup list" in told["error"]["hint"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Rig]:
    """A sidecar that a test may end and start again."""
    with serving(tmp_path / "rig", "neo4j") as rig:
        yield rig


def test_after_an_end_worth_retrying_the_next_attempt_is_cancelled_before_it_begins(own: Rig) -> None:
    rig = own
    run_until(rig, "uid", stage="receive")
    rig.stop(rig.daemons[-1])
    rig.start()
    before = rig.wait_for_end("uid")
    assert before["retryable"]

    told = rig.lines("cancel", "uid")
    again = rig.submit("uid", job=True)

    assert (told[0]["status"]["id"], told[0]["status"]["state"]) == ("uid~2", "cancelled")
    assert (again["status"]["id"], again["attached"]) == ("uid~2", True)
    assert [result["state"] for result in again["status"]["results"]] == ["cancelled"]
    assert rig.document("uid") == before
    assert len(rig.invocations()) == 1


def test_a_cancel_that_was_answered_is_honoured_after_a_crash(own: Rig) -> None:
    rig = own
    run_until(rig, "crash", stage="receive")
    copy = rig.requests / "backup.status"
    wait_for(copy.exists, 10)
    rig.daemons[-1].send_signal(signal.SIGSTOP)
    copy.unlink()
    document = rig.document("crash") or {}
    (rig.requests / "status/crash.json").write_text(json.dumps(document | {"cancel_requested": True}))

    rig.stop(rig.daemons[-1], signal.SIGKILL)
    rig.start()

    assert rig.wait_for_end("crash")["state"] == "cancelled"
    wait_for(copy.exists, 10)
    assert json.loads(copy.read_bytes())["id"] == "crash"


def test_a_backup_that_was_finished_all_the_same_is_a_success(own: Rig) -> None:
    rig = own
    rig.stop(rig.daemons[-1])
    rig.environment["NEO4J_BACKUP_GRACE"] = "10s"
    rig.start()
    rig.set_knobs(faults=["ignore_sigterm", {"fault": "hang", "stage": "end", "seconds": 3}])
    rig.submit("late")
    wait_for(lambda: rig.artifacts() != [], 10)

    rig.lines("cancel", "late")
    document = rig.wait_for_end("late")

    assert (document["state"], document["exit_code"]) == ("succeeded", 0)
    assert document["cancel_requested"]
    assert rig.artifacts() == [document["results"][0]["artifact"]]
