"""Reading the head of a backup artifact without a JVM and without trusting the file.

The format is Neo4j's own (``org.neo4j.dbms.archive.backup``), all integers big-endian.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO
from uuid import UUID

from sidecar.artifact import DamagedArtifact, Head, StoreId, UnknownFormat
from sidecar.zstd_frame import CONTENT_START, NOT_NEO4JS, content, upto

_MAGIC_BYTES = 4
_MAX_SCRIPT = 1 << 20
_MAX_EXTRAS = 16
_MAX_KEY = 1024
# Bounds what is read as well as what comes out of it: a frame may be all bomb, or all empty blocks.
_MAX_HEAD = 2 << 20
_MAX_FLAGS = 8
_CHUNK = 16 << 10


def read_head(file: BinaryIO) -> Head:
    """Read the head at the start of ``file``, at most 2 MiB of it.

    Raises ``UnknownFormat``, ``DamagedArtifact``, and ``OSError`` where the file can't be read.
    """
    file.seek(0)
    magic = _Fields(file.read).take(_MAGIC_BYTES)
    match magic:
        case b"BTV1" | b"BTV2" | b"BZV3":
            return _metadata(magic.decode(), _Fields(file.read, at=_MAGIC_BYTES))
        case b"BZV1" | b"BZV2":
            fields = _Fields(content(file, _MAGIC_BYTES, _MAX_HEAD))
            if fields.take(len(CONTENT_START)) != CONTENT_START:
                raise DamagedArtifact(NOT_NEO4JS)
            return _metadata(magic.decode(), fields, body_offset=_MAGIC_BYTES)
    if magic.endswith(b"MV1"):
        raise UnknownFormat("it is the list of the parts of a split artifact, which this release doesn't read")
    if magic.startswith(b"D"):
        raise DamagedArtifact("it is a dump, not a backup")
    if not any(magic):
        # What a power cut leaves of a file whose bytes were not on the disk yet.
        raise DamagedArtifact("it begins with zeros, where a backup says what it is")
    raise UnknownFormat(f"it begins with {magic!r}, a format that this release doesn't know")


class _Fields:
    """The fields of a head, taken one after the other from a bounded source."""

    def __init__(self, read: Callable[[int], bytes], at: int = 0) -> None:
        self._read = read
        self.at = at

    def take(self, count: int) -> bytes:
        self.at += count
        if self.at > _MAX_HEAD:
            raise DamagedArtifact("its head is longer than 2 MiB")
        taken = upto(self._read, count)
        if len(taken) < count:
            raise DamagedArtifact("it ends inside its head")
        return taken

    def skip(self, count: int) -> None:
        while count:
            count -= len(self.take(min(count, _CHUNK)))

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

    def signed(self) -> int:
        return int.from_bytes(self.take(8), "big", signed=True)

    def text(self, length: int) -> str:
        try:
            return self.take(length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise DamagedArtifact("its head has a text that isn't UTF-8") from error


def _metadata(magic: str, fields: _Fields, body_offset: int | None = None) -> Head:
    second = not magic.endswith("1")
    if second and (version := fields.number(1)) != 2:
        raise UnknownFormat(f"its metadata is of version {version}, which this release doesn't know")
    store_id = _store_id(fields)
    if (length := fields.number(1)) != 16:
        raise DamagedArtifact(f"its database id is {length} bytes long instead of 16")
    database_id = UUID(bytes=fields.take(16))
    database = fields.text(fields.number(1))
    taken_at = _time(fields.signed())
    lowest, highest = fields.signed(), fields.signed()
    if not 0 <= lowest <= highest:
        raise DamagedArtifact(f"its transactions go from {lowest} to {highest}, which no artifact has")
    # A Java BitSet: without any flag it is 0 bytes long, as in an uncompressed differential.
    if (length := fields.number(1)) > _MAX_FLAGS:
        raise DamagedArtifact(f"its flags are {length} bytes long")
    flags = int.from_bytes(fields.take(length), "little")
    if second:
        _skip_extras(fields)
    return Head(
        magic=magic,
        store_id=store_id,
        database_id=database_id,
        database=database,
        taken_at=taken_at,
        lowest=lowest,
        highest=highest,
        recovered=bool(flags & 1),
        compressed=bool(flags & 2),
        full=bool(flags & 4),
        body_offset=fields.at if body_offset is None else body_offset,
    )


def _store_id(fields: _Fields) -> StoreId:
    if (version := fields.number(1)) != 1:
        raise UnknownFormat(f"its store id is of version {version}, which this release doesn't know")
    return StoreId(
        created_ms=fields.signed(),
        random=fields.signed(),
        engine=fields.text(fields.number(1)),
        format=fields.text(fields.number(1)),
        major=fields.number(1),
        minor=fields.number(1),
    )


def _time(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise DamagedArtifact(f"its time, {seconds} s since 1970, is none") from error


def _skip_extras(fields: _Fields) -> None:
    """Pass over the map at the end of metadata 2: users and roles, which nobody here needs to know."""
    if (count := fields.number(4)) > _MAX_EXTRAS:
        raise DamagedArtifact(f"its head lists {count} further fields")
    for _ in range(count):
        if (length := fields.number(4)) > _MAX_KEY:
            raise DamagedArtifact(f"its head has a field whose name is {length} bytes long")
        fields.text(length)
        if (length := fields.number(4)) > _MAX_SCRIPT:
            raise DamagedArtifact(f"its head has a field of {length} bytes, more than 1 MiB")
        fields.skip(length)
