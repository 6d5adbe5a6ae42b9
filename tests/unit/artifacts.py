"""Backup artifacts byte by byte as the reference describes them, for tests of what reads them."""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self
from uuid import UUID

import zstandard

DATABASE_ID = UUID("767ec634-2382-34f6-a61e-b6b309a77ee7")
TAKEN_AT = 0x6B03DA1F
# Five blocks that zstd can't make smaller, one that it can, and an odd rest.
CONTENT = b"".join(hashlib.sha256(bytes([a, b])).digest() for a in range(80) for b in range(256)) + bytes(200_001)


@dataclass(frozen=True, slots=True)
class Sample:
    """An artifact to be; `bytes()` writes it."""

    magic: str = "BZV2"
    database: bytes = b"neo4j"
    database_id: bytes = DATABASE_ID.bytes
    created_ms: int = 0x01A2070C0A49
    store_random: int = 0x4459BB002E6DF71B
    store_version: int = 1
    taken_at: int = TAKEN_AT
    lowest: int = 1
    highest: int = 1
    flags: bytes = b"\x07"
    metadata_version: int = 2
    extras: bytes = bytes(4)
    files: tuple[tuple[str, bytes], ...] = (("neostore", b"store"), ("neostore.nodestore.db", CONTENT))

    def but(self, **changes: object) -> Self:
        return replace(self, **changes)  # type: ignore[arg-type]  # a typo fails in the dataclass

    def metadata(self) -> bytes:
        first = (
            bytes([self.store_version])
            + self.created_ms.to_bytes(8, "big")
            + self.store_random.to_bytes(8, "big", signed=True)
            + b"\x06record"
            + b"\x07aligned"
            + b"\x01\x01"
            + bytes([len(self.database_id)])
            + self.database_id
            + bytes([len(self.database)])
            + self.database
            + self.taken_at.to_bytes(8, "big", signed=True)
            + self.lowest.to_bytes(8, "big", signed=True)
            + self.highest.to_bytes(8, "big", signed=True)
            + bytes([len(self.flags)])
            + self.flags
        )
        return first if self.magic.endswith("1") else bytes([self.metadata_version]) + first + self.extras

    def tar(self) -> bytes:
        return b"".join(tar_entry(name, data) for name, data in self.files) + bytes(1024)

    def __bytes__(self) -> bytes:
        magic = self.magic.encode()
        match self.magic:
            case "BTV1" | "BTV2":
                return magic + self.metadata() + self.tar()
            case "BZV1" | "BZV2":
                return magic + zstd_frame(b"zstd" + self.metadata() + self.tar())
            case _:
                return magic + self.metadata() + zstd_frame(b"zstd" + self.tar())


FULL = Sample()
DIFFERENTIAL = Sample(lowest=2, highest=5, flags=b"\x02")
SMALL = Sample(files=(("neostore", b"store"),))
"""Short enough to be cut at each of its bytes."""


def field(key: bytes, value: bytes) -> bytes:
    """One entry of metadata 2's map."""
    return len(key).to_bytes(4, "big") + key + len(value).to_bytes(4, "big") + value


def zstd_frame(content: bytes) -> bytes:
    """A frame as Neo4j's writer makes it: streamed, so that it doesn't tell its size, and with a checksum."""
    writer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return writer.compress(content) + writer.flush()


def block(content: bytes, *, last: bool = False) -> bytes:
    """A raw block of a zstd frame."""
    return (len(content) << 3 | last).to_bytes(3, "little") + content


def tar_entry(name: str, data: bytes, *, kind: bytes = b"0", size: int | None = None) -> bytes:
    """A header of the ustar format and its data; ``size`` is what the header says of it."""
    size = len(data) if size is None else size
    header = bytearray(512)
    header[0 : len(name)] = name.encode()
    header[100:108] = b"0000600\0"
    header[108:116] = header[116:124] = b"0000000\0"
    header[124:136] = b"%011o\0" % size
    header[136:148] = b"00000000000\0"
    header[148:156] = b" " * 8
    header[156:157] = kind
    header[257:265] = b"ustar\x0000"
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data + bytes(-len(data) % 512)


def pax(records: bytes) -> bytes:
    """An extended header that precedes an entry."""
    return tar_entry("./PaxHeaders.X/", records, kind=b"x")


def block_starts(artifact: bytes, offset: int) -> Iterator[int]:
    """Where each block of the frame at ``offset`` begins, and after them the frame's checksum."""
    at = offset + zstandard.frame_header_size(artifact[offset:])
    last = False
    while not last:
        yield at
        (low, high) = struct.unpack_from("<HB", artifact, at)
        header = low | high << 16
        last = bool(header & 1)
        at += 3 + (1 if header >> 1 & 3 == 1 else header >> 3)
    yield at
