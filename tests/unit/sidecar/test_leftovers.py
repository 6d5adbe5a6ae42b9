"""What a run has left is set aside, unless that comes so late that it may be a later run's."""

import os
import time
from pathlib import Path

import pytest

from sidecar.leftovers import clean_up
from sidecar.run_record import RunRecord
from sidecar.target import open_target
from sidecar.target_lock import take
from tests.unit.artifacts import FULL

THERE = "neo4j-2026-11-22T06-15-59.backup"
NEW = "neo4j-2026-11-23T06-15-59.backup"


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """Give the record of a run to whose target an artifact has come since."""
    target = tmp_path / "nightly"
    target.mkdir()
    for name in (THERE, NEW):
        (target / name).write_bytes(bytes(FULL))
    temporary = str(tmp_path / "temporary")
    return RunRecord(
        id="cut-off", database="neo4j", target=str(target), listing=(THERE,), temporary=temporary, word="0" * 32
    )


def test_what_has_come_since_the_run_began_is_set_aside(record: RunRecord, tmp_path: Path) -> None:
    said = clean_up(record, (str(tmp_path),), stopped=lambda: False)

    assert f"{NEW} was set aside in .failed/" in said
    assert sorted(path.name for path in Path(record.target).iterdir()) == [".failed", THERE]


def test_nothing_is_set_aside_once_nobody_waits_for_it(record: RunRecord, tmp_path: Path) -> None:
    said = clean_up(record, (str(tmp_path),), stopped=lambda: True)

    assert "was not tidied" in said[0]
    assert sorted(path.name for path in Path(record.target).iterdir()) == [THERE, NEW]


def last_seen(record: RunRecord, ago: float) -> None:
    """Have the run's lock say that it lived so many seconds ago."""
    for path in (Path(record.temporary), Path(f"{record.temporary}.lock")):
        path.touch()
        os.utime(path, (time.time() - ago,) * 2)


@pytest.mark.parametrize(("ago", "lived", "stays"), [(3600, False, True), (3600, True, False), (60, False, False)])
def test_what_came_long_after_the_run_s_last_sign_of_life_is_not_its_own(
    record: RunRecord, tmp_path: Path, ago: float, lived: bool, stays: bool
) -> None:
    last_seen(record, ago)
    # Such as a copy that keeps its original's time.
    os.utime(Path(record.target, NEW), (0, 0))

    said = clean_up(record, (str(tmp_path),), stopped=lambda: False, lived=lived)

    assert Path(record.target, NEW).exists() is stays
    assert (f"{NEW} is later than the run, so that it is none of its own, and stays" in said) is stays


def test_nothing_is_set_aside_where_another_sidecar_is_at_work(record: RunRecord, tmp_path: Path) -> None:
    with open_target(record.target, (str(tmp_path),), create=False) as target:
        other = take(target, "neo4j", (str(tmp_path),))
        assert other is not None
        said = clean_up(record, (str(tmp_path),), stopped=lambda: False)
        other.release()

    assert "another sidecar is backing up neo4j into" in said[0]
    assert Path(record.target, NEW).exists()
