"""The sidecar in a container of a tenth of a core and 128 MiB, after it has done all that it does."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.containers import Answered, Ran, Sidecar, a_sidecar, trigger
from tests.docker_host import cpu_seconds, inspected
from tests.images import Images

LIMITS = ("--cpus=0.1", "--memory=128m", "--memory-swap=128m")
SUBMISSIONS = 5


@dataclass(frozen=True, slots=True)
class Worked:
    """How everything ended; ``cpu_seconds`` is what was used by then, ``since`` the monotonic time of that."""

    sidecar: Sidecar
    full: Ran
    differential: Ran
    failed: Ran
    refused: Ran
    cancelled: Ran
    left_after_cancel: list[str]
    submitted: tuple[Answered, ...]
    before: dict[str, Any]
    after: dict[str, Any]
    cpu_seconds: float
    since: float


@pytest.fixture(scope="session")
def worked(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worked]:
    """Work through it once; the container then rests until the session ends."""
    folder = tmp_path_factory.mktemp("small-container")
    with a_sidecar(images.sidecar, images.standin, folder, *LIMITS, NEO4J_BACKUP_MEMORY_CHECK="off") as sidecar:
        before = inspected(sidecar.name)["State"]
        full = _backup(sidecar, "full", "FULL")
        differential = _backup(sidecar, "differential", "DIFF")
        sidecar.set_knobs(faults=["fail"])
        failed = _backup(sidecar, "failed", "FULL")
        refused = trigger("trigger", sidecar.name, "--path", "/etc/neo4j", "--id", "refused")
        sidecar.set_knobs(faults=["hang"])
        trigger("trigger", sidecar.name, "--path", "/backups/nightly", "--id", "cancelled", "--no-wait")
        sidecar.wait_for_run()
        trigger("cancel", sidecar.name, "cancelled")
        cancelled = trigger("status", sidecar.name, "--follow", "cancelled")
        left = sidecar.runs()
        sidecar.set_knobs()
        submitted = tuple(_submission(sidecar, f"submitted-{number}") for number in range(SUBMISSIONS))
        yield Worked(
            sidecar,
            full,
            differential,
            failed,
            refused,
            cancelled,
            left,
            submitted,
            before,
            inspected(sidecar.name)["State"],
            cpu_seconds(sidecar.name),
            time.monotonic(),
        )


def _backup(sidecar: Sidecar, request_id: str, type_: str) -> Ran:
    return trigger(
        "trigger",
        sidecar.name,
        *("--path", "/backups/nightly", "--type", type_, "--database", "neo4j", "--id", request_id),
    )


def _submission(sidecar: Sidecar, request_id: str) -> Answered:
    answered = sidecar.submit(request_id, type="AUTO")
    trigger("status", sidecar.name, "--follow", request_id)
    return answered
