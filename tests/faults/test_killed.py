"""The sidecar, neo4j-admin's launcher or its JVM is killed, or has to go within 1 s, in each phase of a backup."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults import halting
from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder
from tests.integration.serving import a_listening_server, failed_folder, lent, serving
from tests.rig import DAEMON, Rig, a_rig, wait_for

GRACE_SECONDS = 1.0
"""How long a shutdown has until SIGKILL, as in a pod of this terminationGracePeriodSeconds."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A moment of a backup: the step that the daemon is halted in, or the stage that neo4j-admin hangs in."""

    name: str
    halted: str = ""
    hanging: str = ""
    ends: str = "backup_interrupted"
    aside: int = 0


PHASES = (
    Phase("before neo4j-admin is started", halted=halting.SPAWN),
    Phase("while neo4j-admin copies", hanging="receive"),
    Phase("once the artifact is there", hanging="end", aside=1),
    Phase("while the artifact is proven", halted=halting.PROVE, aside=1),
    Phase("after its end is published", halted=halting.FORGET, ends=""),
)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with a_listening_server() as address, a_rig(tmp_path / "rig", "neo4j") as rig:
        rig.environment |= {"NEO4J_BACKUP_FROM": address, "NEO4J_BACKUP_GRACE": "2s"}
        yield rig


def run_until(rig: Rig, phase: Phase, *faults: str, slowly: bool = False) -> "subprocess.Popen[bytes]":
    """Have the request ``nightly`` run until it is in a phase; give its daemon."""
    rig.set_knobs(faults=[*faults, *([{"fault": "hang", "stage": phase.hanging}] if phase.hanging else [])])
    step = halting.PROVE_SLOWLY if slowly and phase.halted == halting.PROVE else phase.halted
    daemon = rig.start((sys.executable, halting.__file__, step) if step else DAEMON)
    rig.post("nightly")
    if phase.halted:
        wait_for(lambda: is_stopped(daemon) or halting.STANDS_STILL in rig.log.read_text(), 15, rig.log.read_text)
    else:
        wait_for(lambda: len(rig.processes()) >= 2, 15, rig.log.read_text)
        rig.wait_for_output("Start receiving" if phase.hanging == "receive" else "Finished artifact creation")
    return daemon


def is_stopped(daemon: "subprocess.Popen[bytes]") -> bool:
    """Say whether a process stands still by SIGSTOP."""
    return Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def check_the_end(rig: Rig, phase: Phase, row: Recorder) -> None:
    """Start the sidecar again, and hold what it tells and leaves to what is promised of the phase."""
    rig.set_knobs()
    restarted = rig.start()
    document = rig.wait_for_end("nightly")
    row.ended(rig, document)

    assert (document["code"] or "", document["retryable"]) == (phase.ends, bool(phase.ends)), document
    assert (rig.processes(), rig.leftovers()) == ([], [])
    assert (len(rig.artifacts()), len(failed_folder(rig))) == (0 if phase.ends else 1, phase.aside)
    assert len(rig.invocations()) <= 1, "it ran twice"
    rig.stop(restarted)


def cases(what: str) -> list[Any]:
    """Give the phases, each the parameter of a test that is a fault of its own."""
    return [pytest.param(phase, marks=fault(Group.KILLED, f"{what} {phase.name}"), id=phase.name) for phase in PHASES]


@pytest.mark.parametrize("phase", cases("the sidecar is killed"))
def test_a_sidecar_that_is_killed_tells_the_truth_after_its_restart(rig: Rig, phase: Phase, row: Recorder) -> None:
    daemon = run_until(rig, phase)

    row.strike()
    rig.stop(daemon, signal.SIGKILL)

    check_the_end(rig, phase, row)


@pytest.mark.parametrize("phase", cases("SIGTERM, with a grace of 1 s,"))
def test_a_sidecar_that_has_a_second_to_end_tells_the_truth(rig: Rig, phase: Phase, row: Recorder) -> None:
    daemon = run_until(rig, phase, slowly=True)

    row.strike()
    shut_down(daemon)

    check_the_end(rig, phase, row)


@pytest.mark.parametrize(
    "phase",
    [
        pytest.param(
            phase,
            marks=fault(Group.KILLED, f"SIGTERM, with a grace of 1 s, {phase.name}, and neo4j-admin ignores it"),
            id=phase.name,
        )
        for phase in PHASES
        if phase.hanging
    ],
)
def test_a_sidecar_that_is_killed_while_it_ends_its_run_leaves_that_to_the_next(
    rig: Rig, phase: Phase, row: Recorder
) -> None:
    daemon = run_until(rig, phase, "ignore_sigterm")

    row.strike()
    shut_down(daemon)

    assert daemon.returncode == -signal.SIGKILL
    assert len(rig.processes()) == 2
    check_the_end(rig, phase, row)


def shut_down(daemon: "subprocess.Popen[bytes]") -> None:
    """End a process as a kubelet does: SIGTERM, and SIGKILL when its grace is over."""
    for number in (signal.SIGTERM, signal.SIGCONT):
        daemon.send_signal(number)
    try:
        daemon.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait(10)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("killed") / "rig", "neo4j") as rig:
        yield rig


STAGES = {
    "connect": "as it connects",
    "receive": "while it copies",
    "artifact": "while it writes the artifact",
    "end": "once the artifact is there",
}


@pytest.mark.parametrize(
    ("event", "stage"),
    [
        pytest.param(event, stage, marks=fault(Group.KILLED, f"{what} is killed {when}"), id=f"{what} {when}")
        for event, what in (("start", "neo4j-admin's launcher"), ("worker", "neo4j-admin's JVM"))
        for stage, when in STAGES.items()
    ],
)
def test_a_process_that_somebody_else_kills_is_told_so_and_the_other_is_ended(
    served: Rig, event: str, stage: str, row: Recorder
) -> None:
    with lent(served) as rig:
        rig.set_knobs(faults=[{"fault": "hang", "stage": stage}])
        rig.submit(rig.target.name)
        wait_for(lambda: any(each["event"] == "worker" for each in events(rig)), 10)
        wait_for(lambda: stage not in ("artifact", "end") or rig.artifacts() != [], 10)

        row.strike()
        os.kill(next(each["pid"] for each in events(rig) if each["event"] == event), signal.SIGKILL)
        document = rig.wait_for_end(rig.target.name)
        row.ended(rig, document)

        assert (document["code"], document["exit_code"]) == ("backup_failed", 3)
        assert "was killed (SIGKILL)" in document["message"]
        assert (rig.artifacts(), len(failed_folder(rig))) == ([], int(stage in ("artifact", "end")))
        assert rig.processes() == []


def events(rig: Rig) -> list[dict[str, Any]]:
    return [json.loads(line) for line in rig.journal.read_text().splitlines()]
