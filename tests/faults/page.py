"""docs/faults.md as text: its sections between two comments each, and the rows in its tables."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.matrix import Fault, Group, Row

PAGE = Path(__file__).parents[2] / "docs/faults.md"
TEMPLATE = Path(__file__).with_name("page.md")
PLUGIN = "faults-page"
"""The name of the pytest plugin that writes the page; without it the page is only compared."""
MATRIX = "matrix"
SOAK = "soak"
_HEADER = (
    "| fault | state | exit | code | message | left on disk | told after |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


def section(page: str, name: str) -> str:
    """Give what stands between ``<!-- name -->`` and ``<!-- /name -->``."""
    return _find(page, name)[2]


def with_section(page: str, name: str, content: str) -> str:
    """Give the page with another content between the two comments, and all else as it is."""
    found = _find(page, name)
    return f"{page[: found.start(2)]}\n{content.strip()}\n{page[found.end(2) :]}"


def read_rows(page: str) -> dict[Fault, str]:
    """Give the line of each fault that the page tells of, in its order."""
    rows: dict[Fault, str] = {}
    group: Group | None = None
    for line in section(page, MATRIX).splitlines():
        if line.startswith("### "):
            group = Group(line.removeprefix("### "))
        elif line.startswith("| ") and line not in _HEADER:
            assert group is not None, "a table stands below its heading"
            name = line.split(" | ")[0].removeprefix("| ").replace("\\|", "|").replace("&lt;", "<")
            rows[Fault(group, name.replace("&amp;", "&"))] = line
    return rows


def tables(faults: Sequence[Fault], observed: Mapping[Fault, Row], before: Mapping[Fault, str]) -> str:
    """Give the tables: a row for each fault, as it was observed, else as the page has it."""
    parts = []
    for group in Group:
        lines = [
            observed[fault].line() if fault in observed else before.get(fault)
            for fault in faults
            if fault.group is group
        ]
        if any(lines):
            parts.append("\n".join([f"### {group}", "", *_HEADER, *filter(None, lines)]))
    return "\n\n".join(parts)


def _find(page: str, name: str) -> re.Match[str]:
    found = re.search(rf"(<!-- {name} -->)(.*?)(<!-- /{name} -->)", page, re.DOTALL)
    assert found is not None, f"the page has no section between <!-- {name} --> and <!-- /{name} -->"
    return found
