"""Decides what a run makes: which artifact a differential continues, and what happens where none can be."""

from __future__ import annotations

import os

from . import artifact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .head import Head
    from .state import Database

NO_PARENT = (
    "Differential backups require that a full backup of the same database exists in the folder defined in --to-path."
)
PRUNED = "FAKE: the server has no longer the transactions that a differential backup would begin with"
SHARD = "FAKE: a property shard takes full backups only"


class Found:
    """An artifact with a head that can be read."""

    __slots__ = ("head", "name")

    def __init__(self, name: str, head: Head) -> None:
        self.name = name
        self.head = head


class Plan:
    """What is made: full or not, from which append index to which (0 and 0: nothing is new).

    ``fallback`` is why it isn't the differential that was tried first; ``refusal`` why nothing is made.
    """

    __slots__ = ("fallback", "full", "highest", "lowest", "refusal")

    def __init__(self, *, full: bool, lowest: int, highest: int, fallback: str = "", refusal: str = "") -> None:
        self.full = full
        self.lowest = lowest
        self.highest = highest
        self.fallback = fallback
        self.refusal = refusal

    @property
    def empty(self) -> bool:
        return self.highest == 0


def find(folder: str) -> list[Found]:
    """The artifacts that lie directly in ``folder``; what can't be read as one isn't there."""
    found: list[Found] = []
    for name in sorted(os.listdir(folder)):
        path = f"{folder}/{name}"
        if name.endswith(artifact.SUFFIX) and os.path.isfile(path) and (head := artifact.read(path)):
            found.append(Found(name, head))
    return found


def parent(found: list[Found], identity: tuple[object, ...], *, prefer_diff: bool) -> Found | None:
    """The newest artifact of the same database and store that holds transactions, where a full one is there at all."""
    same = [one for one in found if one.head.identity == identity]
    if not any(one.head.full for one in same):
        return None
    loaded = [one for one in same if not one.head.empty]
    diffs = [one for one in loaded if not one.head.full] if prefer_diff else []
    return max(diffs or loaded, key=lambda one: (one.head.time, one.head.highest, one.name), default=None)


def plan(kind: str, database: Database, before: Found | None, *, pruned_falls_back: bool) -> Plan:
    """``kind`` is FULL, DIFF or AUTO; ``before`` the artifact to continue."""
    full = Plan(full=True, lowest=1, highest=max(database.last_index, 1))
    if kind == "FULL":
        return full
    lowest = before.head.highest + 1 if before else 0
    if database.kind == "shard":
        reason, may_fall_back = SHARD, False
    elif not before:
        reason, may_fall_back = NO_PARENT, False
    elif database.last_index >= lowest < database.pruned_below:
        reason, may_fall_back = PRUNED, pruned_falls_back
    else:
        new = database.last_index >= lowest
        return Plan(full=False, lowest=lowest if new else 0, highest=database.last_index if new else 0)
    if kind == "AUTO" or may_fall_back:
        full.fallback = reason
        return full
    return Plan(full=False, lowest=0, highest=0, refusal=reason)


def identity_of(database: Database) -> tuple[object, ...]:
    """As ``Head.identity``, for the database as the server has it."""
    store = (database.store_created, database.store_random, database.store_engine, database.format_name, (1, 1))
    return (database.database_id, *store)
