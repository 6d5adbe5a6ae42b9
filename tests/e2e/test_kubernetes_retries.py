"""What a Job makes of an end that isn't its backup's: a container that is killed, a way that is closed, no server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import kube
from tests.e2e.kubernetes_jobs import Job
from tests.e2e.kubernetes_objects import POD
from tests.e2e.kubernetes_stack import Stack, seen, slowed
from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.timeout(300)]
SLOW = 150_000
"""Bytes per second: a backup of the 1 MiB of `neo4j` then takes some 15 s."""
KILLS = 3
"""After so many ends in a row the kubelet waits 20 s before it starts a container again."""


def test_a_defect_of_the_command_fails_the_job_at_once(stack: Stack) -> None:
    job = stack.job("full", command=("python3", "-c"), args=("raise SystemExit(1)",))

    assert job.until_ended() == "Failed"
    assert job.exit_codes() == [1]


def test_a_sidecar_that_can_not_be_reached_is_tried_again(stack: Stack) -> None:
    job = stack.job("full", NEO4J_BACKUP_TRIGGER_CONTAINER="neo4j", NEO4J_BACKUP_TRIGGER_CONNECT_FOR="2s")

    kube.until(lambda: len(job.exit_codes()) >= 2, "the second pod's end")

    assert job.exit_codes()[:2] == [12, 12]
    assert job.document()["status"].get("conditions", []) == []
    stack.kubectl("delete", "job", job.name)


@fault(Group.KUBERNETES, "Neo4j is away as the Job's backup begins: the Job's retry, once it is back")
def test_a_server_that_is_away_is_waited_for_by_the_job_s_retry(frail_stack: Stack, row: Recorder) -> None:
    stack = frail_stack
    stack.until_running()
    stack.clear_aside()
    before = len(stack.artifacts())
    kube.await_running(stack.namespace, POD, "neo4j")
    # Then it is the pod's own port that counts.
    with a_run_ahead(stack, "ahead", then={"connect": "tcp"}):
        job = stack.job("full")
        kube.until(lambda: stack.ask("status", job.request_id).get("state") == "queued", "the Job's request", 90)
        for _ in range(KILLS):
            end_neo4j(stack)
        row.strike()

    assert job.until_ended(240) == "Complete"
    row.record(seen(job.answer()), stack.left(before))
    stack.set_knobs()
    assert job.exit_codes() == [14, 0]
    assert len(stack.artifacts()) == before + 1


@fault(Group.KUBERNETES, "the Job's container is killed in mid-wait")
def test_a_job_s_container_that_is_killed_is_followed_by_one_that_goes_on(frail_stack: Stack, row: Recorder) -> None:
    with slowed(frail_stack, SLOW):
        stack = frail_stack
        before = len(stack.artifacts())
        job = stack.job("full")
        job.until_follows()
        [pod] = job.pods()
        container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")

        row.strike()
        kube.signal_container(container, "SIGKILL")

        assert job.until_ended() == "Complete"
        row.record(seen(job.answer()), stack.left(before))
        assert job.exit_codes() == [137, 0]
        assert [each["id"] for each in stack.requests() if each["id"].startswith(job.request_id)] == [job.request_id]
        assert len(stack.artifacts()) == before + 1


@pytest.mark.parametrize("how", ["deleted", "over its deadline"])
def test_a_job_that_is_gone_leaves_its_backup_to_go_on(frail_stack: Stack, how: str) -> None:
    with slowed(frail_stack, SLOW):
        stack = frail_stack
        job = stack.job("full")
        job.until_follows()
        request = job.request_id

        if how == "deleted":
            stack.kubectl("delete", "job", job.name)
        else:
            stack.kubectl(*patch(job, {"spec": {"activeDeadlineSeconds": 1}}))
            assert job.until_ended() == "Failed"

        assert stack.ask("status", request)["state"] == "running"
        kube.until(lambda: stack.ask("status", request)["state"] == "succeeded", "the backup's own end")


@contextmanager
def a_run_ahead(stack: Stack, name: str, *, then: dict[str, object]) -> Iterator[None]:
    """Have every request wait behind one that runs until this ends; ``then`` are the knobs of those."""
    stack.set_knobs(faults=[{"fault": "hang"}])
    try:
        assert stack.trigger("--type", "FULL", "--id", name, "--no-wait").exit_code == 0
        kube.until(lambda: stack.ask("status", name)["state"] == "running", "the run ahead")
        yield
    finally:
        stack.set_knobs(**then)
        stack.ask("cancel", name)


def end_neo4j(stack: Stack) -> None:
    kube.until(lambda: neo4j_runs(stack), "Neo4j's start", 60)
    container = stack.container("containerStatuses")
    kube.signal_container(container, "SIGKILL")
    kube.until(lambda: not neo4j_runs(stack, container), "Neo4j's end", 30)


def patch(job: Job, change: kube.Document) -> tuple[str, ...]:
    return "patch", "job", job.name, "--type", "merge", "--patch", json.dumps(change)


def neo4j(stack: Stack) -> kube.Document:
    found: kube.Document = kube.get(stack.namespace, "pod", POD)["status"]["containerStatuses"][0]
    return found


def neo4j_runs(stack: Stack, container: str = "") -> bool:
    """Say whether Neo4j runs, in that very container where one is named."""
    found = neo4j(stack)
    return "running" in found["state"] and found["containerID"].endswith(container)
