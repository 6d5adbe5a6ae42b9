"""The head of a backup artifact: what it says of itself, read without a JVM and without trusting it.

The format is Neo4j's own (``org.neo4j.dbms.archive.backup``), all integers big-endian.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, cast
from uuid import UUID

if TYPE_CHECKING:
    from zstandard import FrameParameters

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
MAX_FRAME_HEADER = 18
# What zstd's own readers, Neo4j's among them, accept unless told otherwise.
MAX_WINDOW = 1 << 27

_MAGIC_BYTES = 4
_MAX_SCRIPT = 1 << 20
_MAX_EXTRAS = 16
_MAX_KEY = 1024
# Bounds what is read as well as what comes out of it: a frame may be all bomb, or all empty blocks.
_MAX_HEAD = 2 << 20
_MAX_FLAGS = 8
_CHUNK = 16 << 10


class ArtifactProblem(Exception):
    """Why an artifact proves nothing; ``reason`` is a clause about it that begins with "it" or "its"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownFormat(ArtifactProblem):
    """An artifact of a later release, or one that was split: it is neither a link of a chain nor ours to move."""


class DamagedArtifact(ArtifactProblem):
    """Not a whole backup artifact."""


@dataclass(frozen=True, slots=True)
class StoreId:
    """Which physical store an artifact was taken from; a restored or recreated database has another."""

    created_ms: int
    random: int
    engine: str
    format: str
    major: int
    minor: int


@dataclass(frozen=True, slots=True)
class Head:
    """What an artifact says of itself; ``body_offset`` is where its tar stream or zstd frame begins, in bytes."""

    magic: str
    store_id: StoreId
    database_id: UUID
    database: str
    taken_at: datetime
    lowest: int
    highest: int
    recovered: bool
    compressed: bool
    full: bool
    body_offset: int

    @property
    def empty(self) -> bool:
        """Whether it holds no transaction: nothing had changed since the artifact before it."""
        return self.lowest == 0 and self.highest == 0

    @property
    def zstd(self) -> bool:
        """Whether its body is a zstd frame; else it is a tar stream."""
        return self.magic.startswith("BZ")


def read_head(file: BinaryIO) -> Head:
    """Read the head at the start of ``file``, at most 2 MiB of it.

    Raises ``UnknownFormat``, ``DamagedArtifact``, and ``OSError`` where the file can't be read.
    """
    file.seek(0)
    magic = _Fields(file.read).take(_MAGIC_BYTES)
    match magic:
        case b"BTV1" | b"BTV2":
            return _metadata(magic.decode(), _Fields(file.read, at=_MAGIC_BYTES))
        case b"BZV3":
            head = _metadata(magic.decode(), _Fields(file.read, at=_MAGIC_BYTES))
            _expect_zstd(_decompressed(file, head.body_offset))
            return head
        case b"BZV1" | b"BZV2":
            content = _decompressed(file, _MAGIC_BYTES)
            _expect_zstd(content)
            return _metadata(magic.decode(), content, body_offset=_MAGIC_BYTES)
    if magic.endswith(b"MV1"):
        raise UnknownFormat("it is the list of the parts of a split artifact, which this release doesn't read")
    if magic.startswith(b"D"):
        raise DamagedArtifact("it is a dump, not a backup")
    raise UnknownFormat(f"it begins with {magic!r}, a format that this release doesn't know")


def read_frame_header(data: bytes) -> "tuple[FrameParameters, int]":
    """Give what the zstd frame that begins ``data`` says of itself, and its header's length in bytes.

    ``data`` holds the frame's first 18 bytes, or what there is of them. Raises ``DamagedArtifact``.
    """
    import zstandard

    if not data.startswith(ZSTD_MAGIC):
        raise DamagedArtifact("its zstd frame is missing where it should begin")
    try:
        parameters = zstandard.get_frame_parameters(data)
        length = zstandard.frame_header_size(data)
    except zstandard.ZstdError as error:
        raise DamagedArtifact(f"its zstd frame has no readable header ({error})") from error
    if parameters.window_size > MAX_WINDOW:
        raise DamagedArtifact(f"its zstd frame asks for {parameters.window_size} bytes of memory to read it")
    if parameters.dict_id:
        raise DamagedArtifact("its zstd frame wants a dictionary, which no backup has")
    return parameters, length


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


def _decompressed(file: BinaryIO, offset: int) -> _Fields:
    """Give the content of the zstd frame at ``offset``, as far as a head can reach."""
    import zstandard

    file.seek(offset)
    read_frame_header(upto(file.read, MAX_FRAME_HEADER))
    file.seek(offset)
    # zstandard asks for nothing but `read`, whatever its types say.
    source = cast("BinaryIO", _Bounded(file.read, _MAX_HEAD))
    reader = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(source, read_size=_CHUNK)

    def read(count: int) -> bytes:
        try:
            return reader.read(count)
        except zstandard.ZstdError as error:
            raise DamagedArtifact(f"its zstd frame can't be decompressed ({error})") from error

    return _Fields(read)


class _Bounded:
    """A source that ends after ``limit`` bytes: a frame of empty blocks would otherwise be read to its end."""

    def __init__(self, read: Callable[[int], bytes], limit: int) -> None:
        self._read = read
        self._left = limit

    def read(self, count: int) -> bytes:
        data = self._read(min(count, self._left))
        self._left -= len(data)
        return data


def upto(read: Callable[[int], bytes], count: int) -> bytes:
    """Read ``count`` bytes, fewer only at the end: a single ``read`` may give less than is there."""
    data = b""
    while len(data) < count and (more := read(count - len(data))):
        data += more
    return data


def _expect_zstd(content: _Fields) -> None:
    if content.take(4) != b"zstd":
        raise DamagedArtifact("its zstd frame doesn't begin with the word that Neo4j puts there")


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
