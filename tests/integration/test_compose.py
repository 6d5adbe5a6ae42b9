"""The compose stack, tried as its file says: the trigger from its own container and from the host."""

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.containers import ended, started_trigger, trigger
from tests.docker_host import docker, inspected, require_docker
from tests.images import Images
from tests.integration.compose_stack import FILE, Stack, a_stack

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
QUEUE_LENGTH = 16
NIGHTLY = ("--path", "/backups/nightly", "--database", "neo4j", "--type", "FULL")


@pytest.fixture(scope="module")
def whole_stack(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with a_stack(tmp_path_factory.mktemp("compose"), NEO4J_BACKUP_STANDIN=images.standin) as stack:
        yield stack


@pytest.fixture
def stack(whole_stack: Stack) -> Iterator[Stack]:
    """The stack with plain knobs and nothing under way, before and after."""
    whole_stack.sidecar.set_knobs()
    yield whole_stack
    assert whole_stack.sidecar.runs() == []


# Any: a document in JSON.
def in_container(stack: Stack, verb: str, *words: str) -> dict[str, Any]:
    """Run the trigger as a service of the stack, which has to succeed, and give its answer."""
    answer = stack.compose("run", "--rm", "--no-TTY", "trigger", verb, "--output", "json", *words)
    found: dict[str, Any] = json.loads(answer)
    return found


def configured(**environment: str) -> dict[str, Any]:
    """Give what Compose makes of the file under this environment, and under nothing else of Neo4j's."""
    names = ("NEO4J_ACCEPT_LICENSE_AGREEMENT", "NEO4J_BACKUP_STANDIN", "NEO4J_IMAGE", "NEO4J_SERVER_IMAGE")
    given = {**dict.fromkeys(names, ""), **environment}
    found: dict[str, dict[str, Any]] = json.loads(
        docker("compose", "--file", FILE, "config", "--format=json", environment=given)
    )
    return found["services"]


def test_without_a_variable_it_is_the_real_enterprise_image_and_asks_for_its_licence() -> None:
    require_docker()

    services = configured(NEO4J_ACCEPT_LICENSE_AGREEMENT="eval")

    assert services["neo4j"]["image"] == "neo4j:5.26-enterprise"
    assert services["sidecar"]["build"]["args"] == {
        "NEO4J_IMAGE": "neo4j:5.26-enterprise",
        "NEO4J_EDITION": "enterprise",
    }
    for service in ("neo4j", "sidecar"):
        assert services[service]["environment"]["NEO4J_ACCEPT_LICENSE_AGREEMENT"] == "eval"


def test_one_variable_puts_the_stand_in_in_the_place_of_both() -> None:
    require_docker()

    services = configured(NEO4J_BACKUP_STANDIN="a-standin")

    assert services["neo4j"]["image"] == "a-standin"
    assert services["sidecar"]["build"]["args"]["NEO4J_IMAGE"] == "a-standin"
    assert services["sidecar"]["build"]["args"]["NEO4J_EDITION"] != "enterprise"


def test_a_backup_is_asked_for_from_the_triggers_own_container(stack: Stack) -> None:
    status = in_container(stack, "trigger", "--path", "/backups/all", "--type", "FULL")

    assert status["state"] == "succeeded"
    assert [result["database"] for result in status["results"]] == ["neo4j", "system"]
    made = docker("exec", stack.sidecar.name, "ls", "/backups/all").split()
    assert made == sorted(result["artifact"] for result in status["results"])


def test_a_differential_backup_is_asked_for_from_the_host(stack: Stack) -> None:
    trigger("trigger", stack.sidecar.name, *NIGHTLY)
    stack.compose("exec", "--no-TTY", "neo4j", "standin-server", "commit", "neo4j", "100")

    ran = trigger("trigger", stack.sidecar.name, *NIGHTLY, "--type", "DIFF")

    assert ran.exit_code == 0, ran.said
    assert ran.status["results"][0]["type"] == "DIFF"
    assert ran.status["results"][0]["lowest_tx"] > 1


def test_every_check_passes(stack: Stack) -> None:
    found = in_container(stack, "check", "--path", "/backups")

    assert {check["name"]: check["state"] for check in found["checks"] if check["state"] != "ok"} == {}


def test_a_failure_is_told_with_its_code(stack: Stack) -> None:
    stack.sidecar.set_knobs(faults=["fail"])

    ran = trigger("trigger", stack.sidecar.name, *NIGHTLY)

    assert (ran.exit_code, ran.status["code"]) == (3, "backup_failed"), ran.said


def test_what_lies_outside_the_roots_is_refused(stack: Stack) -> None:
    ran = trigger("trigger", stack.sidecar.name, "--path", "/data/backups", "--database", "neo4j")

    assert ran.exit_code == 4, ran.said


def test_a_full_queue_is_busy_until_it_is_emptied(stack: Stack) -> None:
    stack.sidecar.set_knobs(faults=["hang"])
    waiting = [f"waiting-{number}" for number in range(QUEUE_LENGTH)]
    stack.sidecar.submit("runs")
    stack.sidecar.wait_for_run()
    for request_id in waiting:
        assert "status" in stack.sidecar.submit(request_id).line

    ran = trigger("trigger", stack.sidecar.name, *NIGHTLY)

    assert ran.exit_code == 10, ran.said
    assert "sidecar_busy" in ran.answer
    for request_id in [*waiting, "runs"]:
        stack.sidecar.cancel(request_id)
    assert trigger("status", stack.sidecar.name, "--follow", "runs").exit_code == 3


def test_a_cancel_from_the_triggers_container_ends_the_backup_that_the_host_waits_for(stack: Stack) -> None:
    stack.sidecar.set_knobs(faults=["hang"])
    with started_trigger("trigger", stack.sidecar.name, *NIGHTLY, "--id", "unwanted") as waiting:
        stack.sidecar.wait_for_run()

        in_container(stack, "cancel", "unwanted")

        ran = ended(waiting)
    assert (ran.exit_code, ran.status["code"]) == (3, "backup_cancelled"), ran.said
    assert stack.sidecar.runs() == []


def test_a_container_that_is_stopped_in_mid_backup_leaves_a_truthful_status(stack: Stack) -> None:
    stack.sidecar.set_knobs(faults=["hang"])
    with started_trigger("trigger", stack.sidecar.name, *NIGHTLY, "--id", "cut-off") as waiting:
        stack.sidecar.wait_for_run()
        before = artifacts(stack)

        docker("stop", "--time", "30", stack.sidecar.name)

        stopped = inspected(stack.sidecar.name)["State"]
        document = json.loads(from_container(stack, "/backup-requests/status/cut-off.json"))
        copy = json.loads(from_container(stack, "/backup-requests/backup.status"))
        docker("start", stack.sidecar.name)
        ran = ended(waiting)

    # It ended by itself, and so did its neo4j-admin: 137 would be Docker's SIGKILL to what was left.
    assert (stopped["ExitCode"], stopped["OOMKilled"]) == (0, False)
    later = trigger("status", stack.sidecar.name, "cut-off").status
    for status in (document, copy, ran.status, later):
        assert (status["state"], status["code"], status["retryable"]) == ("failed", "backup_interrupted", True)
    assert ran.exit_code == 11, ran.said
    assert artifacts(stack) == before


def artifacts(stack: Stack) -> list[str]:
    """Give what lies where a differential would look."""
    return docker("exec", stack.sidecar.name, "ls", "/backups/nightly").split()


def from_container(stack: Stack, path: str) -> bytes:
    """Read a file from a container that has been stopped."""
    copied = subprocess.run(
        ["docker", "cp", f"{stack.sidecar.name}:{path}", "-"], capture_output=True, check=True, timeout=60
    )
    with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
        member = archive.extractfile(archive.getmembers()[0])
        assert member is not None
        return member.read()
