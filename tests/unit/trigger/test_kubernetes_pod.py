"""What a pod's document tells of the sidecar's container."""

from tests.fakes.api_server import pod
from trigger.transport.kubernetes_pod import Ending, read_pod

SIDECAR = "neo4j-backup-sidecar"


def test_a_native_sidecar_is_found_among_the_init_containers() -> None:
    found = read_pod(pod(), SIDECAR)

    assert (found.name, found.uid, found.ended) == ("neo4j-0", "u1", "")
    assert found.container is not None
    assert found.container.running
    assert found.container.memory == "1Gi"


def test_a_plain_container_is_found_too() -> None:
    found = read_pod(pod(), "neo4j")

    assert found.container is not None
    assert found.container.running


def test_a_container_that_only_prepares_is_no_sidecar_and_those_that_last_are_told() -> None:
    found = read_pod(pod(), "prepare")

    assert found.container is None
    assert found.others == (SIDECAR, "neo4j")


def test_a_container_that_waits_says_what_for() -> None:
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}

    found = read_pod(pod(state=waiting), SIDECAR).container

    assert found is not None
    assert not found.running
    assert found.waits_for == "ImagePullBackOff: Back-off pulling image"


def test_of_a_container_in_a_crash_loop_the_last_end_is_told() -> None:
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    before = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}

    found = read_pod(pod(state=waiting, lastState=before, restartCount=3), SIDECAR).container

    assert found is not None
    assert found.last == Ending("OOMKilled", 137)
    assert found.restarts == 3


def test_a_container_that_has_just_ended_is_not_running() -> None:
    found = read_pod(pod(state={"terminated": {"reason": "Error", "exitCode": 1}}), SIDECAR).container

    assert found is not None
    assert not found.running
    assert found.waits_for == "it ended: Error"
    assert found.last == Ending("Error", 1)


def test_a_pod_that_has_no_node_yet_says_why() -> None:
    document = pod()
    document["status"] = {
        "phase": "Pending",
        "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}
        ],
    }

    found = read_pod(document, SIDECAR)

    assert found.ended == ""
    assert found.container is not None
    assert not found.container.running
    assert found.container.waits_for == "Unschedulable: 0/3 nodes are available"


def test_an_evicted_pod_has_ended_for_good() -> None:
    document = pod(state={"terminated": {"reason": "Error", "exitCode": 137}})
    document["status"] |= {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory"}

    assert read_pod(document, SIDECAR).ended == "Evicted: The node was low on resource: memory"


def test_a_pod_that_is_being_deleted_is_leaving_while_its_containers_run() -> None:
    document = pod()
    document["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"

    found = read_pod(document, SIDECAR)

    assert (found.leaving, found.ended) == (True, "")
    assert not read_pod(pod(), SIDECAR).leaving


def test_a_document_of_nonsense_is_a_pod_without_a_container() -> None:
    found = read_pod({"metadata": [], "spec": {"containers": "x", "initContainers": [None]}, "status": 7}, SIDECAR)

    assert found.container is None
    assert found.others == ()
