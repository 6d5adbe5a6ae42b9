"""Runs the fault matrix and writes docs/faults.md: ``python -m tests.faults [--check | pytest's options]``.

With ``-k`` only those rows are new. What a machine can't run keeps its row, and that is said.
``--check`` runs nothing and says whether the page has a row for each fault and no other.
"""

import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from tests.faults.matrix import MARK, Fault, Row, Tier, fault_of, tier_of
from tests.faults.page import MATRIX, PAGE, PLUGIN, SOAK, TEMPLATE, read_rows, section, tables, with_section
from tests.faults.recording import PROPERTY


class Observer:
    """Sees which faults there are, before any is deselected, and the rows of those whose tests pass."""

    def __init__(self) -> None:
        # By this name pytest registers it.
        self.__name__ = PLUGIN
        self.faults: dict[Fault, Tier | None] = {}
        self.rows: dict[Fault, Row] = {}
        self.twice: list[Fault] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Note the faults, in the order of their tests."""
        for item in items:
            if (fault := fault_of(item)) is not None:
                self.twice += [fault] * (fault in self.faults)
                self.faults[fault] = tier_of(item)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the row of a test that has passed to its very end."""
        if report.when == "teardown" and report.passed:
            for name, row in report.user_properties:
                if name == PROPERTY and isinstance(row, Row):
                    self.rows[row.fault] = row


def main(arguments: list[str]) -> int:
    """Do as asked; 1 where a test fails, or where the page lacks a row."""
    if paths := [word for word in arguments if Path(word.partition("::")[0]).exists()]:
        print(f"make faults: {paths[0]} is a path; choose by -k, so that all faults are seen", file=sys.stderr)
        return 2
    observer = Observer()
    if arguments == ["--check"]:
        with redirect_stdout(StringIO()) as said:
            status = pytest.main(["--collect-only", "--quiet", "-m", MARK], plugins=[observer])
        problems = _differences(observer, read_rows(PAGE.read_text()))
        problems += [f"the tests can't be collected: {said.getvalue()}"] * (status != pytest.ExitCode.OK)
    else:
        status = pytest.main(["-m", MARK, *arguments], plugins=[observer])
        if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            print("make faults: the page is as it was", file=sys.stderr)
            return 1
        _write(observer)
        problems = _differences(observer, read_rows(PAGE.read_text()))
        problems += ["a test failed, and its row is not written"] * (status != pytest.ExitCode.OK)
    for problem in problems:
        print(f"make faults: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _differences(observer: Observer, rows: dict[Fault, str]) -> list[str]:
    return [
        *(f"two tests show this fault: {fault.name}" for fault in observer.twice),
        *(f"the page has no row of this fault: {fault.name}" for fault in observer.faults.keys() - rows.keys()),
        *(f"the page has a row of what is no fault: {fault.name}" for fault in rows.keys() - observer.faults.keys()),
    ]


def _write(observer: Observer) -> None:
    before = read_rows(PAGE.read_text()) if PAGE.exists() else {}
    page = with_section(TEMPLATE.read_text(), MATRIX, tables(list(observer.faults), observer.rows, before))
    if PAGE.exists():
        page = with_section(page, SOAK, section(PAGE.read_text(), SOAK))
    PAGE.write_text(page)
    kept = [fault for fault in observer.faults if fault in before and fault not in observer.rows]
    print(f"make faults: {len(observer.rows)} rows are new; {len(kept)} were not run or failed, and are as they were")
    for fault in kept:
        tier = observer.faults[fault]
        print(f"make faults: kept: {fault.name}{f' (needs {tier})' if tier else ''}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
