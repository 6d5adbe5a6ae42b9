"""Somebody removes files of the sidecar's own under it: who owns the volume stays clear, and couriers are answered."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.serving import failed_folder, serving
from tests.rig import Rig, wait_for

STANDS_BY = "another sidecar holds the lock: standing by"
BEGINS_AGAIN = "the request folder is gone; beginning again"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with serving(tmp_path / "rig", "neo4j") as rig:
        yield rig
        assert "defect" not in rig.log.read_text()


def test_a_lock_that_is_removed_gives_the_volume_to_no_second_sidecar_while_the_first_one_lives(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "hang", "stage": "end"}, "ignore_sigterm"])
    rig.submit("runs")
    rig.wait_for_output("Finished artifact creation")
    rig.set_knobs()
    rig.submit("waits")
    rig.start(ready=False)
    rig.wait_for_output(STANDS_BY)

    (rig.requests / "sidecar.lock").unlink()
    ended = rig.wait_for_end("runs")
    wait_for(lambda: rig.log.read_text().count(BEGINS_AGAIN) >= 2, 60)
    waited = rig.wait_for_end("waits")

    assert rig.document("runs") == ended, "a final document never changes"
    assert (waited["state"], len(rig.invocations())) == ("succeeded", 2), "nothing runs twice"
    assert rig.artifacts() == [waited["results"][0]["artifact"]], "and nobody set it aside"
    assert len(failed_folder(rig)) == 1
    wait_for(lambda: rig.ask("probe").returncode == 0, 30)


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_socket_that_is_taken_away_is_made_anew_and_ends_no_run(rig: Rig, how: str) -> None:
    rig.set_knobs(faults=[{"fault": "hang", "stage": "end"}])
    rig.submit("runs")
    rig.wait_for_output("Finished artifact creation")
    sidecar_socket = rig.requests / "sidecar.sock"

    sidecar_socket.unlink()
    if how == "replaced":
        sidecar_socket.touch()
    wait_for(lambda: rig.ask("probe").returncode == 0, 60)

    assert sidecar_socket.stat().st_mode & 0o777 == 0o600
    assert rig.lines("get", "runs")[0]["status"]["state"] == "running"
    rig.lines("cancel", "runs")
    assert rig.wait_for_end("runs")["state"] == "cancelled"


def test_a_sidecar_that_was_drained_starts_nothing_on_a_new_folder_either(rig: Rig) -> None:
    rig.lines("drain")
    rig.remove_requests()
    rig.requests.mkdir()
    rig.wait_for_output(BEGINS_AGAIN, 60)
    wait_for(lambda: rig.ask("probe").returncode == 0, 30)

    refused = rig.submit("after")

    assert (refused["error"]["code"], refused["error"].get("drained")) == ("sidecar_busy", True)
    assert rig.invocations() == []


def test_something_else_in_the_socket_s_place_keeps_nobody_from_the_mailbox(rig: Rig) -> None:
    rig.stop(rig.daemons[-1])
    (rig.requests / "sidecar.sock").mkdir()
    rig.start(ready=False)
    rig.wait_for_output("the sidecar's socket can't be made yet")

    rig.post("posted")

    assert rig.wait_for_end("posted")["state"] == "succeeded"
    (rig.requests / "sidecar.sock").rmdir()
    wait_for(lambda: rig.ask("probe").returncode == 0, 60)
