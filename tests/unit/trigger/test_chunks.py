"""Lines and Docker's frames are the same however the bytes that bring them are cut."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import TransportError
from trigger.transport.frames import Frames, Stream
from trigger.transport.lines import Lines, Tail


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\n", b""))), st.lists(st.integers(0, 200)))
def test_lines_are_the_same_however_they_are_cut(lines: list[bytes], cuts: list[int]) -> None:
    reader, found = Lines(), []

    for chunk in _cut(b"".join(line + b"\n" for line in lines) + b"rest", cuts):
        reader.feed(chunk)
        while (line := reader.take()) is not None:
            found.append(line)

    assert found == lines


@given(
    st.lists(st.tuples(st.sampled_from([Stream.STDOUT, Stream.STDERR]), st.binary(max_size=20))),
    st.lists(st.integers(0, 300)),
)
def test_frames_are_the_same_however_they_are_cut(frames: list[tuple[Stream, bytes]], cuts: list[int]) -> None:
    data = b"".join(struct.pack(">BxxxL", stream, len(payload)) + payload for stream, payload in frames)
    reader = Frames()
    found = {Stream.STDOUT: b"", Stream.STDERR: b""}

    for chunk in _cut(data, cuts):
        for stream, piece in reader.feed(chunk):
            found[stream] += piece

    for stream, payload in found.items():
        assert payload == b"".join(piece for of, piece in frames if of is stream)


@pytest.mark.parametrize("head", [b"HTTP/1.1", b"\x04\0\0\0\0\0\0\1", b"\x01\0\0\1\0\0\0\1"])
def test_what_is_no_frame_is_a_transport_error(head: bytes) -> None:
    with pytest.raises(TransportError, match="no frame"):
        list(Frames().feed(head))


def test_a_line_may_be_as_long_as_the_limit_and_no_longer() -> None:
    lines = Lines(limit=10)
    lines.feed(b"0123456789\n")

    assert lines.take() == b"0123456789"
    with pytest.raises(TransportError, match="more than 10 bytes"):
        lines.feed(b"0123456789a")


def test_a_tail_keeps_the_last_bytes() -> None:
    tail = Tail(limit=4)

    tail.feed(b"abc")
    tail.feed(b"def")

    assert tail.text() == "cdef"
