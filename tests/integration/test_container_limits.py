"""A tenth of a core and 128 MiB are enough for the daemon and everything it does."""

import signal
import statistics
import subprocess
from pathlib import Path

import pytest

from tests.containers import PROGRAM
from tests.docker_host import discard, docker, inspected, unique_name
from tests.images import Images
from tests.integration.small_container import LIMITS, Worked
from tests.pace import slower
from tests.rig import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
ACCEPTED_SECONDS = 1.5
BEGUN_KIB = 20 << 10
"""More than the program has when it looks at its first word, 11 MiB, and less than with its libraries, 35 MiB."""


def test_a_full_and_a_differential_backup_succeed(worked: Worked) -> None:
    assert (worked.full.exit_code, worked.differential.exit_code) == (0, 0), worked.full.said
    assert worked.full.status["results"][0]["type"] == "FULL"
    assert worked.differential.status["results"][0]["type"] == "DIFF"


def test_a_failure_is_told_as_one(worked: Worked) -> None:
    assert worked.failed.exit_code == 3, worked.failed.said
    assert worked.failed.status["code"] == "backup_failed"
    assert "FAKE: this backup was told to fail" in worked.failed.status["results"][0]["message"]


def test_a_path_outside_the_roots_is_refused(worked: Worked) -> None:
    assert worked.refused.exit_code == 4, worked.refused.said
    assert "/backups" in worked.refused.answer


def test_a_cancelled_run_ends_and_leaves_no_process(worked: Worked) -> None:
    assert worked.cancelled.exit_code == 3, worked.cancelled.said
    assert worked.cancelled.status["code"] == "backup_cancelled"
    assert worked.left_after_cancel == []


def test_a_request_is_accepted_within_one_and_a_half_seconds_of_its_exec(worked: Worked) -> None:
    assert [answered.line["status"]["state"] for answered in worked.submitted] == ["queued"] * len(worked.submitted)
    # A machine on which Python itself takes longer has as many times the room.
    took = statistics.median(answered.seconds for answered in worked.submitted)
    assert took < ACCEPTED_SECONDS * slower()


def test_nothing_is_killed_for_want_of_memory(worked: Worked) -> None:
    assert worked.after["OOMKilled"] is False
    assert worked.after["Pid"] == worked.before["Pid"]


def test_a_sidecar_that_is_stopped_while_it_starts_ends_at_once(images: Images) -> None:
    """It is PID 1 of its container, to which a signal that it doesn't handle yet would be nothing."""
    name = unique_name()
    docker("run", "--detach", "--network=none", f"--name={name}", *LIMITS, images.sidecar)
    try:
        pid = inspected(name)["State"]["Pid"]
        wait_for(lambda: handles_sigterm(process_status(pid)), 60)
        # What is left of the start takes some 0.25 s of the processor, of which it has a tenth.
        assert int(process_status(pid)["VmRSS"].split()[0]) < BEGUN_KIB, "not the handler of the daemon's loop"
        log = subprocess.run(["docker", "logs", name], capture_output=True, check=True, timeout=60)
        assert b"the sidecar is ready" not in log.stdout + log.stderr

        docker("stop", "--time", "20", name)

        assert inspected(name)["State"]["ExitCode"] == 0
    finally:
        discard("rm", "--force", name)


def process_status(pid: int) -> dict[str, str]:
    """Give what the kernel tells of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def handles_sigterm(status: dict[str, str]) -> bool:
    """Say whether it is our program by now, and not what starts it, and has a handler of SIGTERM."""
    return status["Name"] == PROGRAM[:15] and bool(int(status["SigCgt"], 16) >> (signal.SIGTERM - 1) & 1)
