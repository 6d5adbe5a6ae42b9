"""The start of the zstd frame of an artifact: its header and its first bytes, read without trusting either."""

from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from sidecar.artifact import DamagedArtifact

if TYPE_CHECKING:
    from zstandard import FrameParameters

MAX_FRAME_HEADER = 18
CONTENT_START = b"zstd"
NOT_NEO4JS = "its zstd frame doesn't begin with the word that Neo4j puts there"

_MAGIC = b"\x28\xb5\x2f\xfd"
# What zstd's own readers, Neo4j's among them, accept unless told otherwise.
_MAX_WINDOW = 1 << 27
_CHUNK = 16 << 10


def read_frame_header(data: bytes) -> "tuple[FrameParameters, int]":
    """Give what the zstd frame that begins ``data`` says of itself, and its header's length in bytes.

    ``data`` holds the frame's first 18 bytes, or what there is of them. Raises ``DamagedArtifact``.
    """
    import zstandard

    if not data.startswith(_MAGIC):
        raise DamagedArtifact("its zstd frame is missing where it should begin")
    try:
        parameters = zstandard.get_frame_parameters(data)
        length = zstandard.frame_header_size(data)
    except zstandard.ZstdError as error:
        raise DamagedArtifact(f"its zstd frame has no readable header ({error})") from error
    if parameters.window_size > _MAX_WINDOW:
        raise DamagedArtifact(f"its zstd frame asks for {parameters.window_size} bytes of memory to read it")
    if parameters.dict_id:
        raise DamagedArtifact("its zstd frame wants a dictionary, which no backup has")
    return parameters, length


def content(file: BinaryIO, offset: int, limit: int) -> Callable[[int], bytes]:
    """Give a reader of what the zstd frame at ``offset`` holds, decompressing at most ``limit`` bytes of it.

    This call and the reader raise ``DamagedArtifact``.
    """
    import zstandard

    file.seek(offset)
    read_frame_header(upto(file.read, MAX_FRAME_HEADER))
    file.seek(offset)
    # zstandard asks for nothing but `read`, whatever its types say.
    source = cast("BinaryIO", _Bounded(file.read, limit))
    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(source, read_size=_CHUNK)

    def read(count: int) -> bytes:
        try:
            return reader.read(count)
        except zstandard.ZstdError as error:
            raise DamagedArtifact(f"its zstd frame can't be decompressed ({error})") from error

    return read


def upto(read: Callable[[int], bytes], count: int) -> bytes:
    """Read ``count`` bytes, fewer only at the end: a single ``read`` may give less than is there."""
    data = b""
    while len(data) < count and (more := read(count - len(data))):
        data += more
    return data


class _Bounded:
    """A source that ends after ``limit`` bytes: a frame of empty blocks would otherwise be read to its end."""

    def __init__(self, read: Callable[[int], bytes], limit: int) -> None:
        self._read = read
        self._left = limit

    def read(self, count: int) -> bytes:
        data = self._read(min(count, self._left))
        self._left -= len(data)
        return data
