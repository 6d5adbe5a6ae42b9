"""The backups of the model's databases: what neo4j-admin makes of them, and which that lie there can be restored."""

from dataclasses import dataclass
from pathlib import Path

from tests.standin import chain
from tests.standin.artifact import Shape
from tests.standin.head import Head
from tests.standin.state import Database
from tests.standin.tar import END
from tests.unit.artifacts import tar_entry


@dataclass(frozen=True, slots=True)
class Made:
    """A backup as it is when whole: it leads from the transaction ``after`` to ``highest``, a full one from none.

    Where nothing was new, both are the same. ``parent`` is what it was built on.
    """

    name: str
    database: str
    full: bool
    parent: str | None
    after: int
    highest: int
    content: bytes

    @property
    def half(self) -> bytes:
        """Its head and some of its body."""
        return self.content[: len(self.content) // 2]


class Backups:
    """Makes backups, none of which lies in ``target`` by that, and knows each of them as it is when whole.

    Whether one continues what lies there is decided as the stand-in does it, which shares no code with the daemon.
    """

    def __init__(self, target: Path) -> None:
        self.made: dict[str, Made] = {}
        self._target = target

    def make(self, kind: str, database: str, moment: int) -> Made | None:
        """Give what a run of the type ``kind`` makes; None where that is a differential with nothing to build on."""
        server = self._server(database)
        before = chain.parent(chain.find(str(self._target)), chain.identity_of(server), prefer_diff=False)
        plan = chain.plan(kind, server, before, pruned_falls_back=False)
        if plan.refusal:
            return None
        return self._keep(server, moment, plan, None if plan.full else before)

    def make_stray(self, database: str, moment: int) -> Made:
        """Give a differential that continues nothing, since links before it are missing."""
        server = self._server(database)
        lowest = server.last_index + 7
        return self._keep(server, moment, chain.Plan(full=False, lowest=lowest, highest=lowest + 2), None)

    def restorable(self) -> set[str]:
        """Name what lies whole in the target and has an unbroken way from a full backup that lies there whole."""
        lying = [made for made in self.made.values() if self._lies_whole(made)]
        ways = [made for made in lying if made.full]
        ends = {(full.database, full.highest) for full in ways}
        for differential in sorted((made for made in lying if not made.full), key=lambda made: made.after):
            if (differential.database, differential.after) in ends:
                ends.add((differential.database, differential.highest))
                ways.append(differential)
        return {made.name for made in ways}

    def _lies_whole(self, made: Made) -> bool:
        path = Path(self._target, made.name)
        return path.exists() and path.read_bytes() == made.content

    def _server(self, database: str) -> Database:
        # Each other time something was committed meanwhile.
        return Database(database, {"last_index": 1 + (len(self.made) + 1) // 2})

    def _keep(self, server: Database, moment: int, plan: chain.Plan, before: chain.Found | None) -> Made:
        head = Head(
            database=server.name,
            database_id=server.database_id,
            store_created=server.store_created,
            store_random=server.store_random,
            time=moment,
            lowest=plan.lowest,
            highest=plan.highest,
            full=plan.full,
            recovered=plan.full,
            compressed=False,
        )
        content = b"".join(Shape().opening(head)) + tar_entry("./neostore", b"store") + END
        name = self._name(server.name)
        after = plan.lowest - 1 if before is None else before.head.highest
        made = self.made[name] = Made(
            name=name,
            database=server.name,
            full=plan.full,
            parent=before.name if before else None,
            after=after,
            highest=max(after, plan.highest),
            content=content,
        )
        return made

    def _name(self, database: str) -> str:
        """Name an artifact; the real one takes the time, but here the wall clock may give some of it twice."""
        made = len(self.made)
        return f"{database}-2026-11-23T{made // 3600:02}-{made // 60 % 60:02}-{made % 60:02}.backup"
