"""Lines are read strictly, whoever wrote them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire import WireError, decode, encode, is_id, is_request_name

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES))
def test_what_was_encoded_is_one_line_and_decodes_to_the_same(value: dict[str, object]) -> None:
    line = encode(value)

    assert line.count(b"\n") == 1
    assert line.isascii()
    assert decode(line) == value


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1, "a": 2}', "the key 'a' is there twice"),
        (b'{"b": {"a": 1, "a": 2}}', "the key 'a' is there twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 5_000, "nested too deeply"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "nested too deeply"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested too deeply"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": 1e999}', "1e999 is too large a number"),
        (b'{"a": [-1.5E+400]}', "too large a number"),
        (b'{"a": "\\udc00"}', "not valid Unicode"),
        (b'{"\\ud800": 1}', "not valid Unicode"),
        (b'{"a": "\xff"}', "not valid Unicode"),
        (b"", "not valid JSON"),
        (b'{"a": 1} {', "not valid JSON"),
        (b'"text"', "this is a JSON string"),
        (b"null", "this is a JSON constant"),
        (b"[]", "this is a JSON list"),
        (b"1", "this is a JSON number"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "not valid JSON"),
    ],
)
def test_what_is_no_plain_object_is_refused_with_the_reason(data: bytes, said: str) -> None:
    with pytest.raises(WireError, match=said):
        decode(data)


def test_what_nests_as_deep_as_it_may_is_read_however_wide_it_is() -> None:
    deepest: dict[str, object] = {"a": []}
    for _ in range(62):
        deepest = {"a": deepest, "b": [[], {}]}

    assert decode(encode(deepest)) == deepest


@given(st.binary(max_size=200))
def test_no_bytes_do_more_harm_than_a_refusal(data: bytes) -> None:
    try:
        found = decode(data)
    except WireError:
        return
    assert json.loads(data) == found


@pytest.mark.parametrize("text", ["a", "A-1.b_c", "9" * 128])
def test_an_id_may_be(text: str) -> None:
    assert is_id(text)
    assert is_request_name(f"{text}~2")
    assert is_request_name(f"{text}~3")


@pytest.mark.parametrize("text", ["", "-a", ".a", "a/b", "a~2", "a b", "a\n", "ä", "a" * 129, "a\0"])
def test_an_id_may_not_be(text: str) -> None:
    assert not is_id(text)


@pytest.mark.parametrize("text", ["a~1", "a~4", "a~22", "~2", "a~2\n"])
def test_there_are_three_attempts(text: str) -> None:
    assert not is_request_name(text)
