"""What ``make bench --check`` counts as a promise that was missed."""

import pytest

from tests.benchmarks.figures import Row


@pytest.mark.parametrize(("unit", "most"), [("", 6.0), ("MiB", 9.0), ("s", 18.0), ("ms", 18.0), ("%", 18.0)])
def test_time_and_memory_have_some_slack_and_a_count_has_none(unit: str, most: float) -> None:
    assert Row("of something", 0.0, unit, promised=6.0).most == most


def test_what_nobody_promised_is_not_missed() -> None:
    assert Row("of something", 1e9, "s").most is None
