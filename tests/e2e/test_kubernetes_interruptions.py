"""What becomes of a backup in a real cluster when a pod goes, a container is killed, or the way there is cut."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import kube
from tests.e2e.kubernetes_accounts import through, write_kubeconfig
from tests.e2e.kubernetes_jobs import Job
from tests.e2e.kubernetes_objects import POD, SIDECAR
from tests.e2e.kubernetes_stack import Stack, ended, seen, slowed
from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder
from tests.peers import until_none
from tests.relay import Relay, relay
from trigger.transport.kubernetes_access import open_access

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.timeout(300)]
SLOW = 150_000
"""Bytes per second: a backup of the 1 MiB of `neo4j` then takes some 15 s."""
CUT_EVERY = 3.0
CUT_FOR = 120.0


@pytest.fixture
def stack(frail_stack: Stack) -> Iterator[Stack]:
    with slowed(frail_stack, SLOW):
        yield frail_stack


def attempts(stack: Stack, job: Job) -> list[str]:
    """Give the names of a Job's requests, the oldest first."""
    return sorted(each["id"] for each in stack.requests() if each["id"].startswith(job.request_id))


@fault(Group.KUBERNETES, "the Job's pod is deleted in mid-wait")
def test_a_job_s_pod_that_is_deleted_leaves_its_backup_to_its_successor(stack: Stack, row: Recorder) -> None:
    before = len(stack.artifacts())
    job = stack.job("full")
    job.until_follows()
    [first] = job.pods()

    row.strike()
    stack.kubectl("delete", "pod", first["metadata"]["name"], "--wait=false")

    assert job.until_ended() == "Complete"
    row.record(seen(job.answer()), stack.left(before))
    assert job.answer()["id"] == job.request_id
    assert attempts(stack, job) == [job.request_id]
    assert len(stack.artifacts()) == before + 1


@fault(Group.KUBERNETES, "the Job's pod is evicted in mid-wait")
def test_a_job_s_pod_that_is_evicted_costs_the_job_no_try(stack: Stack, row: Recorder) -> None:
    before = len(stack.artifacts())
    job = stack.job("full")
    job.until_follows()
    name = job.pods()[0]["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": stack.namespace}}

    path = f"/api/v1/namespaces/{stack.namespace}/pods/{name}/eviction"
    row.strike()
    kube.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))

    assert job.until_ended() == "Complete"
    row.record(seen(job.answer()), stack.left(before))
    assert job.document()["status"].get("failed", 0) == 0
    assert attempts(stack, job) == [job.request_id]


@fault(Group.KUBERNETES, "the sidecar's container is killed in mid-backup: the Job's retry")
def test_a_sidecar_that_is_killed_in_mid_backup_is_told_and_the_job_s_retry_succeeds(
    stack: Stack, row: Recorder
) -> None:
    before = len(stack.artifacts())
    job = stack.job("full")
    job.until_follows()

    row.strike()
    stack.kill_sidecar()

    kube.until(lambda: bool(job.exit_codes()), "the first pod's end")
    stack.set_knobs()
    assert job.until_ended() == "Complete"
    row.record(seen(job.answer()), stack.left(before))
    assert job.exit_codes() == [11, 0]
    assert attempts(stack, job) == [job.request_id, f"{job.request_id}~2"]
    assert job.answer()["state"] == "succeeded"
    assert len(stack.artifacts()) == before + 1


def test_a_pod_that_is_deleted_with_grace_ends_its_backup_truthfully(stack: Stack) -> None:
    # No row of docs/faults.md: which of the two ends it is hangs on who is quicker.
    stack.set_knobs(faults=[{"fault": "hang"}])
    with stack.started("--type", "FULL", "--id", "with-grace") as process:
        kube.until(lambda: stack.ask("status", "with-grace").get("state") == "running", "the run", 60)
        stack.kubectl("delete", "pod", POD, "--wait=false")
        found = ended(process)

    assert found.exit_code in (11, 14)
    assert "backup_failed" not in json.dumps(found.answer)


@contextmanager
def standing_still(stack: Stack, kind: str) -> Iterator[None]:
    """Stop one of the pod's containers: it neither works nor hears of its end before this is over."""
    container = stack.container(kind)
    kube.signal_container(container, "SIGSTOP")
    try:
        yield
    finally:
        kube.signal_container(container, "SIGCONT")


def test_before_neo4j_hears_of_the_pod_s_end_its_sidecar_is_drained(stack: Stack) -> None:
    stack.set_knobs(faults=[{"fault": "hang"}])
    kube.await_running(stack.namespace, POD, "neo4j")
    with stack.started("--type", "FULL", "--id", "drained") as process:
        kube.until(lambda: stack.ask("status", "drained").get("state") == "running", "the run", 60)
        # A native sidecar is sent SIGTERM only after Neo4j has ended; what comes before that is its preStop hook's.
        with standing_still(stack, "containerStatuses"):
            stack.kubectl("delete", "pod", POD, "--wait=false")
            found = ended(process)

    assert found.exit_code == 11, found.said
    assert "the sidecar was drained while the backup was running" in found.answer["message"]


def test_a_new_request_waits_for_the_successor_of_a_pod_whose_shutdown_takes_its_time(stack: Stack) -> None:
    stack.set_knobs()
    before = len(stack.artifacts())
    kube.await_running(stack.namespace, POD, "neo4j")
    # Neo4j hears of its end once it goes on; until then the pod is there, its sidecar drained.
    with standing_still(stack, "containerStatuses"):
        stack.kubectl("delete", "pod", POD, "--wait=false")
        process = stack.started("--type", "FULL", "--id", "moved", "--connect-for", "4m")
        assert process.stderr is not None
        told = process.stderr.readline()
    with process:
        found = ended(process)

    assert told == f"Waiting: the pod {POD} is being deleted, and a new request waits for its successor; asking again\n"
    assert (found.exit_code, found.answer.get("state")) == (0, "succeeded"), found.said
    assert len(stack.artifacts()) == before + 1


@fault(Group.KUBERNETES, "Neo4j's pod is deleted without grace while its backup runs, and its sidecar tells nothing")
def test_a_pod_that_is_deleted_without_grace_is_told_within_half_a_minute(stack: Stack, row: Recorder) -> None:
    before = len(stack.artifacts())
    stack.set_knobs(faults=[{"fault": "hang"}])
    with stack.started("--type", "FULL", "--id", "without-grace") as process:
        kube.until(lambda: stack.ask("status", "without-grace").get("state") == "running", "the run", 60)
        container = stack.container("initContainerStatuses")
        # As where its node is lost: what is known of the pod has to be enough.
        kube.signal_container(container, "SIGSTOP")
        began = time.monotonic()
        row.strike()
        stack.kubectl("delete", "pod", POD, "--grace-period=0", "--force")
        found = ended(process)
        took = time.monotonic() - began
    row.record(seen(found.answer), stack.left(before))

    assert found.exit_code == 11
    assert found.answer["error"]["code"] == "backup_interrupted"
    assert re.search("was deleted|was replaced", found.answer["error"]["message"])
    assert took < 30


def test_a_sidecar_that_is_restarted_in_mid_backup_is_told_with_why(stack: Stack) -> None:
    with stack.started("--type", "FULL", "--id", "restarted") as process:
        kube.until(lambda: stack.ask("status", "restarted").get("state") == "running", "the run", 60)
        stack.kill_sidecar()
        found = ended(process)

    assert (found.exit_code, found.answer["code"]) == (11, "backup_interrupted")
    [warning] = found.answer["warnings"]
    assert f"The container {SIDECAR} of the pod {POD} ended" in warning
    assert "logs --previous" in warning


@fault(Group.KUBERNETES, "the exec is cut every 3 s for two minutes")
def test_an_exec_that_is_cut_every_three_seconds_for_two_minutes_loses_no_end_and_leaves_no_process(
    stack: Stack, tmp_path: Path, row: Recorder
) -> None:
    before = len(stack.artifacts())
    stack.set_knobs(rate=2 * 1024 * 1024 / CUT_FOR)
    access = open_access(None, {"KUBECONFIG": kube.kubeconfig()})
    stop = threading.Event()
    with relay(access.server.hostname or "", access.server.port or 443) as between:
        by_relay = write_kubeconfig(tmp_path, cluster=through(between.port))
        cutting = threading.Thread(target=cut, args=(between, stop))
        cutting.start()
        row.strike()
        try:
            with stack.started("--type", "FULL", "--id", "cut", kubeconfig=by_relay) as process:
                found = ended(process)
        finally:
            stop.set()
            cutting.join()

    row.record(seen(found.answer), stack.left(before))
    assert found.exit_code == 0, found.said
    assert found.answer["state"] == "succeeded"
    assert between.accepted > CUT_FOR / CUT_EVERY / 2
    assert until_none(lambda: [line for line in stack.processes() if SIDECAR in line], 15) == []


def cut(between: Relay, stop: threading.Event) -> None:
    until = time.monotonic() + CUT_FOR + 2 * CUT_EVERY
    while time.monotonic() < until and not stop.wait(CUT_EVERY):
        between.cut()
