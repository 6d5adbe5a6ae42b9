"""A differential is no better than what it builds on, and a record is believed only where our documents bear it out."""

import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sidecar.run import WALKING
from tests.faults import halting
from tests.rig import Rig, a_rig, wait_for
from tests.standin import server


def cut(folder: Path, names: list[str]) -> str:
    """Cut the full backup's body."""
    os.truncate(folder / names[0], (folder / names[0]).stat().st_size - 1)
    return names[0]


def cut_differential(folder: Path, names: list[str]) -> str:
    os.truncate(folder / names[1], (folder / names[1]).stat().st_size - 1)
    return names[1]


def behead(folder: Path, names: list[str]) -> str:
    """Leave nothing of the full backup that says what it is."""
    size = (folder / names[0]).stat().st_size
    (folder / names[0]).write_bytes(bytes(size))
    return names[0]


DAMAGES: dict[str, Callable[[Path, list[str]], str]] = {
    "a full backup that is cut": cut,
    "a differential that is cut": cut_differential,
    "a full backup without a head": behead,
}


def made(document: dict[str, Any]) -> str:
    assert document["state"] == "succeeded", document
    (result,) = document["results"]
    type_: str = result["type"]
    return type_


def back_up(rig: Rig, name: str, type_: str) -> dict[str, Any]:
    server.commit(rig.data, "neo4j", 10)
    # Each artifact is named after another second, and none after this one, for which a run would wait.
    rig.set_knobs(clock=len(rig.documents()) - 10_000)
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
        assert len(rig.invocations()) == 2, "neo4j-admin was run for nothing"
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


@pytest.mark.parametrize("damage", DAMAGES)
def test_auto_takes_a_full_backup_at_once_where_what_it_would_build_on_is_damaged(tmp_path: Path, damage: str) -> None:
    with a_rig(tmp_path / "rig") as rig:
        daemon = rig.start()
        back_up(rig, "full", "FULL")
        back_up(rig, "diff", "AUTO")
        lay_there = set(rig.artifacts())
        damaged = DAMAGES[damage](rig.target, rig.artifacts())

        mended, following = back_up(rig, "mended", "AUTO"), back_up(rig, "following", "AUTO")

        assert (made(mended), made(following)) == ("FULL", "DIFF")
        (warning,) = mended["warnings"]
        assert damaged in warning
        assert "makes a full backup instead" in warning
        assert "--type=FULL" in rig.invocations()[2]["argv"]
        assert not any("makes a full" in each for each in following["warnings"])
        assert len(rig.artifacts()) == 4
        assert lay_there <= set(rig.artifacts()), "nothing that lay there before is moved"
        rig.stop(daemon)


def test_where_differentials_are_preferred_a_damaged_one_is_left_for_the_full_backup_that_mended_it(
    tmp_path: Path,
) -> None:
    with a_rig(tmp_path / "rig", version="2025.10.0") as rig:
        rig.environment["NEO4J_BACKUP_PREFER_DIFF_AS_PARENT"] = "yes"
        daemon = rig.start()
        back_up(rig, "full", "FULL")
        back_up(rig, "diff", "DIFF")
        cut_differential(rig.target, rig.artifacts())

        documents = [back_up(rig, name, "AUTO") for name in ("mended", "following", "as-ever")]

        assert [made(document) for document in documents] == ["FULL", "DIFF", "DIFF"]
        assert ["without --prefer" in " ".join(document["warnings"]) for document in documents] == [False, True, False]
        assert ["--prefer-diff-as-parent" in run["argv"] for run in rig.invocations()[2:]] == [True, False, True]
        rig.stop(daemon)


def test_a_damaged_head_beside_a_chain_that_is_whole_is_told_and_holds_nothing_up(tmp_path: Path) -> None:
    with a_rig(tmp_path / "rig") as rig:
        daemon = rig.start()
        back_up(rig, "full", "FULL")
        back_up(rig, "diff", "DIFF")
        damaged = rig.artifacts()[-1]
        (rig.target / damaged).write_bytes(b"")

        document = back_up(rig, "next", "AUTO")

        assert made(document) == "DIFF"
        assert [damaged in warning for warning in document["warnings"]] == [True]
        rig.stop(daemon)


def test_a_full_backup_that_damage_makes_needful_needs_a_full_ones_room(tmp_path: Path) -> None:
    with a_rig(tmp_path / "rig") as rig:
        daemon = rig.start()
        back_up(rig, "full", "FULL")
        full = rig.target / rig.artifacts()[0]
        # A new one is foreseen to be as large, which no disk here has room for; a differential would fit.
        os.truncate(full, 8 << 40)

        document = back_up(rig, "nightly", "AUTO")

        assert document["code"] == "insufficient_space"
        assert full.name in document["message"]
        assert len(rig.invocations()) == 1
        rig.stop(daemon)


@pytest.mark.parametrize(("word", "code"), [("cancel", "backup_cancelled"), ("drain", "backup_interrupted")])
def test_reading_what_a_differential_would_build_on_ends_when_the_request_is_to_end(
    tmp_path: Path, word: str, code: str
) -> None:
    with a_rig(tmp_path / "rig") as rig:
        first = rig.start()
        back_up(rig, "full", "FULL")
        rig.stop(first)
        second = rig.start((sys.executable, halting.__file__, halting.WALK_SLOWLY))
        rig.post("nightly", "AUTO")
        rig.wait_for_output(halting.STANDS_STILL)

        assert rig.lines("get", "nightly")[0]["status"]["progress"]["stage"] == WALKING
        rig.ask(word, *(["nightly"] if word == "cancel" else []))
        document = rig.wait_for_end("nightly")

        assert document["code"] == code
        assert len(rig.invocations()) == 1
        # The copy of its status is still to come.
        wait_for(lambda: rig.leftovers() == [], 10)
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
