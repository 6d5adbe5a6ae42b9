"""A sidecar that is dead or stuck is told as that, one that hangs ends itself, and asking costs next to nothing."""

import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar import daemon
from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder
from tests.integration import disks, hanging
from tests.integration.losing import Losing
from tests.integration.serving import failed_folder, serving
from tests.pace import python_cpu_seconds, slower
from tests.rig import DAEMON, Rig, a_rig, wait_for

TOLD_SECONDS = 30.0
PROBE_CPU_SECONDS = 0.050
TIMES = 9
SAYS = {"dead": "no sidecar is running", "stuck": "slow or stuck"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with serving(tmp_path / "rig", "neo4j", "movies") as rig:
        yield rig


@pytest.mark.parametrize("when", ["while it is followed", "before it is asked"])
@pytest.mark.parametrize("how", SAYS)
def test_a_command_tells_within_30_s_that_its_sidecar_is_dead_or_stuck_and_goes_on(
    losing: dict[str, Losing], how: str, when: str
) -> None:
    lost = losing[f"{how} {when}"]

    says, seconds = lost.told.result(60)

    assert SAYS[how] in says
    assert seconds < TOLD_SECONDS
    assert lost.trigger.poll() is None, "it goes on trying"


def test_a_loop_that_hangs_leaves_its_stacks_and_ends_and_its_backup_is_told_as_interrupted(rig: Rig) -> None:
    rig.stop(rig.daemons[-1])
    daemon_ = rig.start((sys.executable, hanging.__file__))
    rig.set_knobs(faults=[{"fault": "hang", "stage": "artifact", "database": "neo4j"}])
    rig.submit("running")
    rig.submit("queued", database="movies")
    wait_for(lambda: rig.artifacts() != [], 15)
    time.sleep(hanging.HANG_SECONDS * 1.5)
    assert daemon_.poll() is None, "a loop that works is left alone"

    daemon_.send_signal(signal.SIGUSR1)

    assert daemon_.wait(60) == 1
    said = rig.log.read_text()
    assert "Timeout (0:00:04)!" in said
    assert "in hang" in said, "the stack says where it stood"
    assert (rig.document("running") or {})["state"] == "running"
    rig.start()
    document = rig.document("running") or {}
    assert (document["state"], document["code"], document["retryable"]) == ("failed", "backup_interrupted", True)
    assert len(failed_folder(rig)) == 1
    assert rig.wait_for_end("queued")["state"] == "succeeded"


@pytest.mark.mounts
@fault(Group.DISK, "the request volume hangs for longer than the watchdog allows (here 4 s), and is well again")
def test_a_request_volume_that_hangs_ends_the_sidecar_and_its_backup_is_told_as_interrupted(
    tmp_path: Path, row: Recorder
) -> None:
    with (
        a_rig(tmp_path / "rig", "neo4j") as rig,
        disks.a_disk_that_may_hang(rig.requests, tmp_path / "image") as disk,
    ):
        rig.set_knobs(faults=[{"fault": "hang", "stage": "artifact"}])
        stuck = rig.start((sys.executable, hanging.__file__))
        rig.submit("nightly")
        wait_for(lambda: rig.artifacts() != [], 15)
        with disks.hanging(disk):
            row.strike()
            asking = subprocess.Popen(
                [*DAEMON[:-1], "cancel", "nightly"],
                env=rig.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            rig.wait_for_output("Timeout (0:00:04)!", 60)
            rig.wait_for_output("in write_whole", 10)
            asking.kill()
            asking.wait(10)

        assert stuck.wait(30) == 1
        rig.set_knobs()
        second = rig.start()
        document = rig.wait_for_end("nightly")
        row.ended(rig, document)
        assert (document["state"], document["code"]) == ("failed", "backup_interrupted")
        assert len(failed_folder(rig)) == 1
        rig.stop(second)


@pytest.mark.mounts
@fault(Group.DISK, "the request volume hangs at the sidecar's start, for longer than the watchdog allows (here 4 s)")
def test_a_request_volume_that_hangs_at_the_start_ends_the_sidecar_with_its_stacks(
    tmp_path: Path, row: Recorder
) -> None:
    with (
        a_rig(tmp_path / "rig", "neo4j") as rig,
        disks.a_disk_that_may_hang(rig.requests, tmp_path / "image") as disk,
    ):
        with disks.hanging(disk):
            row.strike()
            stuck = rig.start((sys.executable, hanging.__file__), ready=False)
            rig.wait_for_output("Timeout (0:00:04)!", 60)
            row.logged(rig, "Timeout (0:00:04)!")
            rig.wait_for_output("in run", 10)

        assert stuck.wait(30) == 1
        second = rig.start()
        rig.submit("after")
        assert rig.wait_for_end("after")["state"] == "succeeded"
        rig.stop(second)


def test_a_loop_may_hang_for_as_long_as_the_readme_says() -> None:
    assert daemon.HANG_SECONDS == 5 * 60
    assert daemon._REARM_SECONDS < daemon.HANG_SECONDS / 10


def test_a_probe_costs_less_than_50_ms_of_cpu(rig: Rig) -> None:
    # A machine on which Python itself takes longer has as many times the room.
    most = PROBE_CPU_SECONDS * slower()

    probes = [python_cpu_seconds(*DAEMON[1:-1], "probe", environment=rig.environment) for _ in range(TIMES)]

    assert statistics.median(probes) < most
