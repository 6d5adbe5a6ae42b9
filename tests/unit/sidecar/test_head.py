"""The head of an artifact is read as the reference describes it, whoever wrote the file."""

import contextlib
import io
from datetime import UTC, datetime

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.artifact import ArtifactProblem, DamagedArtifact, Head, StoreId, UnknownFormat
from sidecar.head import read_head
from tests.unit.artifacts import DATABASE_ID, FULL, SMALL, Sample, block, field, zstd_frame

MAGICS = ("BTV1", "BTV2", "BZV1", "BZV2", "BZV3")
FRAME = b"\x28\xb5\x2f\xfd"
EXAMPLE = """
    42545632 02 01 000001a2070c0a49 4459bb002e6df71b 06 7265636f7264 07 616c69676e6564 01 01
    10 767ec634238234f6a61eb6b309a77ee7 05 6e656f346a 000000006b03da1f 0000000000000001
    0000000000000001 01 05 00000000
"""


class Counted(io.BytesIO):
    """A file that counts what is read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


def read(data: bytes) -> Head:
    return read_head(io.BytesIO(data))


def reason(data: bytes, kind: type[ArtifactProblem]) -> str:
    with pytest.raises(ArtifactProblem) as caught:
        read(data)
    assert type(caught.value) is kind
    return caught.value.reason


def test_the_example_of_the_reference() -> None:
    head = read(bytes.fromhex(EXAMPLE))

    assert head == Head(
        magic="BTV2",
        store_id=StoreId(0x01A2070C0A49, 0x4459BB002E6DF71B, "record", "aligned", 1, 1),
        database_id=DATABASE_ID,
        database="neo4j",
        taken_at=datetime(2026, 11, 23, 6, 15, 59, tzinfo=UTC),
        lowest=1,
        highest=1,
        recovered=True,
        compressed=False,
        full=True,
        body_offset=92,
    )


@pytest.mark.parametrize("magic", MAGICS)
def test_every_format_tells_the_same(magic: str) -> None:
    sample = SMALL.but(magic=magic, lowest=7, highest=2**40, flags=b"\x02", database=b"a.b-c")

    head = read(bytes(sample))

    assert (head.magic, head.database, head.lowest, head.highest) == (magic, "a.b-c", 7, 2**40)
    assert (head.recovered, head.compressed, head.full, head.empty) == (False, True, False, False)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (b"", (False, False, False)),
        (b"\x01", (True, False, False)),
        (b"\x02", (False, True, False)),
        (b"\x04", (False, False, True)),
        (b"\xff\x01", (True, True, True)),
    ],
)
def test_flags_are_a_java_bit_set_which_is_no_byte_long_when_none_is_set(
    flags: bytes, expected: tuple[bool, bool, bool]
) -> None:
    head = read(bytes(SMALL.but(flags=flags)))

    assert (head.recovered, head.compressed, head.full) == expected


def test_an_artifact_without_transactions_is_empty() -> None:
    assert read(bytes(SMALL.but(lowest=0, highest=0))).empty
    assert not read(bytes(SMALL.but(lowest=1, highest=1))).empty


@pytest.mark.parametrize("magic", ["BTV2", "BZV2", "BZV3"])
def test_the_script_of_users_and_roles_may_be_a_mebibyte_long(magic: str) -> None:
    extras = (2).to_bytes(4, "big") + field(b"metadataScript", b"\xff" * (1 << 20)) + field(b"more", b"")
    sample = SMALL.but(magic=magic, extras=extras)

    head = read(bytes(sample))

    assert head.body_offset == (4 if magic == "BZV2" else 4 + len(sample.metadata()))


@pytest.mark.parametrize("magic", MAGICS)
def test_a_head_that_is_cut_at_any_byte_is_damaged(magic: str) -> None:
    sample = SMALL.but(magic=magic)
    whole = magic.encode() + sample.metadata()
    if magic in ("BZV1", "BZV2"):
        whole = magic.encode() + zstd_frame(b"zstd" + sample.metadata())[:-8]

    for end in range(len(whole)):
        with pytest.raises(DamagedArtifact):
            read(whole[:end])


@pytest.mark.parametrize("magic", [b"BZV4", b"BTV3", b"XYZ1", b"\0\0\0\1", b"BMV1", b"XMV1", b"BDV1"])
def test_an_unknown_magic_is_of_a_later_release(magic: bytes) -> None:
    reason(magic + bytes(100), UnknownFormat)


def test_a_head_of_zeros_is_what_a_power_cut_leaves_and_no_later_release() -> None:
    assert "zeros" in reason(bytes(100), DamagedArtifact)


@pytest.mark.parametrize("sample", [SMALL.but(metadata_version=3), SMALL.but(store_version=2)])
@pytest.mark.parametrize("magic", ["BTV2", "BZV2", "BZV3"])
def test_an_unknown_version_of_the_metadata_is_of_a_later_release(magic: str, sample: Sample) -> None:
    assert "version" in reason(bytes(sample.but(magic=magic)), UnknownFormat)


@pytest.mark.parametrize("magic", [b"DZV1", b"DGV1"])
def test_a_dump_is_called_a_dump(magic: bytes) -> None:
    assert reason(magic + bytes(100), DamagedArtifact) == "it is a dump, not a backup"


@pytest.mark.parametrize("magic", ["BTV2", "BZV2", "BZV3"])
@pytest.mark.parametrize(
    ("sample", "word"),
    [
        (SMALL.but(database_id=bytes(15)), "database id"),
        (SMALL.but(database=b"\xff\xfe"), "UTF-8"),
        (SMALL.but(taken_at=2**62), "time"),
        (SMALL.but(taken_at=-(2**63)), "time"),
        (SMALL.but(lowest=5, highest=4), "transactions"),
        (SMALL.but(lowest=-1, highest=4), "transactions"),
        (SMALL.but(flags=bytes(9)), "flags"),
        (SMALL.but(extras=b"\xff\xff\xff\xff"), "further fields"),
        (SMALL.but(extras=b"\0\0\0\1" + b"\xff\xff\xff\xff"), "4294967295"),
        (SMALL.but(extras=b"\0\0\0\1" + b"\0\0\0\1k" + b"\xff\xff\xff\xff"), "4294967295"),
        (SMALL.but(extras=b"\0\0\0\1" + b"\0\0\0\1k" + b"\0\x10\0\1"), "1048577"),
        (SMALL.but(extras=b"\0\0\0\1" + b"\0\0\0\1\xff" + b"\0\0\0\0"), "UTF-8"),
        (SMALL.but(extras=b"\0\0\0\3" + 3 * field(b"metadataScript", bytes(1 << 20))), "2 MiB"),
    ],
)
def test_a_field_that_no_artifact_has_is_damage(magic: str, sample: Sample, word: str) -> None:
    assert word in reason(bytes(sample.but(magic=magic)), DamagedArtifact)


@pytest.mark.parametrize("magic", [b"BZV1", b"BZV2"])
@pytest.mark.parametrize(
    ("frame", "word"),
    [
        (b"\x1f\x8b\x08\x00" + bytes(40), "missing"),
        (b"\x50\x2a\x4d\x18\x04\0\0\0" + bytes(40), "missing"),
        (FRAME + b"\x08" + bytes(40), "no readable header"),
        (FRAME + b"\0" + bytes([21 << 3]) + block(bytes(40), last=True), "2147483648 bytes of memory"),
        (FRAME + b"\xe0" + (2**62).to_bytes(8, "little") + block(bytes(40), last=True), "bytes of memory"),
        (FRAME + b"\x01\x58\x07" + block(bytes(40), last=True), "dictionary"),
        (FRAME + b"\0\x58" + b"\xff\xff\xff" + bytes(40), "decompressed"),
        (zstd_frame(b"gzip" + FULL.metadata()), "the word"),
        (zstd_frame(b"zst"), "ends inside"),
    ],
)
def test_a_frame_that_neo4j_does_not_write_is_damage(magic: bytes, frame: bytes, word: str) -> None:
    assert word in reason(magic + frame, DamagedArtifact)


def test_a_decompression_bomb_is_given_up_early() -> None:
    bomb = zstd_frame(b"zstd" + SMALL.metadata()[:-4] + b"\0\0\0\x10" + 16 * field(b"k", bytes(1 << 20)))
    file = Counted(b"BZV2" + bomb)

    with pytest.raises(DamagedArtifact, match="2 MiB"):
        read_head(file)

    assert file.count < 4096


def test_a_frame_of_nothing_but_empty_blocks_is_given_up_early() -> None:
    file = Counted(b"BZV2" + FRAME + b"\0\x58" + block(b"") * 3_000_000)

    with pytest.raises(DamagedArtifact, match="ends inside"):
        read_head(file)

    assert file.count < (2 << 20) + 100


@pytest.mark.parametrize("magic", ["BTV1", "BTV2", "BZV3"])
def test_a_head_is_read_without_the_body_that_follows_it(magic: str) -> None:
    sample = FULL.but(magic=magic)
    front = magic.encode() + sample.metadata()

    assert read(front) == read(bytes(sample))


def test_of_a_large_artifact_only_the_start_is_read() -> None:
    file = Counted(bytes(FULL))

    read_head(file)

    assert file.count < 200_000 < len(file.getvalue())


@settings(deadline=2000)
@given(st.binary(max_size=300), st.sampled_from(MAGICS))
def test_whatever_follows_the_magic_only_the_two_problems_come_out(data: bytes, magic: str) -> None:
    with contextlib.suppress(UnknownFormat, DamagedArtifact):
        read(magic.encode() + data)


@settings(deadline=2000, max_examples=300)
@given(st.sampled_from(MAGICS), st.data())
def test_whatever_is_changed_in_an_artifact_only_the_two_problems_come_out(magic: str, data: st.DataObject) -> None:
    sample = SMALL.but(magic=magic)
    content = bytearray(bytes(sample))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(len(content), 200) - 1))] = data.draw(st.integers(0, 255))
    if magic in ("BZV1", "BZV2") and data.draw(st.booleans()):
        metadata = bytearray(sample.metadata())
        metadata[data.draw(st.integers(0, len(metadata) - 1))] = data.draw(st.integers(0, 255))
        content = bytearray(magic.encode() + zstandard.compress(b"zstd" + metadata))

    with contextlib.suppress(UnknownFormat, DamagedArtifact):
        read(bytes(content))
