"""Where inotify has no watch left, the daemon goes on by looking."""

import subprocess
from pathlib import Path

import pytest

from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder
from tests.rig import DAEMON, a_rig
from tests.tiers import require

# The limit is one of a user namespace, so that nobody else is short of watches.
NO_WATCHES = 'echo 0 > /proc/sys/user/max_inotify_watches && exec "$@"'
WITHOUT_WATCHES = ("unshare", "--user", "--map-root-user", "sh", "-c", NO_WATCHES, "sh")


@pytest.mark.mounts
@fault(Group.DISK, "inotify's watches are used up")
def test_a_request_is_taken_also_where_nothing_tells_of_it(tmp_path: Path, row: Recorder) -> None:
    asked = subprocess.run([*WITHOUT_WATCHES, "true"], capture_output=True, check=False)
    require("mounts", asked.returncode == 0, "no user namespace may be made here")
    with a_rig(tmp_path / "rig", "neo4j") as rig:
        daemon = rig.start((*WITHOUT_WATCHES, *DAEMON))
        rig.wait_for_output("the folder can't be watched")

        row.strike()
        rig.post("nightly")
        document = rig.wait_for_end("nightly", 60)
        row.ended(rig, document)

        assert document["state"] == "succeeded"
        rig.stop(daemon)
