"""A stream becomes lines of bounded length, however it was cut."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.neo4j_admin.lines import LineSplitter


def split(chunks: list[bytes], limit: int = 100) -> list[bytes]:
    splitter = LineSplitter(limit)
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    return [*lines, *splitter.rest()]


@given(st.lists(st.binary(max_size=30).map(lambda data: data.replace(b"x", b"\n"))))
def test_lines_do_not_depend_on_how_the_stream_was_cut(chunks: list[bytes]) -> None:
    stream = b"".join(chunks)

    lines = split(chunks, limit=10_000)

    assert lines == (stream.removesuffix(b"\n").split(b"\n") if stream else [])


@given(st.lists(st.binary(max_size=300)))
def test_no_line_is_longer_than_the_limit(chunks: list[bytes]) -> None:
    assert all(len(line) <= 100 for line in split(chunks))


@given(st.integers(101, 500), st.integers(1, 500))
def test_a_long_line_says_how_much_is_left_out(length: int, chunk: int) -> None:
    stream = b"x" * length + b"\nnext"
    chunks = [stream[begin : begin + chunk] for begin in range(0, len(stream), chunk)]

    long, following = split(chunks)

    assert following == b"next"
    kept = len(long) - len(long.lstrip(b"x"))
    assert long[kept:] == b" [%d more bytes of this line are left out]" % (length - kept)


def test_a_long_line_is_one_line_and_no_part_of_it_begins_another() -> None:
    hostile = b"x" * 100 + b"Finished artifact creation 'a.backup' for database 'a', took 1ms."

    lines = split([hostile[:100], hostile[100:], b"\n"])

    assert len(lines) == 1
    assert b"Finished" not in lines[0]


def test_the_bytes_left_out_of_one_line_are_not_counted_for_the_next() -> None:
    first, second = split([b"x" * 150 + b"\n" + b"y" * 120 + b"\n"])

    assert first.endswith(b"[%d more bytes of this line are left out]" % (150 - first.count(b"x")))
    assert second.endswith(b"[%d more bytes of this line are left out]" % (120 - second.count(b"y") + 1))
