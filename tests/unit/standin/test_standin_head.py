"""The stand-in's artifacts have the bytes of genuine ones."""

import io
import os
import tarfile
from pathlib import Path

import pytest
import zstandard

from tests.standin import artifact, head, tar
from tests.standin.artifact import Shape
from tests.standin.head import Head, Reader

# reference/backup-artifact-format.md, the example at its end.
EXAMPLE = bytes.fromhex(
    "42545632 02 01 000001a2070c0a49 4459bb002e6df71b 06 7265636f7264 07 616c69676e6564 01 01"
    "10 767ec634238234f6a61eb6b309a77ee7 05 6e656f346a 000000006b03da1f 0000000000000001"
    "0000000000000001 01 05 00000000"
)


def example(*, compressed: bool = False, metadata: dict[str, str] | None = None) -> Head:
    return Head(
        database="neo4j",
        database_id=bytes.fromhex("767ec634238234f6a61eb6b309a77ee7"),
        store_created=0x1A2070C0A49,
        store_random=0x4459BB002E6DF71B,
        time=0x6B03DA1F,
        lowest=1,
        highest=1,
        full=True,
        recovered=True,
        compressed=compressed,
        metadata=metadata,
    )


def written(path: Path, described: Head, shape: Shape, body: bytes = tar.END) -> bytes:
    descriptor = artifact.create(str(path))
    with open(descriptor, "wb", closefd=True):
        artifact.write(descriptor, described, [body], shape)
    return path.read_bytes()


def test_the_head_is_the_reference_s_example_byte_by_byte(tmp_path: Path) -> None:
    data = written(tmp_path / "a.backup", example(), Shape())

    assert data[: len(EXAMPLE)] == EXAMPLE
    assert data[len(EXAMPLE) :] == bytes(1024)


def test_a_compressed_artifact_is_a_magic_and_one_frame_with_a_checksum_to_its_end(tmp_path: Path) -> None:
    data = written(tmp_path / "a.backup", example(compressed=True), Shape())

    assert data[:4] == b"BZV2"
    parameters = zstandard.get_frame_parameters(data[4:])
    assert parameters.has_checksum
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    content = decompressor.decompress(data[4:])
    assert decompressor.eof
    assert decompressor.unused_data == b""
    flags = len(EXAMPLE) - 5
    assert content == b"zstd" + EXAMPLE[4:flags] + b"\x07" + EXAMPLE[flags + 1 :] + bytes(1024)


def test_the_first_block_of_the_frame_holds_the_head_and_nothing_else(tmp_path: Path) -> None:
    data = written(tmp_path / "a.backup", example(compressed=True), Shape(), os.urandom(1 << 20))

    first = 4 + zstandard.frame_header_size(data[4:])
    block = int.from_bytes(data[first : first + 3], "little")
    assert not block & 1, "it isn't the last one"
    end = first + 3 + (block >> 3)
    assert len(zstandard.ZstdDecompressor().decompressobj().decompress(data[4:end])) == len(EXAMPLE)


@pytest.mark.parametrize(
    ("layout", "compressed", "beginning"),
    [
        (1, False, b"BTV1\x01"),
        (2, False, b"BTV2\x02\x01"),
        (3, False, b"BTV2\x02\x01"),
        (1, True, b"BZV1\x28\xb5\x2f\xfd"),
        (2, True, b"BZV2\x28\xb5\x2f\xfd"),
        (3, True, b"BZV3\x02\x01"),
    ],
)
def test_every_layout_begins_with_its_magic_and_is_read_back(
    tmp_path: Path, layout: int, compressed: bool, beginning: bytes
) -> None:
    described = example(compressed=compressed, metadata=None if layout == 1 else {"metadataScript": "CREATE ROLE a;"})

    data = written(tmp_path / "a.backup", described, Shape(layout))

    assert data.startswith(beginning)
    read = artifact.read(str(tmp_path / "a.backup"))
    assert read is not None
    assert head.metadata_2(read) == head.metadata_2(described)


def test_a_script_of_a_mebibyte_is_read_back_from_the_head(tmp_path: Path) -> None:
    described = example(compressed=True, metadata={"metadataScript": "x" * (1 << 20)})

    written(tmp_path / "a.backup", described, Shape(), bytes(1 << 24))

    read = artifact.read(str(tmp_path / "a.backup"))
    assert read is not None
    assert len(read.metadata["metadataScript"]) == 1 << 20


@pytest.mark.parametrize(
    "data", [b"", b"BZV", b"BZV2", b"DZV1" + EXAMPLE[4:], EXAMPLE[:60], b"BTV2\x03" + EXAMPLE[5:], b"BZV2 no frame"]
)
def test_what_has_no_known_head_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.backup").write_bytes(data)

    assert artifact.read(str(tmp_path / "a.backup")) is None


def test_a_negative_number_survives_the_head() -> None:
    described = example()
    described.store_random = -5

    assert head.read_metadata_2(Reader(head.metadata_2(described))).store_random == -5


def test_the_body_is_a_tar_that_tarfile_reads(tmp_path: Path) -> None:
    (tmp_path / "tree/sub").mkdir(parents=True)
    (tmp_path / "tree/neostore").write_bytes(b"a" * 1000)
    (tmp_path / "tree/sub/x").write_bytes(b"b" * 512)

    data = b"".join(tar.tree(str(tmp_path / "tree"))) + tar.END

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == [".", "./neostore", "./sub", "./sub/x"]
        extracted = archive.extractfile("./neostore")
        assert extracted is not None
        assert extracted.read() == b"a" * 1000
        assert set(archive.getmember("./sub/x").pax_headers) == {"atime", "ctime", "mtime"}
    assert len(data) % 512 == 0
    assert not data.endswith(bytes(1024 + 512))
