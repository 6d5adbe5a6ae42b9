"""A differential is no better than what it builds on, and a record is believed only where our documents bear it out."""

import json
import os
import secrets
from pathlib import Path

from tests.rig import Rig, a_rig
from tests.standin import server


def back_up(rig: Rig, name: str, type_: str) -> dict[str, object]:
    server.commit(rig.data, "neo4j", 10)
    rig.post(name, type_)
    return rig.wait_for_end(name)


def test_a_differential_on_a_full_backup_that_was_cut_since_is_not_called_good(tmp_path: Path) -> None:
    with a_rig(tmp_path / "rig") as rig:
        daemon = rig.start()
        assert back_up(rig, "full", "FULL")["state"] == "succeeded"
        assert back_up(rig, "diff", "DIFF")["state"] == "succeeded"
        full, diff = (rig.target / name for name in rig.artifacts())
        os.truncate(full, full.stat().st_size // 2)

        document = back_up(rig, "on-damage", "DIFF")

        assert (document["state"], document["code"]) == ("failed", "artifact_unverified")
        assert full.name in str(document["message"])
        assert "FULL" in str(document["hint"])
        assert rig.artifacts() == [full.name, diff.name]
        assert back_up(rig, "new-full", "FULL")["state"] == "succeeded"
        assert back_up(rig, "new-diff", "DIFF")["state"] == "succeeded"
        rig.stop(daemon)


def test_a_damaged_differential_in_the_middle_is_found_too(tmp_path: Path) -> None:
    with a_rig(tmp_path / "rig") as rig:
        first = rig.start()
        for name, type_ in (("full", "FULL"), ("one", "DIFF"), ("two", "DIFF")):
            assert back_up(rig, name, type_)["state"] == "succeeded"
        middle = rig.target / rig.artifacts()[1]
        os.truncate(middle, middle.stat().st_size - 1)
        rig.stop(first)
        second = rig.start()

        document = back_up(rig, "three", "DIFF")

        assert (document["code"], middle.name in str(document["message"])) == ("artifact_unverified", True)
        rig.stop(second)


def test_a_record_that_a_stranger_put_there_sets_no_good_artifact_aside(tmp_path: Path) -> None:
    with a_rig(tmp_path / "rig") as rig:
        first = rig.start()
        back_up(rig, "full", "FULL")
        good = rig.artifacts()
        rig.stop(first)
        record = {
            "id": "full",
            "database": "neo4j",
            "target": str(rig.target),
            "listing": [],
            "temporary": str(rig.backups / ".neo4j-backup-tmp" / f".run-{'0' * 32}"),
            "word": secrets.token_hex(16),
        }
        (rig.requests / "run.json").write_text(json.dumps(record))

        second = rig.start()

        assert rig.artifacts() == good
        assert rig.leftovers() == []
        rig.stop(second)


def test_a_temporary_folder_on_another_file_system_has_a_reserve_too(tmp_path: Path) -> None:
    with a_rig(tmp_path / "rig", size=4 << 20) as rig:
        elsewhere = Path("/dev/shm") / f"neo4j-backup-{secrets.token_hex(4)}"
        free = os.statvfs("/dev/shm")
        rig.environment["NEO4J_BACKUP_TEMP"] = str(elsewhere)
        rig.environment["NEO4J_BACKUP_RESERVE"] = str(free.f_bavail * free.f_frsize - (6 << 20))
        rig.set_knobs(rate=2 << 20)
        elsewhere.mkdir()
        filling = elsewhere / "filling"
        daemon = rig.start()
        try:
            rig.post("one")
            rig.wait_for_output("Start receiving store files")
            filling.write_bytes(b"x" * (8 << 20))

            document = rig.wait_for_end("one")

            assert document["code"] == "insufficient_space"
            assert str(elsewhere) in document["message"]
            assert rig.processes() == []
        finally:
            rig.stop(daemon)
            filling.unlink(missing_ok=True)
            elsewhere.rmdir()
