"""One artifact file: written as genuine ones are, its body streamed; and its head read back."""

from __future__ import annotations

import os

from . import zstd
from .head import Head, Reader, TooShort, metadata_1, metadata_2, read_metadata_1, read_metadata_2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from io import FileIO

SUFFIX = ".backup"
LONGEST = 2 * 1024 * 1024
"""Bytes that hold any head: its script is 1 MiB at most."""


class Shape:
    """How the head is laid out; ``magic`` and ``version`` other than the layout's own make it unknown."""

    __slots__ = ("layout", "magic", "version")

    def __init__(self, layout: int = 2, *, magic: str = "", version: int = 2) -> None:
        self.layout = layout
        self.magic = magic
        self.version = version

    def opening(self, head: Head) -> tuple[bytes, bytes]:
        """What is written plainly, and what the body's stream (the zstd frame, or the file) begins with."""
        layout = self.layout if head.compressed else min(self.layout, 2)
        magic = (self.magic or f"B{'Z' if head.compressed else 'T'}V{layout}").encode("ascii")
        described = metadata_1(head) if layout == 1 else bytes((self.version,)) + metadata_2(head)
        mark = b"zstd" if head.compressed else b""
        return (magic + described, mark) if layout == 3 else (magic, mark + described)


def name(database: str, local_time: str) -> str:
    """``local_time`` is ``YYYY-MM-DDTHH-MM-SS`` in the time zone of the process."""
    return f"{database}-{local_time}{SUFFIX}"


def create(path: str) -> int:
    """The descriptor of a new file; raises ``FileExistsError``: an artifact is never overwritten."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def write(descriptor: int, head: Head, body: Iterable[bytes], shape: Shape) -> None:
    """Write a whole artifact; it grows under its final name, as nothing promises that the real one's doesn't."""
    plain, opening = shape.opening(head)
    write_all(descriptor, plain)
    if not head.compressed:
        write_all(descriptor, opening)
        for chunk in body:
            write_all(descriptor, chunk)
        return
    stream = zstd.compressor()
    # Neo4j's own writer flushes here: the first block of its frame holds the head and nothing else.
    write_all(descriptor, stream.compress(opening) + stream.flush(zstd.BLOCK))
    for chunk in body:
        write_all(descriptor, stream.compress(chunk))
    write_all(descriptor, stream.flush())


def read(path: str) -> Head | None:
    """The head of the artifact at ``path``, or None if it isn't one that this release knows."""
    with open(path, "rb", buffering=0) as file:
        magic = file.read(4)
        if magic not in (b"BZV1", b"BZV2", b"BZV3", b"BTV1", b"BTV2"):
            return None
        plain = magic.startswith(b"BT") or magic == b"BZV3"
        try:
            return _first(_plain(file) if plain else _decompressed(file), magic)
        except zstd.error():
            return None


def _first(pieces: Iterator[bytes], magic: bytes) -> Head | None:
    """Decode what has come so far each time it has doubled, so that a long head isn't decoded a thousand times."""
    start, wanted = b"", 1
    for piece in pieces:
        start += piece
        if len(start) < wanted:
            continue
        wanted = len(start) * 2
        try:
            return _decode(magic, start)
        except TooShort:
            if len(start) > LONGEST:
                return None
        except ValueError:
            return None
    try:
        return _decode(magic, start)
    except ValueError:
        return None


def _plain(file: FileIO) -> Iterator[bytes]:
    while piece := file.read(4096):
        yield piece


def _decompressed(file: FileIO) -> Iterator[bytes]:
    """A few bytes at a time: four of them may stand for a block of 128 KiB."""
    stream = zstd.decompressor()
    while piece := file.read(128):
        yield stream.decompress(piece)


def _decode(magic: bytes, start: bytes) -> Head | None:
    """Raises ``TooShort`` while there may be more to come, ``ValueError`` for what is no head."""
    reader = Reader(start)
    if magic in (b"BZV1", b"BZV2") and reader.take(4) != b"zstd":
        raise ValueError("the frame holds no archive")
    if magic.endswith(b"1"):
        return read_metadata_1(reader)
    return read_metadata_2(reader) if reader.number(1) == 2 else None


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
