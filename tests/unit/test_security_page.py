"""docs/security.md names a test for each thing that it claims, and each is there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text()
NAMED = sorted(set(re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", PAGE)))


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_it_names_is_there() -> None:
    missing = [
        f"{file}::{name}" for file, name in NAMED if not (ROOT / file).exists() or name not in functions_of(ROOT / file)
    ]

    assert missing == []
    assert len(NAMED) > 50


def test_every_row_of_a_table_names_a_test() -> None:
    rows = [
        line for line in PAGE.splitlines() if line.startswith("| ") and not re.match(r"\| (---|what|with|rule)", line)
    ]

    assert len(rows) > 25
    assert [row for row in rows if "::test_" not in row] == []


def test_the_readme_leads_to_it() -> None:
    assert "(docs/security.md)" in (ROOT / "README.md").read_text()
