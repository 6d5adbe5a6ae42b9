"""What ``make bench --check`` counts as a promise that was missed."""

import pytest

from tests.benchmarks.figures import Row


@pytest.mark.parametrize(("unit", "most"), [("", 6.0), ("MiB", 9.0), ("s", 18.0), ("ms", 18.0), ("%", 18.0)])
def test_time_and_memory_have_some_slack_and_a_count_has_none(unit: str, most: float) -> None:
    assert Row("of something", 0.0, unit, promised=6.0).most == most


def test_what_nobody_promised_is_not_missed() -> None:
    assert Row("of something", 1e9, "s").most is None


@pytest.mark.parametrize(("unit", "missed"), [("", True), ("MiB", True), ("s", False), ("ms", False), ("%", False)])
def test_on_a_slow_machine_a_time_has_as_many_times_the_room_and_nothing_else_has(unit: str, missed: bool) -> None:
    row = Row("of something", 20.0, unit, promised=6.0)

    assert row.missed(1.0) != []
    assert (row.missed(1.5) != []) == missed


def test_what_takes_no_less_than_the_other_side_is_missed_on_whatever_machine() -> None:
    assert Row("of something", 2.0, "s", promised=6.0, other=2.5).missed(1.0) == []
    assert Row("of something", 2.0, "s", promised=6.0, other=2.0).missed(9.0) == [
        "of something: 2.00 s, and without us 2.00"
    ]
