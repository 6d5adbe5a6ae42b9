"""A volume that answers nothing at all, as one of NFS whose server is gone: it holds up its own requests only."""

from pathlib import Path

import pytest

from tests.integration.disks import a_dead_volume
from tests.integration.serving import serving

pytestmark = pytest.mark.mounts


def test_a_check_of_a_dead_volume_tells_so_and_leaves_no_thread_for_each(tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    roots = f"{tmp_path}/rig/backups:{dead}"
    with (
        serving(tmp_path / "rig", "neo4j", settings={"NEO4J_BACKUP_ALLOWED_ROOTS": roots}) as rig,
        a_dead_volume(dead),
    ):
        task = Path(f"/proc/{rig.daemons[-1].pid}/task")
        rig.lines("facts", given={"path": f"{dead}/nightly"})
        before = len(list(task.iterdir()))
        rig.lines("facts", given={"path": f"{dead}/nightly"})
        told = rig.lines("facts", given={"path": f"{dead}/nightly"})

        checks = {line["check"]["name"]: line["check"] for line in told[:-1]}
        assert checks["target"]["state"] == "failed"
        assert checks["target"]["message"] == f"{dead}/nightly didn't answer within 5 s"
        assert len(list(task.iterdir())) == before


def test_a_request_for_a_dead_volume_holds_up_nobody_who_asks(tmp_path: Path) -> None:
    dead = tmp_path / "dead"
    roots = f"{tmp_path}/rig/backups:{dead}"
    with (
        serving(tmp_path / "rig", "neo4j", settings={"NEO4J_BACKUP_ALLOWED_ROOTS": roots}) as rig,
        a_dead_volume(dead),
    ):
        for name in ("one", "two", "three"):
            rig.target = dead / "nightly"
            assert rig.submit(name)["status"]["state"] == "queued"
        rig.post("posted")
        rig.wait_for_state("posted", "queued")

        assert rig.ask("probe").returncode == 0
        for name in ("one", "two", "three", "posted"):
            rig.lines("cancel", name)
            assert rig.wait_for_end(name)["state"] == "cancelled"
        rig.target = rig.backups / "nightly"
        rig.submit("well")
        assert rig.wait_for_end("well")["state"] == "succeeded"
