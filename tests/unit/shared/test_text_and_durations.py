"""What comes from outside can't drive a terminal, and durations are read as people write them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.durations import format_duration, parse_duration
from shared.text import printable


@given(st.text() | st.text(alphabet=st.characters(categories=("Cc", "Cf", "Cs", "Zl", "Zp"))))
def test_no_control_or_invisible_character_is_left(text: str) -> None:
    shown = printable(text)

    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode("utf-8")


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_limit_holds_whatever_the_escapes_add(text: str, limit: int) -> None:
    assert len(printable(text, limit)) <= limit


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("a\x1b[2Jb", "a\\x1b[2Jb"), ("a\nb", "a\\nb"), ("a\u202eb", "a\\u202eb"), ("é 写", "é 写")],
)
def test_what_is_hidden_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("24h", 86_400), (" 5m ", 300)])
def test_a_duration_is(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-1", "1.5h", "1d", "5 m", "٣", "1h30m", "9" * 12])
def test_a_duration_is_not(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        parse_duration(text)


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0s"), (59.9, "59s"), (185, "3m05s"), (7385, "2h03m")])
def test_a_duration_is_told_shortly(seconds: float, shown: str) -> None:
    assert format_duration(seconds) == shown
