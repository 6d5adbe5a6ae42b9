"""Each image's lock asks for the libraries that its program imports, and for no others."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = {"shared", "sidecar", "trigger"}
LIBRARY_OF = {"yaml": "pyyaml", "websocket": "websocket-client"}
"""Where a module isn't called what its library is."""
DIRECT = "# via neo4j-backup (pyproject.toml)"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\$")
HASH = re.compile(r"^ +--hash=sha256:[0-9a-f]{64}( \\)?$")


@pytest.mark.parametrize("program", ["sidecar", "trigger"])
def test_we_ask_for_what_we_import_ourselves_and_for_nothing_else(program: str) -> None:
    asked_for = {library for library, lines in locked(program).items() if is_direct(lines)}

    assert asked_for == imported("shared", program)


@pytest.mark.parametrize("lock", ["build.lock", "sidecar/requirements.lock", "trigger/requirements.lock"])
def test_every_library_of_a_lock_is_pinned_with_its_hashes(lock: str) -> None:
    lines = (ROOT / "images" / lock).read_text().splitlines()

    wrong = [line for line in lines if not (PINNED.match(line) or HASH.match(line) or line.lstrip()[:1] in ("", "#"))]

    assert wrong == []
    assert sum(bool(PINNED.match(line)) for line in lines) <= sum(bool(HASH.match(line)) for line in lines)


def imported(*packages: str) -> set[str]:
    """Give the libraries that the modules of our packages import, wherever in them."""
    found: set[str] = set()
    for package in packages:
        for module in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(module.read_text())):
                if isinstance(node, ast.Import):
                    found.update(alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found.add(node.module.partition(".")[0])
    return {LIBRARY_OF.get(name, name) for name in found - OWN - sys.stdlib_module_names}


def locked(program: str) -> dict[str, list[str]]:
    """Give what a lock says of each of its libraries."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (ROOT / "images" / program / "requirements.lock").read_text().splitlines():
        if pinned := PINNED.match(line):
            lines = found.setdefault(pinned[1], [])
        lines.append(line.strip())
    return found


def is_direct(lines: list[str]) -> bool:
    """Say whether a library is there because our own metadata asks for it."""
    return DIRECT in lines or DIRECT.replace("# via ", "#   ") in lines
