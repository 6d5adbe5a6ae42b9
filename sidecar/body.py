"""Whether the body of an artifact is whole, found out without decompressing it.

Both walks go from mark to mark to the end, so that a file fails that is shorter, longer or has marks
that are torn. What lies between two marks isn't read.
"""

from collections.abc import Callable
from typing import BinaryIO

from sidecar.artifact import DamagedArtifact, Head
from sidecar.zstd_frame import CONTENT_START, MAX_FRAME_HEADER, NOT_NEO4JS, content, read_frame_header, upto

# A header is read with what follows it in its page, and block bodies aren't read: measured on 2 GB that were
# no longer in memory, that is 4.7 s and 1.7 s of CPU in blocks of 40 kB, 1.5 s and 0.5 s in blocks of 110 kB;
# by 1 MiB in order it is 5.2 s and 3.5 s, 2.7 s and 1.9 s, and takes the disk's bandwidth from the database.
_PAGE = 4096
_MAX_BLOCK = 128 << 10
# 16 TiB of content. Bounds the time that a hostile file can take, as the next one does for tar.
_MAX_BLOCKS = 1 << 27
_MAX_ENTRIES = 1_000_000
_MAX_PAX = 1 << 20
_MAX_PAX_RECORDS = 256
_TAR_BLOCK = 512
_CHECKSUM = 4


class Abandoned(Exception):
    """A walk was left before its end, since nobody waits for it any more."""


def check_body(file: BinaryIO, head: Head, size: int, stopped: Callable[[], bool] = lambda: False) -> None:
    """Walk the body of the artifact ``file``, which is ``size`` bytes long, to its end.

    Raises ``DamagedArtifact`` unless it ends exactly there, ``OSError`` where it can't be read, and
    ``Abandoned`` once it is ``stopped``.
    """
    if head.zstd:
        _walk_frame(file, head.body_offset, size, stopped)
    else:
        _walk_tar(file, head.body_offset, size, stopped)


def _walk_frame(file: BinaryIO, begin: int, size: int, stopped: Callable[[], bool]) -> None:
    """Go from block to block by their 3-byte headers: last block (1 bit), type (2 bits), size (21 bits)."""
    parameters, length = read_frame_header(_at(file, begin, MAX_FRAME_HEADER))
    largest = min(parameters.window_size, _MAX_BLOCK)
    offset = begin + length
    window, start, blocks, last = b"", 0, 0, 0
    while not last:
        at = offset - start
        if at + 3 > len(window):
            if stopped():
                raise Abandoned
            count = _PAGE - offset % _PAGE
            window, start, at = _at(file, offset, count if count >= 3 else count + _PAGE), offset, 0
            if len(window) < 3:
                raise DamagedArtifact("it ends before the last block of its zstd frame")
        header = int.from_bytes(window[at : at + 3], "little")
        last, kind, block = header & 1, header >> 1 & 3, header >> 3
        if kind == 3 or block > largest:
            raise DamagedArtifact(f"its zstd frame has no block at byte {offset}, where one should begin")
        # zstd writes none of these, and a hole in a file, which reads as zeros, would be all of them.
        if block == 0 and not last:
            raise DamagedArtifact(f"its zstd frame has an empty block at byte {offset}")
        if (blocks := blocks + 1) > _MAX_BLOCKS:
            raise DamagedArtifact("its zstd frame has more blocks than any backup")
        offset += 3 + (1 if kind == 1 else block)
    _expect_end(offset + (_CHECKSUM if parameters.has_checksum else 0), size, "zstd frame")
    if upto(content(file, begin, 2 * _MAX_BLOCK), len(CONTENT_START)) != CONTENT_START:
        raise DamagedArtifact(NOT_NEO4JS)


def _walk_tar(file: BinaryIO, offset: int, size: int, stopped: Callable[[], bool]) -> None:
    """Go from header to header to the two blocks of zeros that end a tar stream."""
    import tarfile

    extended, long_size = False, None
    for _ in range(_MAX_ENTRIES):
        if stopped():
            raise Abandoned
        # Not by a seek: a header may tell a size that no file, and no seek, takes.
        block = _at(file, offset, _TAR_BLOCK) if offset < size else b""
        if len(block) < _TAR_BLOCK:
            raise DamagedArtifact("it ends before the end of its tar stream")
        if not any(block):
            if extended or any(_at(file, offset + _TAR_BLOCK, _TAR_BLOCK)):
                raise DamagedArtifact(f"its tar stream is torn at byte {offset}")
            _expect_end(offset + 2 * _TAR_BLOCK, size, "tar stream")
            return
        try:
            entry = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            raise DamagedArtifact(f"its tar stream has no header at byte {offset} ({error})") from error
        length = entry.size
        if entry.type == tarfile.XHDTYPE and 0 <= length <= _MAX_PAX:
            extended, long_size = True, _pax_size(_at(file, offset + _TAR_BLOCK, length))
        elif entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and length >= 0:
            length = length if long_size is None else long_size
            extended, long_size = False, None
        elif entry.type == tarfile.DIRTYPE and length == 0:
            extended, long_size = False, None
        else:
            raise DamagedArtifact(
                f"its tar stream has an entry at byte {offset} that no backup has (type {entry.type!r}, {length} bytes)"
            )
        offset += _TAR_BLOCK * (1 + -(-length // _TAR_BLOCK))
    raise DamagedArtifact("its tar stream has more entries than any backup")


def _pax_size(data: bytes) -> int | None:
    """Give the ``size`` of a pax header, whose records are ``LENGTH KEY=VALUE\\n``: a file above 8 GiB has one."""
    size: int | None = None
    at = 0
    for _ in range(_MAX_PAX_RECORDS):
        if at == len(data):
            return size
        digits, space, _ = data[at : at + 12].partition(b" ")
        end = at + (int(digits) if digits.isdigit() else 0)
        if not space or not at < end <= len(data) or data[end - 1] != ord("\n"):
            raise DamagedArtifact("its tar stream has an extended header that is torn")
        key, _, value = data[at + len(digits) + 1 : end - 1].partition(b"=")
        if key == b"size":
            if not value.isdigit() or len(value) > 19:
                raise DamagedArtifact("its tar stream has an extended header whose size is no number")
            size = int(value)
        at = end
    raise DamagedArtifact(f"its tar stream has an extended header of more than {_MAX_PAX_RECORDS} records")


def _at(file: BinaryIO, offset: int, count: int) -> bytes:
    file.seek(offset)
    return upto(file.read, count)


def _expect_end(end: int, size: int, what: str) -> None:
    if end > size:
        raise DamagedArtifact(f"it ends {end - size} bytes before its {what} does")
    if end < size:
        raise DamagedArtifact(f"it goes on for {size - end} bytes after its {what} has ended")
