"""The sidecar's container is killed in each phase, or runs out of memory; it is started again, as a kubelet would."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.containers import PROGRAM, Sidecar, a_sidecar, trigger
from tests.docker_host import discard, docker, inspected
from tests.faults import halting
from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder, Seen, describe
from tests.images import Images
from tests.rig import FINAL, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
TARGET = "/backups/nightly"
MEMORY = ("--memory=160m", "--memory-swap=160m")
STAGES = {
    "connect": "as neo4j-admin connects",
    "receive": "while neo4j-admin copies",
    "artifact": "while neo4j-admin writes the artifact",
    "end": "once the artifact is there",
}
STEPS = {
    halting.SPAWN: "before neo4j-admin is started",
    halting.PROVE: "while the artifact is proven",
    halting.FORGET: "after its end is published",
}


@pytest.fixture(scope="module")
def sidecar(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    folder = tmp_path_factory.mktemp("killed-container")
    with a_sidecar(images.sidecar, images.standin, folder, *MEMORY, NEO4J_BACKUP_MEMORY_CHECK="off") as sidecar:
        yield sidecar


@contextmanager
def emptied(sidecar: Sidecar, row: Recorder, name: str) -> Iterator[None]:
    """Begin with an empty target; tell at the end what became of the request ``name``, and what lies there."""
    docker("exec", sidecar.name, "rm", "-rf", TARGET)
    yield
    sidecar.set_knobs()
    wait_for(lambda: document(sidecar, name).get("state") in FINAL, 60, sidecar.log)
    row.told()
    listed = docker("exec", sidecar.name, "ls", "-A", "/backups", TARGET).split()
    artifacts = [each for each in listed if each.endswith(".backup")]
    aside = docker("exec", sidecar.name, "ls", f"{TARGET}/.failed").split() if ".failed" in listed else []
    row.record(Seen.of(document(sidecar, name)), describe(len(artifacts), len(aside), []))
    assert sidecar.runs() == []
    wait_for(lambda: leftovers(sidecar) == [], 20, sidecar.log)


def leftovers(sidecar: Sidecar) -> list[str]:
    """Give what a run must not leave: its record, taken and temporary files, its temporary folder."""
    listed = docker("exec", sidecar.name, "ls", "-AR", "/backup-requests", "/backups").split()
    return [each for each in listed if each.startswith(("taken", ".run-", "run.json")) or each.endswith(".tmp")]


def document(sidecar: Sidecar, name: str) -> dict[str, Any]:
    """Give a request's status; empty while nobody answers."""
    answer = trigger("status", sidecar.name, name).answer
    return json.loads(answer) if answer else {}


def begin(sidecar: Sidecar, name: str, *faults: object) -> None:
    """Have a request run, with faults."""
    sidecar.set_knobs(faults=list(faults))
    sidecar.submit(name)


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param(stage, marks=fault(Group.KILLED, f"the whole container is killed {when}"), id=stage)
        for stage, when in STAGES.items()
    ],
)
def test_a_container_that_is_killed_tells_the_truth_after_its_restart(
    sidecar: Sidecar, stage: str, row: Recorder
) -> None:
    name = f"killed-{stage}"
    with emptied(sidecar, row, name):
        begin(sidecar, name, {"fault": "hang", "stage": stage})
        sidecar.wait_for_run()
        if stage in ("artifact", "end"):
            wait_for(lambda: ".backup" in docker("exec", sidecar.name, "ls", TARGET), 30, sidecar.log)

        row.strike()
        docker("kill", sidecar.name)
        docker("start", sidecar.name)

    ended = document(sidecar, name)
    assert (ended["code"], ended["exit_code"]) == ("backup_interrupted", 11), ended


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=fault(Group.KILLED, f"the whole container is killed {when}"), id=step)
        for step, when in STEPS.items()
    ],
)
def test_a_container_that_is_killed_in_a_step_of_the_sidecars_own_tells_the_truth_too(
    images: Images, tmp_path: Path, step: str, row: Recorder
) -> None:
    halts = f"/{PROGRAM}-halting.py"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nexec python3 {halts} {step}\n")
    program.chmod(0o755)
    options = (
        "--entrypoint=/program",
        "--env=PYTHONPATH=/opt/neo4j-backup/lib",
        f"--volume={halting.__file__}:{halts}:ro",
        f"--volume={program}:/program:ro",
    )
    with (
        a_sidecar(images.sidecar, images.standin, tmp_path, *options) as sidecar,
        emptied(sidecar, row, step),
    ):
        sidecar.submit(step)
        wait_for(lambda: halting.STANDS_STILL in sidecar.log(), 30, sidecar.log)
        # Written over and not replaced: it is this file that is mounted.
        program.write_text(f"#!/bin/sh\nexec {PROGRAM} run\n")

        row.strike()
        docker("kill", sidecar.name)
        docker("start", sidecar.name)

    seen = row.row
    assert seen is not None
    assert seen.code == ("" if step == halting.FORGET else "backup_interrupted"), seen
    assert seen.left == {halting.SPAWN: "nothing", halting.PROVE: "1 in `.failed/`"}.get(step, "1 artifact")


@fault(Group.MEMORY, "neo4j-admin is killed for want of memory")
def test_a_run_that_the_kernel_kills_for_want_of_memory_is_told_as_that(sidecar: Sidecar, row: Recorder) -> None:
    before = inspected(sidecar.name)["State"]["StartedAt"]
    with emptied(sidecar, row, "devours"):
        begin(sidecar, "devours", {"fault": "hang", "stage": "connect", "seconds": 2}, {"fault": "devour"})
        sidecar.wait_for_run()
        row.strike()

    ended = document(sidecar, "devours")
    assert (ended["code"], ended["exit_code"]) == ("out_of_memory", 3), ended
    assert inspected(sidecar.name)["State"]["StartedAt"] == before, "the sidecar lives on"


@fault(Group.MEMORY, "the sidecar is killed for want of memory, and its whole container with it")
def test_a_sidecar_that_the_kernel_kills_for_want_of_memory_tells_its_runs_end(sidecar: Sidecar, row: Recorder) -> None:
    with emptied(sidecar, row, "outlived"):
        begin(sidecar, "outlived", {"fault": "hang"})
        sidecar.wait_for_run()

        # What lies in a tmpfs is the container's memory; of its processes the daemon is the largest.
        row.strike()
        discard("exec", sidecar.name, "dd", "if=/dev/zero", "of=/tmp/memory", "bs=1M", "count=1024")
        wait_for(lambda: not inspected(sidecar.name)["State"]["Running"], 60, sidecar.log)
        assert inspected(sidecar.name)["State"]["ExitCode"] == 137
        docker("start", sidecar.name)

    ended = document(sidecar, "outlived")
    assert (ended["code"], ended["exit_code"]) == ("backup_interrupted", 11), ended
