"""Backups by Jobs that a person makes and by Jobs of the CronJob controller: what each end makes of the Job."""

import functools
from collections.abc import Callable

import pytest

from tests import kube
from tests.e2e.kubernetes_jobs import Job, job_by_a_person, job_by_the_controller
from tests.e2e.kubernetes_objects import OURS
from tests.e2e.kubernetes_stack import Stack, a_full_queue
from tests.standin import server

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.timeout(300)]
SLOW = 200_000
"""Bytes per second: a backup of the 1 MiB of `neo4j` then takes some 10 s."""
Make = Callable[..., Job]


@pytest.fixture(params=[job_by_a_person, job_by_the_controller], ids=["a person", "the controller"])
def by(request: pytest.FixtureRequest) -> Make:
    found: Make = request.param
    return found


@pytest.fixture
def make(by: Make, stack: Stack) -> Make:
    return functools.partial(stack.job, by=by)


def test_a_full_backup_completes_the_job(stack: Stack, make: Make) -> None:
    job = make("full")

    assert job.until_ended() == "Complete"
    assert job.exit_codes() == [0]
    answer = job.answer()
    assert (answer["id"], answer["state"]) == (job.request_id, "succeeded")
    [result] = answer["results"]
    assert result["type"] == "FULL"
    assert result["artifact"] in stack.artifacts()


def test_a_differential_continues_the_full_one(stack: Stack, make: Make) -> None:
    assert stack.trigger("--type", "FULL").exit_code == 0
    server.commit(stack.data, "neo4j", 3)
    job = make("differential")

    assert job.until_ended() == "Complete"
    assert [result["type"] for result in job.answer()["results"]] == ["DIFF"]


@pytest.mark.parametrize(
    ("fault", "code", "exit_code"),
    [
        ("fail", "backup_failed", 3),
        ("truncated_artifact", "artifact_unverified", 3),
        ("enospc", "insufficient_space", 5),
    ],
)
def test_a_backup_that_fails_fails_the_job_at_once(
    stack: Stack, make: Make, fault: str, code: str, exit_code: int
) -> None:
    stack.set_knobs(faults=[fault])
    before = stack.artifacts()
    job = make("full")

    assert job.until_ended() == "Failed"
    assert (job.exit_codes(), job.answer()["code"]) == ([exit_code], code)
    assert stack.artifacts() == before


def test_a_request_that_is_refused_fails_the_job_at_once(make: Make) -> None:
    job = make("full", NEO4J_BACKUP_TRIGGER_PATH="/etc")

    assert job.until_ended() == "Failed"
    assert job.exit_codes() == [4]
    assert job.answer()["error"]["code"] == "request_rejected"


def test_wrong_usage_fails_the_job_at_once(make: Make) -> None:
    job = make("full", NEO4J_BACKUP_TRIGGER_TIMEOUT="soon")

    assert job.until_ended() == "Failed"
    assert job.exit_codes() == [2]


def test_a_queue_that_is_full_is_tried_again(frail_stack: Stack, by: Make) -> None:
    # Of this server a run may take as long as it does: none ends and makes room.
    frail_stack.until_running()
    with a_full_queue(frail_stack):
        job = frail_stack.job("full", by=by)
        kube.until(lambda: bool(job.exit_codes()), "the first pod's end")
        assert job.exit_codes()[0] == 10

    assert job.until_ended() == "Complete"
    assert job.exit_codes()[-1] == 0


def test_a_backup_that_is_cancelled_fails_the_job_at_once(stack: Stack, make: Make) -> None:
    stack.set_knobs(faults=[{"fault": "hang"}])
    job = make("full")
    job.until_follows()

    stack.ask("cancel", job.request_id)

    assert job.until_ended() == "Failed"
    assert (job.exit_codes(), job.answer()["code"]) == ([3], "backup_cancelled")


def test_a_backup_that_takes_too_long_fails_the_job_at_once(stack: Stack, make: Make) -> None:
    stack.set_knobs(faults=[{"fault": "hang"}])
    job = make("full")

    assert job.until_ended() == "Failed"
    assert (job.exit_codes(), job.answer()["code"]) == ([3], "backup_timed_out")


def test_a_trigger_that_waits_too_long_fails_the_job_and_the_backup_goes_on(stack: Stack, make: Make) -> None:
    stack.set_knobs(rate=SLOW)
    job = make("full", NEO4J_BACKUP_TRIGGER_TIMEOUT="8s")

    assert job.until_ended() == "Failed"
    assert job.exit_codes() == [6]
    kube.until(lambda: stack.ask("status", job.request_id)["state"] == "succeeded", "the backup's own end")


def test_applying_the_same_again_changes_nothing(stack: Stack) -> None:
    said = kube.kubectl("apply", "-f", "-", stdin=stack.applied).splitlines()

    # To volumes and to the claims that a StatefulSet asks for the cluster adds something of its own, and the
    # one-time Job may have been run.
    others = ("persistentvolume/", "statefulset.apps/", "job.batch/")
    ours = [line for line in said if not line.startswith(others)]
    assert [line for line in ours if not line.endswith(" unchanged")] == []
    assert len(ours) > 8


def test_the_one_time_job_rests_until_somebody_wants_it(stack: Stack) -> None:
    job = Job(stack.namespace, f"{OURS}-once")
    before = job.document()

    stack.kubectl("patch", "job", job.name, "--type", "merge", "--patch", '{"spec": {"suspend": false}}')

    assert before["status"].get("active", 0) == 0
    assert job.until_ended() == "Complete"
