"""The working copy of a pretended store: files of filler in Neo4j's layout, written in bounded memory."""

from __future__ import annotations

import os
from _random import Random

from .artifact import write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .stages import Pace
    from .state import Database

CHUNK = 64 * 1024
LARGEST_FILE = 1 << 30
_TEXT = b"All that is gold does not glitter, not all those who wander are lost; this is filler. " * 16


def chunks(seed: int, count: int, fill: str) -> Iterator[bytes]:
    """``count`` bytes that depend on the seed alone; ``random`` doesn't compress, ``text`` does."""
    random = Random(seed)
    while count > 0:
        length = min(CHUNK, count)
        if fill == "random":
            yield random.getrandbits(8 * length).to_bytes(length, "little")
        else:
            yield (_TEXT * (length // len(_TEXT) + 1))[:length]
        count -= length


def store(folder: str, database: Database, pace: Pace) -> None:
    """The store's files, ``database.size`` bytes in all, in ``<folder>/databases/<name>``."""
    target = f"{folder}/databases/{database.name}"
    os.makedirs(target)
    _file(f"{target}/neostore", pace.through(chunks(database.store_random, min(8192, database.size), "random")))
    left, number = database.size - 8192, 0
    while left > 0:
        length = min(left, LARGEST_FILE)
        name = "neostore.nodestore.db" + (f".{number}" if number else "")
        seed = database.store_random + number + 1
        _file(f"{target}/{name}", pace.through(chunks(seed, length, database.fill)))
        left, number = left - length, number + 1
    pace.finish()


def transactions(folder: str, database: Database, lowest: int, highest: int, pace: Pace) -> None:
    """The log of the transactions from ``lowest`` to ``highest``, in ``<folder>/transactions/<name>``."""
    target = f"{folder}/transactions/{database.name}"
    os.makedirs(target)
    count = (highest - lowest + 1) * database.bytes_per_index if highest else 0
    _file(f"{target}/neostore.transaction.db.0", pace.through(chunks(lowest, count, database.fill)))
    pace.finish()


def _file(path: str, contents: Iterator[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        for chunk in contents:
            write_all(descriptor, chunk)
    finally:
        os.close(descriptor)
