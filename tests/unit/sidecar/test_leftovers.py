"""What a run has left is set aside, unless that comes so late that it may be a later run's."""

from pathlib import Path

import pytest

from sidecar.leftovers import clean_up
from sidecar.run_record import RunRecord
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
