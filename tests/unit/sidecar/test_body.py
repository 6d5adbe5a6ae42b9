"""The body of an artifact is whole, or it fails: cut anywhere, continued, torn or hollow."""

import contextlib
import io
import time
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.artifact import DamagedArtifact, Head, UnknownFormat
from sidecar.body import check_body
from sidecar.head import read_head
from tests.unit.artifacts import CONTENT, FULL, SMALL, block, block_starts, pax, tar_entry, zstd_frame

MAGICS = ("BTV1", "BTV2", "BZV1", "BZV2", "BZV3")
FRAME = b"\x28\xb5\x2f\xfd"
END = bytes(1024)


class Sparse(io.BytesIO):
    """A file with ``hole`` bytes of nothing at ``at``, for sizes that no test wants to write."""

    def __init__(self, data: bytes, at: int, hole: int) -> None:
        super().__init__(data)
        self.start, self.hole, self.place = at, hole, 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.place = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        data = self.getvalue()
        taken = bytearray()
        for place in range(self.place, self.place + size):
            if place < self.start:
                taken += data[place : place + 1]
            elif place < self.start + self.hole:
                taken += b"\0"
            else:
                taken += data[place - self.hole : place - self.hole + 1]
        self.place += len(taken)
        return bytes(taken)


def judge(data: bytes) -> None:
    file = io.BytesIO(data)
    check_body(file, read_head(file), len(data))


def damage(data: bytes, head: Head | None = None) -> str:
    file = io.BytesIO(data)
    with pytest.raises(DamagedArtifact) as caught:
        check_body(file, head or read_head(file), len(data))
    return caught.value.reason


def tar_artifact(tar: bytes) -> bytes:
    return b"BTV2" + SMALL.but(magic="BTV2").metadata() + tar


def zstd_artifact(frame: bytes) -> bytes:
    return b"BZV3" + SMALL.but(magic="BZV3").metadata() + frame


HEAD_OF_TAR = read_head(io.BytesIO(tar_artifact(b"")))
HEAD_OF_FRAME = read_head(io.BytesIO(zstd_artifact(b"")))


@pytest.mark.parametrize("magic", MAGICS)
def test_a_whole_artifact_is_whole(magic: str) -> None:
    judge(bytes(FULL.but(magic=magic)))
    judge(bytes(SMALL.but(magic=magic)))
    judge(bytes(SMALL.but(magic=magic, files=())))


@pytest.mark.parametrize("magic", MAGICS)
def test_cut_at_any_byte_it_fails(magic: str) -> None:
    whole = bytes(SMALL.but(magic=magic))

    for end in range(len(whole)):
        file = io.BytesIO(whole[:end])
        with pytest.raises(DamagedArtifact):
            check_body(file, read_head(file), end)


@pytest.mark.parametrize("magic", ["BZV1", "BZV2", "BZV3"])
def test_cut_at_around_and_inside_each_block_it_fails(magic: str) -> None:
    whole = bytes(FULL.but(magic=magic))
    head = read_head(io.BytesIO(whole))
    starts = list(block_starts(whole, head.body_offset))
    assert len(starts) > 6
    assert starts[-1] + 4 == len(whole)

    for start in starts:
        for end in range(start - 3, min(start + 5, len(whole))):
            damage(whole[:end], head)


@pytest.mark.parametrize("magic", ["BTV1", "BTV2"])
def test_a_tar_stream_cut_at_each_of_its_blocks_fails(magic: str) -> None:
    whole = bytes(FULL.but(magic=magic))
    head = read_head(io.BytesIO(whole))

    for end in range(head.body_offset, len(whole), 512):
        damage(whole[:end], head)


@pytest.mark.parametrize("magic", MAGICS)
@pytest.mark.parametrize("trailing", [b"\0", b"\0" * 512, b"x", FRAME + bytes(20)])
def test_anything_after_the_end_fails(magic: str, trailing: bytes) -> None:
    assert f"{len(trailing)} bytes after" in damage(bytes(FULL.but(magic=magic)) + trailing)


@pytest.mark.parametrize("magic", MAGICS)
def test_a_second_body_after_the_first_fails(magic: str) -> None:
    sample = SMALL.but(magic=magic)

    assert "after" in damage(bytes(sample) + (sample.tar() if "T" in magic else zstd_frame(b"zstd")))


def test_a_frame_written_by_several_threads_and_flushed_often_is_whole() -> None:
    writer = zstandard.ZstdCompressor(write_checksum=True, threads=3).compressobj()
    parts = [writer.compress(b"zstd" + SMALL.metadata())]
    for start in range(0, len(CONTENT), 50_000):
        parts += [writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), writer.compress(CONTENT[start : start + 50_000])]
        parts += [writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]

    judge(b"BZV2" + b"".join([*parts, writer.flush()]))


def test_a_frame_without_a_checksum_is_judged_by_what_it_says() -> None:
    judge(zstd_artifact(zstandard.compress(b"zstd" + CONTENT)))


def test_a_block_that_repeats_one_byte_is_one_byte_long() -> None:
    repeated = (1000 << 3 | 1 << 1).to_bytes(3, "little") + b"z"
    frame = FRAME + b"\0\x58" + block(b"zstd") + repeated + block(b"", last=True)

    judge(zstd_artifact(frame))
    assert "bytes after" in damage(zstd_artifact(frame + b"z"))


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ((8 << 3 | 3 << 1).to_bytes(3, "little") + bytes(8), "no block"),
        (((128 << 10) + 1 << 3).to_bytes(3, "little") + bytes((128 << 10) + 1), "no block"),
        (block(b""), "empty block"),
        (bytes(4096), "empty block"),
    ],
)
def test_a_block_that_zstd_does_not_write_fails(bad: bytes, word: str) -> None:
    frame = FRAME + b"\0\x58" + block(b"zstd") + bad + block(b"", last=True)

    assert word in damage(zstd_artifact(frame))


@pytest.mark.parametrize(
    ("frame", "word"),
    [
        (zstd_frame(b"gzip" + SMALL.tar()), "the word"),
        (zstd_frame(b"zst"), "the word"),
        (b"", "missing"),
        (SMALL.tar(), "missing"),
        (FRAME + b"\0" + bytes([21 << 3]) + block(b"zstd", last=True), "2147483648 bytes of memory"),
        (FRAME + b"\0\x58" + (9 << 3 | 2 << 1 | 1).to_bytes(3, "little") + b"\xff" * 9, "decompressed"),
    ],
)
def test_a_frame_that_neo4j_does_not_write_fails(frame: bytes, word: str) -> None:
    assert word in damage(zstd_artifact(frame))


def test_a_block_is_no_larger_than_the_window() -> None:
    frame = FRAME + b"\0\0" + block(b"zstd") + block(bytes(1025), last=True)

    assert "no block" in damage(zstd_artifact(frame))


def test_a_hole_in_the_middle_of_a_frame_fails() -> None:
    whole = bytearray(bytes(FULL))
    starts = list(block_starts(bytes(whole), 4))

    whole[starts[2] : starts[4]] = bytes(starts[4] - starts[2])

    assert "empty block" in damage(bytes(whole))


def test_a_frame_of_a_million_blocks_is_walked_in_seconds() -> None:
    frame = FRAME + b"\0\x58" + block(b"zstd") + 1_000_000 * block(b"x") + block(b"", last=True)
    started = time.process_time()

    judge(zstd_artifact(frame))

    assert time.process_time() - started < 10


def test_a_file_above_8_gib_has_its_size_in_an_extended_header() -> None:
    size = (9 << 30) + 7
    record = b"19 size=%d\n" % size
    front = tar_artifact(pax(b"12 path=./a\n" + record) + tar_entry("./a", b"", size=0))
    padded = size + -size % 512
    file = Sparse(front + END, len(front), padded)

    check_body(file, HEAD_OF_TAR, len(front) + padded + len(END))

    with pytest.raises(DamagedArtifact, match="ends"):
        check_body(Sparse(front + END, len(front), padded - 512), HEAD_OF_TAR, len(front) + padded - 512 + len(END))


@pytest.mark.parametrize(
    ("tar", "word"),
    [
        (b"", "before the end"),
        (bytes(512), "512 bytes before"),
        (bytes(512) + tar_entry("a", b""), "torn"),
        (bytes(1024 + 512), "512 bytes after"),
        (tar_entry("a", b"x", size=513) + END, "before"),
        (tar_entry("a", bytes(513), size=1) + END, "after|no header|torn"),
        (b"x" * 512 + END, "no header"),
        (tar_entry("a", b"", kind=b"2") + END, "type b'2'"),
        (tar_entry("a", b"long", kind=b"L") + END, "type b'L'"),
        (tar_entry("a", bytes(512), kind=b"5") + END, "type b'5'"),
        (tar_entry("a", b"", kind=b"x", size=(1 << 20) + 1) + END, "1048577"),
        (pax(b"11 path=xy\n") + END, "torn"),
        (pax(b"12 path=xy\n") + tar_entry("a", b"") + END, "torn"),
        (pax(b"0 path=xy\n") + tar_entry("a", b"") + END, "torn"),
        (pax(b"path=xy\n") + tar_entry("a", b"") + END, "torn"),
        (pax(b"99999999999999 a=b\n") + tar_entry("a", b"") + END, "torn"),
        (pax(b"10 size=-\n") + tar_entry("a", b"") + END, "no number"),
        (pax(b"30 size=%020d\n" % 1) + tar_entry("a", b"") + END, "torn|no number"),
        (pax(b"6 a=b\n" * 300) + tar_entry("a", b"") + END, "more than 256"),
    ],
)
def test_a_tar_stream_that_neo4j_does_not_write_fails(tar: bytes, word: str) -> None:
    with pytest.raises(DamagedArtifact, match=word):
        judge(tar_artifact(tar))


def binary_size(field: bytes) -> bytes:
    """A header whose size isn't written in octal digits."""
    header = bytearray(tar_entry("a", b""))
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def test_a_size_below_zero_fails() -> None:
    assert "-1 bytes" in damage(tar_artifact(binary_size(b"\xff" * 12) + END))


@pytest.mark.parametrize("size", [(1 << 63) - 1, 1 << 63, 1 << 70], ids=["8 EiB less 1", "8 EiB", "1 ZiB"])
def test_a_size_that_no_file_has_fails(size: int, tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    path.write_bytes(tar_artifact(binary_size(b"\x80" + size.to_bytes(11, "big")) + END))

    with path.open("rb", buffering=0) as file, pytest.raises(DamagedArtifact, match="before the end"):
        check_body(file, HEAD_OF_TAR, path.stat().st_size)


def test_a_size_that_no_file_has_in_an_extended_header_fails(tmp_path: Path) -> None:
    path = tmp_path / "artifact"
    path.write_bytes(tar_artifact(pax(b"28 size=%d\n" % (10**19 - 1)) + tar_entry("a", b"") + END))

    with path.open("rb", buffering=0) as file, pytest.raises(DamagedArtifact, match="before the end"):
        check_body(file, HEAD_OF_TAR, path.stat().st_size)


def test_folders_are_entries_without_data() -> None:
    judge(tar_artifact(tar_entry("./", b"", kind=b"5") + pax(b"11 path=xy\n") + tar_entry("./a", b"x") + END))


@settings(deadline=2000, max_examples=300)
@given(st.sampled_from(MAGICS), st.data())
def test_whatever_is_changed_in_an_artifact_only_the_two_problems_come_out(magic: str, data: st.DataObject) -> None:
    content = bytearray(bytes(SMALL.but(magic=magic)))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(4, len(content)))

    with contextlib.suppress(UnknownFormat, DamagedArtifact):
        judge(bytes(content[:end]))


@settings(deadline=2000)
@given(st.binary(max_size=2048), st.sampled_from([tar_artifact(b""), zstd_artifact(FRAME + b"\x04\x58")]))
def test_whatever_follows_a_head_only_damage_comes_out(data: bytes, front: bytes) -> None:
    file = io.BytesIO(front + data)
    head = HEAD_OF_TAR if front.startswith(b"BTV2") else HEAD_OF_FRAME
    with contextlib.suppress(DamagedArtifact):
        check_body(file, head, len(front + data))
