"""docs/faults.md is held to the matrix, and what isn't observed anew stays as it is."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.faults.matrix import Fault, Group, Row
from tests.faults.page import MATRIX, SOAK, TEMPLATE, read_rows, section, tables, with_section

FULL = Fault(Group.DISK, "a full target")
ODD = Fault(Group.LOAD, "an id that holds `a|b` & <c>")
ROW = Row(FULL, "failed", 5, "insufficient_space", "it ran full", "nothing", 1.25)


def page_of(*rows: Row) -> str:
    faults = [row.fault for row in rows]
    return with_section(TEMPLATE.read_text(), MATRIX, tables(faults, dict(zip(faults, rows, strict=True)), {}))


def test_every_fault_has_its_row_in_docs_faults_md_and_no_row_is_there_without_its_fault() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--check"], capture_output=True, check=False, text=True
    )

    assert (said.returncode, said.stderr) == (0, ""), "`make faults` writes the page anew"


def test_a_row_says_what_was_seen() -> None:
    assert ROW.line() == "| a full target | failed | 5 | insufficient_space | it ran full | nothing | 1.2 s |"
    assert replace(ROW, seconds=34.7).line().endswith("| 35 s |")


def test_a_fault_is_found_again_by_its_name_whatever_is_in_it() -> None:
    rows = read_rows(page_of(ROW, replace(ROW, fault=ODD)))

    assert list(rows) == [FULL, ODD]


def test_what_was_not_run_keeps_its_row_and_what_is_no_fault_any_more_loses_it() -> None:
    gone, new = Fault(Group.DISK, "gone"), Fault(Group.DISK, "new")
    before = read_rows(page_of(ROW, replace(ROW, fault=gone)))

    after = tables([FULL, new], {new: replace(ROW, fault=new, message="seen")}, before)

    assert ROW.line() in after
    assert "| seen |" in after
    assert "gone" not in after


def test_each_generator_replaces_its_own_section() -> None:
    page = with_section(page_of(ROW), SOAK, "a table of an hour")

    written = with_section(page, MATRIX, "other tables")

    assert section(written, SOAK).strip() == "a table of an hour"
    assert section(written, MATRIX).strip() == "other tables"


def test_a_page_without_the_section_is_an_error() -> None:
    with pytest.raises(AssertionError, match="no section"):
        with_section("# a page", SOAK, "")
