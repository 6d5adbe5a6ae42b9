"""A tenth of a core and 128 MiB are enough for the daemon and everything it does."""

import subprocess

import pytest

from tests.docker_host import cpu_seconds, discard, docker, inspected, unique_name
from tests.images import Images
from tests.integration.small_container import LIMITS, Worked
from tests.rig import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
ACCEPTED_SECONDS = 1.5


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
    assert max(answered.seconds for answered in worked.submitted) < ACCEPTED_SECONDS


def test_nothing_is_killed_for_want_of_memory(worked: Worked) -> None:
    assert worked.after["OOMKilled"] is False
    assert worked.after["Pid"] == worked.before["Pid"]


def test_a_sidecar_that_is_stopped_while_it_starts_ends_at_once(images: Images) -> None:
    """It is PID 1 of its container, to which a signal that it doesn't handle yet would be nothing."""
    name = unique_name()
    docker("run", "--detach", "--network=none", f"--name={name}", *LIMITS, images.sidecar)
    try:
        # A start takes some 0.5 s of the processor: it is under way, and far from its end.
        wait_for(lambda: cpu_seconds(name) > 0.05, 30)
        log = subprocess.run(["docker", "logs", name], capture_output=True, check=True, timeout=60)
        assert b"the sidecar is ready" not in log.stdout + log.stderr

        docker("stop", "--time", "20", name)

        assert inspected(name)["State"]["ExitCode"] == 0
    finally:
        discard("rm", "--force", name)
