"""Reads an artifact to its end in a way of its own: decompressed, and each entry of its tar read."""

import io
import tarfile
from pathlib import Path

import zstandard

from tests.standin import artifact
from tests.standin.artifact import Shape
from tests.standin.head import Head

_TAR_END = bytes(1024)


class Broken(Exception):
    """What lies there is no whole artifact; says why."""


def read_whole(path: Path) -> Head:
    """Give the head of a whole artifact of the stand-in's usual format; Broken for anything else."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise Broken("there is no such file") from None
    head = artifact.read(str(path))
    if head is None:
        raise Broken("it has no head")
    plain, opening = Shape().opening(head)
    if not data.startswith(plain):
        raise Broken("its head is of another format")
    stream = zstandard.ZstdDecompressor().decompressobj()
    try:
        body = stream.decompress(data[len(plain) :])
    except zstandard.ZstdError as error:
        raise Broken(f"its body can't be decompressed: {error}") from error
    if not stream.eof or stream.unused_data:
        raise Broken("its frame is cut, or something follows it")
    if not body.startswith(opening) or not body.endswith(_TAR_END):
        raise Broken("its tar is cut")
    _read_tar(body[len(opening) :])
    return head


def _read_tar(body: bytes) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None and len(content.read()) != member.size:
                    raise Broken(f"{member.name} in it is cut")
    except tarfile.TarError as error:
        raise Broken(f"its tar can't be read: {error}") from error
