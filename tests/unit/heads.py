"""Heads of artifacts of one store, for tests of what is decided from them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sidecar.artifact import Head, StoreId

STORE = StoreId(1, 2, "record", "aligned", 1, 1)
START = datetime(2026, 11, 23, tzinfo=UTC)
FULL = Head(
    magic="BZV2",
    store_id=STORE,
    database_id=UUID(int=7),
    database="neo4j",
    taken_at=START,
    lowest=1,
    highest=10,
    recovered=True,
    compressed=True,
    full=True,
    body_offset=4,
)


def full(highest: int, *, hour: int = 0) -> Head:
    return replace(FULL, highest=highest, taken_at=START + timedelta(hours=hour))


def diff(lowest: int, highest: int, *, hour: int = 0) -> Head:
    return replace(FULL, lowest=lowest, highest=highest, full=False, taken_at=START + timedelta(hours=hour))
