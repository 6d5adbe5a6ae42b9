"""The head of an artifact as bytes, both ways, after reference/backup-artifact-format.md."""

from __future__ import annotations

import struct

_FIXED = struct.Struct(">qqq")


class Head:
    """What metadata 1 and 2 hold; times are seconds since the epoch, ``store_created`` is milliseconds."""

    __slots__ = (
        "compressed",
        "database",
        "database_id",
        "format_name",
        "format_version",
        "full",
        "highest",
        "lowest",
        "metadata",
        "recovered",
        "store_created",
        "store_engine",
        "store_random",
        "time",
    )

    def __init__(
        self,
        *,
        database: str,
        database_id: bytes,
        store_created: int,
        store_random: int,
        time: int,
        lowest: int,
        highest: int,
        full: bool,
        recovered: bool,
        compressed: bool,
        store_engine: str = "record",
        format_name: str = "aligned",
        format_version: tuple[int, int] = (1, 1),
        metadata: dict[str, str] | None = None,
    ) -> None:
        self.database = database
        self.database_id = database_id
        self.store_created = store_created
        self.store_random = store_random
        self.store_engine = store_engine
        self.format_name = format_name
        self.format_version = format_version
        self.time = time
        self.lowest = lowest
        self.highest = highest
        self.full = full
        self.recovered = recovered
        self.compressed = compressed
        self.metadata = metadata or {}

    @property
    def empty(self) -> bool:
        return self.lowest == 0 and self.highest == 0

    @property
    def identity(self) -> tuple[object, ...]:
        """Database and store: what a chain's members have in common."""
        store = (self.store_created, self.store_random, self.store_engine, self.format_name, self.format_version)
        return (self.database_id, *store)


def metadata_1(head: Head) -> bytes:
    flags = head.recovered | head.compressed << 1 | head.full << 2
    return b"".join(
        (
            b"\x01",
            struct.pack(">qq", head.store_created, head.store_random),
            _short(head.store_engine.encode()),
            _short(head.format_name.encode()),
            bytes(head.format_version),
            _short(head.database_id),
            _short(head.database.encode()),
            _FIXED.pack(head.time, head.lowest, head.highest),
            _short(bytes((flags,))),
        )
    )


def metadata_2(head: Head) -> bytes:
    entries = b"".join(_long(key.encode()) + _long(value.encode()) for key, value in head.metadata.items())
    return metadata_1(head) + struct.pack(">i", len(head.metadata)) + entries


class TooShort(ValueError):
    """The bytes end within the head."""


class Reader:
    """Takes fields off the front of bytes; raises ``TooShort`` where they end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise TooShort(f"{count} bytes are wanted at {self.at} of {len(self.data)}")
        taken = self.data[self.at : self.at + count]
        self.at += count
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big", signed=size > 1)

    def short(self) -> bytes:
        return self.take(self.number(1))

    def long(self) -> bytes:
        return self.take(self.number(4))


def read_metadata_1(reader: Reader) -> Head:
    """Raises ``ValueError`` for what is no metadata 1."""
    if reader.number(1) != 1:
        raise ValueError("a store id of an unknown version")
    created, random = reader.number(8), reader.number(8)
    engine, format_name = reader.short().decode(), reader.short().decode()
    format_version = (reader.number(1), reader.number(1))
    database_id, database = reader.short(), reader.short().decode()
    time, lowest, highest = _FIXED.unpack(reader.take(_FIXED.size))
    flags = int.from_bytes(reader.short(), "big")
    return Head(
        database=database,
        database_id=database_id,
        store_created=created,
        store_random=random,
        store_engine=engine,
        format_name=format_name,
        format_version=format_version,
        time=time,
        lowest=lowest,
        highest=highest,
        recovered=bool(flags & 1),
        compressed=bool(flags & 2),
        full=bool(flags & 4),
    )


def read_metadata_2(reader: Reader) -> Head:
    """Raises ``ValueError`` for what is no metadata 2."""
    head = read_metadata_1(reader)
    head.metadata = {reader.long().decode(): reader.long().decode() for _ in range(reader.number(4))}
    return head


def _short(data: bytes) -> bytes:
    return bytes((len(data),)) + data


def _long(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data
