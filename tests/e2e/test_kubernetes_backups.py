"""Backups in a real cluster: from Jobs, from a CronJob's Job, from a terminal; and what each end makes of the Job."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import kube
from tests.e2e.kubernetes_stack import OURS, POD, TARGET, Stack, a_stack
from tests.images import Images
from tests.standin import server

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.timeout(300)]
SLOW = 150_000
"""Bytes per second: a backup of the 1 MiB of `neo4j` then takes some 15 s."""


@pytest.fixture(scope="module")
def stack(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    with a_stack(images, folder, NEO4J_BACKUP_TIMEOUT="25s", NEO4J_BACKUP_GRACE="2s") as made:
        yield made


@pytest.fixture(autouse=True)
def _knobs_as_at_first(stack: Stack) -> Iterator[None]:
    yield
    stack.set_knobs()


def test_a_full_backup_from_a_job_completes_it(stack: Stack) -> None:
    job = stack.job("full")

    assert job.until_ended() == "Complete"
    assert job.exit_codes() == [0]
    answer = job.answer()
    assert (answer["id"], answer["state"]) == (job.request_id, "succeeded")
    [result] = answer["results"]
    assert result["type"] == "FULL"
    assert result["artifact"] in stack.artifacts()


def test_a_differential_from_a_job_continues_the_full_one(stack: Stack) -> None:
    assert stack.trigger("--type", "FULL").exit_code == 0
    server.commit(stack.data, "neo4j", 3)
    job = stack.job("differential")

    assert job.until_ended() == "Complete"
    assert [result["type"] for result in job.answer()["results"]] == ["DIFF"]


def test_the_one_time_job_rests_until_somebody_wants_it(stack: Stack) -> None:
    name = f"{OURS}-once"
    before = kube.get(stack.namespace, "job", name)

    stack.kubectl("patch", "job", name, "--type", "merge", "--patch", '{"spec": {"suspend": false}}')

    assert before["status"].get("active", 0) == 0
    kube.until(lambda: kube.get(stack.namespace, "job", name)["status"].get("succeeded") == 1, "the Job's success")


def test_a_job_of_a_cronjob_is_made_by_the_controller_and_completes(stack: Stack) -> None:
    name = f"{OURS}-full"

    def made() -> list[kube.Document]:
        # Those that `kubectl create job --from` makes have an owner too, but no time that they were due.
        found: list[kube.Document] = json.loads(stack.kubectl("get", "jobs", "-o", "json"))["items"]
        due = "batch.kubernetes.io/cronjob-scheduled-timestamp"
        return [job for job in found if due in job["metadata"].get("annotations", {})]

    stack.kubectl("patch", "cronjob", name, "--type", "merge", "--patch", '{"spec": {"schedule": "* * * * *"}}')
    kube.until(lambda: bool(made()), "the controller's Job", 75)
    stack.kubectl("patch", "cronjob", name, "--type", "merge", "--patch", '{"spec": {"suspend": true}}')
    [job, *_] = made()

    kube.until(
        lambda: kube.get(stack.namespace, "job", job["metadata"]["name"])["status"].get("succeeded") == 1, "its end"
    )


def test_a_backup_from_a_terminal_outside_of_the_cluster(stack: Stack) -> None:
    found = stack.trigger("--type", "FULL", "--selector", "app.kubernetes.io/name=neo4j")

    assert found.exit_code == 0
    assert found.answer["state"] == "succeeded"
    assert f"The sidecar is in the pod {POD} of the namespace {stack.namespace}" in found.said


@pytest.mark.parametrize(
    ("fault", "code", "exit_code"),
    [
        ("fail", "backup_failed", 3),
        ("truncated_artifact", "artifact_unverified", 3),
        ("enospc", "insufficient_space", 5),
    ],
)
def test_a_backup_that_fails_fails_the_job_at_once(stack: Stack, fault: str, code: str, exit_code: int) -> None:
    stack.set_knobs(faults=[fault])
    before = stack.artifacts()
    job = stack.job("full")

    assert job.until_ended() == "Failed"
    assert (job.exit_codes(), job.answer()["code"]) == ([exit_code], code)
    assert stack.artifacts() == before


def test_a_request_that_is_refused_fails_the_job_at_once(stack: Stack) -> None:
    job = stack.job("full", NEO4J_BACKUP_TRIGGER_PATH="/etc")

    assert job.until_ended() == "Failed"
    assert job.exit_codes() == [4]
    assert job.answer()["error"]["code"] == "request_rejected"


def test_wrong_usage_fails_the_job_at_once(stack: Stack) -> None:
    job = stack.job("full", NEO4J_BACKUP_TRIGGER_TIMEOUT="soon")

    assert job.until_ended() == "Failed"
    assert job.exit_codes() == [2]


def test_a_queue_that_is_full_is_tried_again(stack: Stack) -> None:
    stack.set_knobs(faults=[{"fault": "hang"}])
    ids = [f"filling-{number}-{time.monotonic_ns()}" for number in range(17)]
    for each in ids:
        assert stack.trigger("--id", each, "--no-wait", "--type", "FULL").exit_code == 0
    busy = stack.trigger("--type", "FULL", "--no-wait")
    job = stack.job("full")

    assert (busy.exit_code, busy.answer["error"]["code"]) == (10, "sidecar_busy")
    kube.until(lambda: bool(job.exit_codes()), "the first pod's end")
    assert job.exit_codes()[0] == 10
    stack.set_knobs()
    for each in ids:
        stack.ask("cancel", each)

    assert job.until_ended() == "Complete"
    assert job.exit_codes()[-1] == 0


def test_a_backup_that_is_cancelled_fails_the_job_at_once(stack: Stack) -> None:
    stack.set_knobs(rate=SLOW)
    job = stack.job("full")
    job.until_follows()

    stack.ask("cancel", job.request_id)

    assert job.until_ended() == "Failed"
    assert (job.exit_codes(), job.answer()["code"]) == ([3], "backup_cancelled")


def test_a_backup_that_takes_too_long_fails_the_job_at_once(stack: Stack) -> None:
    stack.set_knobs(faults=[{"fault": "hang"}])
    job = stack.job("full")

    assert job.until_ended() == "Failed"
    assert (job.exit_codes(), job.answer()["code"]) == ([3], "backup_timed_out")


def test_a_trigger_that_waits_too_long_fails_the_job_and_the_backup_goes_on(stack: Stack) -> None:
    stack.set_knobs(rate=SLOW)
    job = stack.job("full", NEO4J_BACKUP_TRIGGER_TIMEOUT="3s")

    assert job.until_ended() == "Failed"
    assert job.exit_codes() == [6]
    stack.set_knobs()
    kube.until(lambda: stack.ask("status", job.request_id)["state"] == "succeeded", "the backup's own end")


def test_kubectl_alone_is_enough_for_a_backup(stack: Stack) -> None:
    request = json.dumps({"path": TARGET, "type": "FULL", "database": "neo4j", "id": "by-kubectl"})

    stack.kubectl("exec", POD, "-c", "neo4j", "--", "sh", "-c", f"echo '{request}' > /backup-requests/backup.request")

    def status() -> kube.Document:
        found: kube.Document = json.loads(
            stack.kubectl("exec", POD, "-c", "neo4j", "--", "cat", "/backup-requests/backup.status")
        )
        return found

    kube.until(lambda: status()["id"] == "by-kubectl" and status()["state"] == "succeeded", "its status")
