"""What a daemon leaves on the disks is for its own user and group, whatever its umask lets through."""

import os
import stat
from pathlib import Path

from tests.integration.serving import serving
from tests.rig import wait_for


def modes(folder: Path) -> dict[str, int]:
    """Give the mode of each file and folder below ``folder``, by its path from there."""
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}


def test_files_are_0640_folders_0750_and_the_socket_0600_under_a_umask_of_0(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        with serving(tmp_path / "rig", "neo4j") as rig:
            rig.post("good", path=str(rig.backups / "a/b"))
            rig.wait_for_end("good")
            rig.set_knobs(faults=["fail"])
            rig.submit("bad")
            rig.wait_for_end("bad")
            (rig.requests / "backup.request").write_text("7")
            wait_for(lambda: any((rig.requests / "refused").iterdir()), 15)
            wait_for(lambda: rig.leftovers() == [], 15, lambda: str(rig.leftovers()))

            volume, roots = modes(rig.requests), modes(rig.backups)
    finally:
        os.umask(umask)

    assert volume.pop("sidecar.sock") == 0o600
    assert {name for name in volume if "." not in name} == {"status", "logs", "refused"} | {
        name for name in volume if name.startswith("refused/")
    }
    for name, mode in volume.items():
        assert mode == (0o750 if name in ("status", "logs", "refused") else 0o640), name
    # Artifacts are neo4j-admin's own, in folders that nobody else may enter.
    assert {name: mode for name, mode in roots.items() if ".backup" not in name} == {
        "a": 0o750,
        "a/b": 0o750,
        "nightly": 0o750,
    }
