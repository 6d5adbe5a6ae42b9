"""A folder as a tar stream, shaped as Neo4j's archives are: a tree under `./`, a PAX header before each entry."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RECORD = 512
CHUNK = 64 * 1024
END = bytes(2 * RECORD)
"""Nothing follows it: Neo4j pads to no larger block."""

_LARGEST = 8**11 - 1


def tree(root: str) -> Iterator[bytes]:
    """The entries of ``root`` and all below it, without the end mark: an artifact holds two trees in one tar."""
    for folder, below, names in os.walk(root):
        below.sort()
        relative = os.path.relpath(folder, root)
        shown = "./" if relative == "." else f"./{relative}/"
        yield from _entry(shown, os.stat(folder), b"5", 0)
        for name in sorted(names):
            path = f"{folder}/{name}"
            with open(path, "rb", buffering=0) as file:
                status = os.fstat(file.fileno())
                yield from _entry(shown + name, status, b"0", status.st_size)
                yield from _contents(file.fileno(), status.st_size, path)


def size(root: str) -> int:
    """The bytes that ``tree`` will yield, near enough to pace by."""
    return sum(
        RECORD * 3 + -(-os.path.getsize(f"{folder}/{name}") // RECORD) * RECORD
        for folder, _, names in os.walk(root)
        for name in names
    )


def header(name: str, *, kind: bytes, mode: int, length: int, mtime: int) -> bytes:
    """One 512-byte ustar header; raises ``ValueError`` for what needs an extension."""
    if len(name.encode()) > 100 or length > _LARGEST:
        raise ValueError(f"{name!r} with {length} bytes does not fit a plain tar header")
    fields = (
        name.encode().ljust(100, b"\0"),
        b"%07o\0" % mode,
        b"0000000\0" * 2,
        b"%011o\0" % length,
        b"%011o\0" % mtime,
        b" " * 8,
        kind,
        bytes(100),
        b"ustar\x0000",
        b"neo4j".ljust(32, b"\0"),
        b"neo4j".ljust(32, b"\0"),
        b"0000000\0" * 2,
        bytes(155 + 12),
    )
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def _entry(name: str, status: os.stat_result, kind: bytes, length: int) -> Iterator[bytes]:
    times = (("atime", status.st_atime), ("ctime", status.st_ctime), ("mtime", status.st_mtime))
    extended = b"".join(_pax(key, f"{value:.7f}") for key, value in times)
    folder, _, last = name.rstrip("/").rpartition("/")
    mtime = int(status.st_mtime)
    yield header(f"{folder}/PaxHeaders.X/{last}", kind=b"x", mode=0o100644, length=len(extended), mtime=mtime)
    yield extended + bytes(-len(extended) % RECORD)
    yield header(name, kind=kind, mode=status.st_mode, length=length, mtime=mtime)


def _pax(key: str, value: str) -> bytes:
    """``LENGTH key=value\\n``, where the length counts itself."""
    body = f" {key}={value}\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length += 1
    return f"{length}{body}".encode()


def _contents(descriptor: int, length: int, path: str) -> Iterator[bytes]:
    left = length
    while left:
        chunk = os.read(descriptor, min(CHUNK, left))
        if not chunk:
            raise OSError(f"{path} became shorter while it was archived")
        left -= len(chunk)
        yield chunk
    if length % RECORD:
        yield bytes(-length % RECORD)
