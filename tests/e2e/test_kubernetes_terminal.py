"""Backups in a real cluster without a Job: by the command from a terminal outside of it, and by kubectl alone."""

import json
import time

import pytest

from tests import kube
from tests.e2e.kubernetes_objects import POD, TARGET
from tests.e2e.kubernetes_stack import Stack, a_full_queue, ended
from tests.standin import server

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.timeout(300)]


def test_a_full_backup_of_the_only_pod_with_these_labels(stack: Stack) -> None:
    found = stack.trigger("--type", "FULL", "--selector", "app.kubernetes.io/name=neo4j")

    assert found.exit_code == 0
    assert found.answer["state"] == "succeeded"
    assert f"The sidecar is in the pod {POD} of the namespace {stack.namespace}" in found.said


def test_a_differential_continues_the_full_one(stack: Stack) -> None:
    assert stack.trigger("--type", "FULL").exit_code == 0
    server.commit(stack.data, "neo4j", 3)

    found = stack.trigger("--type", "DIFF")

    assert found.exit_code == 0
    assert [result["type"] for result in found.answer["results"]] == ["DIFF"]


@pytest.mark.parametrize(
    ("knobs", "words", "code", "exit_code"),
    [
        pytest.param({"faults": ["fail"]}, (), "backup_failed", 3, id="failed"),
        pytest.param({"faults": ["truncated_artifact"]}, (), "artifact_unverified", 3, id="not proven"),
        pytest.param({"faults": ["enospc"]}, (), "insufficient_space", 5, id="no space"),
        pytest.param({"faults": [{"fault": "hang"}]}, (), "backup_timed_out", 3, id="timed out"),
        pytest.param({}, ("--path", "/etc"), "request_rejected", 4, id="refused"),
    ],
)
def test_what_does_not_succeed_is_told(
    stack: Stack, knobs: dict[str, object], words: tuple[str, ...], code: str, exit_code: int
) -> None:
    stack.set_knobs(**knobs)

    found = stack.trigger("--type", "FULL", *words)

    assert found.exit_code == exit_code, found.said
    assert found.answer.get("error", found.answer)["code"] == code


def test_a_queue_that_is_full_is_told_and_takes_requests_again(frail_stack: Stack) -> None:
    stack = frail_stack
    stack.until_running()
    with a_full_queue(stack):
        busy = stack.trigger("--type", "FULL", "--no-wait")

    assert (busy.exit_code, busy.answer["error"]["code"]) == (10, "sidecar_busy")
    assert stack.trigger("--type", "FULL").exit_code == 0


def test_a_backup_that_is_cancelled_ends_who_follows_it(stack: Stack) -> None:
    stack.set_knobs(faults=[{"fault": "hang"}])
    name = f"cancelled-{time.monotonic_ns()}"
    with stack.started("--type", "FULL", "--id", name) as process:
        kube.until(lambda: stack.ask("status", name).get("state") == "running", "the run")
        stack.ask("cancel", name)
        found = ended(process)

    assert (found.exit_code, found.answer["code"]) == (3, "backup_cancelled")


def test_kubectl_alone_is_enough_for_a_backup(stack: Stack) -> None:
    request = json.dumps({"path": TARGET, "type": "FULL", "database": "neo4j", "id": "by-kubectl"})

    stack.kubectl("exec", POD, "-c", "neo4j", "--", "sh", "-c", f"echo '{request}' > /backup-requests/backup.request")

    def status() -> kube.Document:
        found: kube.Document = json.loads(
            stack.kubectl("exec", POD, "-c", "neo4j", "--", "cat", "/backup-requests/backup.status")
        )
        return found

    kube.until(lambda: status()["id"] == "by-kubectl" and status()["state"] == "succeeded", "its status")
