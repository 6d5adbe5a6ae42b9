"""How many cases the fuzz tests have run."""

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzz.cases import promised, ran

CASES = 100_000
MODULES = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py"))


def test_a_hundred_thousand_cases_are_promised() -> None:
    for name in MODULES:
        importlib.import_module(f"tests.fuzz.{name}")

    assert sum(promised.values()) >= CASES, promised


def test_a_hundred_thousand_cases_were_run(record_property: Callable[[str, object], None]) -> None:
    if missing := sorted(name for name in promised if name not in ran):
        pytest.skip(f"only where all fuzz tests run; these didn't: {', '.join(missing)}")
    print(f"\n{sum(ran.values())} cases were run: {dict(ran)}")
    record_property("cases", sum(ran.values()))

    assert sum(ran.values()) >= CASES, dict(ran)
