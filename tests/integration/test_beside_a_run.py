"""What others see of a run while it lives, and what it gives back after its end."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.run_lock import LOCK_SUFFIX
from sidecar.temporary import HIDDEN
from tests.integration.serving import serving
from tests.rig import Rig, wait_for

TELLS_OF_MEMORY = """
import os
from pathlib import Path
from sidecar import main, session
session.give_back = lambda: Path(os.environ["TOLD"]).touch()
main.main()
"""
SHOWS_LIFE_OFTEN = """
from sidecar import execution, main
execution._LIFE_SECONDS = 0.1
main.main()
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with serving(tmp_path / "rig", "neo4j") as rig:
        yield rig


def test_the_lock_of_a_run_is_newer_than_its_start_and_goes_with_it(rig: Rig) -> None:
    rig.stop(rig.daemons[-1])
    rig.start((sys.executable, "-c", SHOWS_LIFE_OFTEN, "run"))
    rig.set_knobs(faults=[{"fault": "hang", "stage": "artifact"}])
    rig.submit("hangs")
    wait_for(lambda: rig.invocations() != [], 30)
    [start] = rig.invocations()

    def locks() -> list[Path]:
        return list((rig.backups / HIDDEN).glob(f"*{LOCK_SUFFIX}"))

    [lock] = locks()
    wait_for(lambda: lock.stat().st_mtime > float(start["time"]), 30)
    rig.lines("cancel", "hangs")
    rig.wait_for_end("hangs")

    assert locks() == []


@pytest.mark.parametrize("slashes", ["", "//"])
def test_what_a_run_has_written_half_is_no_failure_of_check(rig: Rig, slashes: str) -> None:
    rig.set_knobs(faults=["truncated_artifact", {"fault": "hang", "stage": "end"}])
    rig.submit("half")
    rig.wait_for_output("Finished artifact creation")

    checks = [line["check"] for line in rig.lines("facts", given={"path": f"{rig.target}{slashes}"}) if "check" in line]
    rig.lines("cancel", "half")
    rig.wait_for_end("half")

    [artifacts] = [check for check in checks if check["name"] == "artifacts"]
    assert artifacts["state"] == "unknown"
    assert "A backup writes there now" in artifacts["hint"]


def test_what_a_request_has_freed_goes_back_to_the_system_after_it(rig: Rig) -> None:
    rig.stop(rig.daemons[-1])
    told = rig.folder / "given-back"
    rig.environment["TOLD"] = str(told)
    rig.start((sys.executable, "-c", TELLS_OF_MEMORY, "run"))

    rig.submit("one")
    rig.wait_for_end("one")

    wait_for(told.exists, 30)
