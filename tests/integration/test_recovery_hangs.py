"""A daemon starts while the volume of a backup that was cut off hangs: it says so, and doesn't wait for ever."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.disks import a_disk_that_may_hang, hanging
from tests.integration.serving import serving
from tests.rig import wait_for

pytestmark = pytest.mark.mounts
PATIENT = "import sys, sidecar.recovery as r; from sidecar.main import main; r.TIDY_SECONDS = 6; main()"
"""The daemon, with less patience for a volume; what follows is its verb."""


def test_a_target_that_hangs_at_the_daemon_s_start_keeps_nobody_in_progress_for_ever(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "rig", "neo4j") as rig,
        a_disk_that_may_hang(rig.backups, tmp_path / "image") as disk,
    ):
        rig.set_knobs(faults=[{"fault": "hang", "stage": "end"}])
        rig.submit("cut-off")
        rig.wait_for_output("Finished artifact creation")
        with hanging(disk):
            rig.stop(rig.daemons[-1], 9)
            rig.start((sys.executable, "-I", "-c", PATIENT, "run"), ready=False)

            told: list[dict[str, Any]] = []

            def lives() -> bool:
                told[:] = [json.loads(line) for line in rig.ask("probe").stdout.splitlines()]
                return "lives" in str(told)

            wait_for(lives, 30)
            assert (told[-1]["error"]["code"], told[-1]["error"]["retryable"]) == ("transport_error", True)
            document = rig.wait_for_end("cut-off", 60)
            wait_for(lambda: rig.ask("probe").returncode == 0, 30)

        assert document["code"] == "backup_interrupted"
        assert "doesn't answer and was not tidied" in document["message"]
        rig.set_knobs()
        rig.submit("after")
        assert rig.wait_for_end("after")["state"] == "succeeded"
        wait_for(lambda: rig.leftovers() == [], 15)
