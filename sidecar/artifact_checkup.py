"""What ``neo4j-backup check`` says of the artifacts in a target: which are damaged, and what mends that."""

import asyncio
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.errors import BackupError
from shared.protocol import Check, CheckState
from sidecar.artifact import DamagedArtifact, Head, HeadOrProblem
from sidecar.artifact_names import artifacts_of, parse_name
from sidecar.body import Abandoned
from sidecar.foundation import Damage, Foundation, foundation
from sidecar.links import Links
from sidecar.target import Target, open_target
from sidecar.threads import in_thread

LOOK_SECONDS = 12.0
"""How long one look may take: a courier gives up on a sidecar that is silent for 20 s."""
_NAMED = 5
_NAME = "artifacts"
_WRITTEN = "A backup writes there now, and its artifact isn't whole before its end: check again after that."


@dataclass(slots=True)
class Look:
    """One look at a target: the heads of all artifacts, then what the next differential of each database builds on.

    A thread fills it, others read it meanwhile; ``stopped`` ends it. ``written`` is whether a backup writes there now.
    """

    path: str
    roots: tuple[str, ...]
    links: Links
    prefer_diff: bool
    overlap_allowed: bool
    written: bool = False
    stopped: bool = False
    names: tuple[str, ...] = ()
    heads: dict[str, HeadOrProblem] = field(default_factory=dict)
    grounds: dict[str, Foundation] = field(default_factory=dict)
    walked: dict[str, Damage | None] = field(default_factory=dict)

    def run(self) -> None:
        """Look until all is seen. Raises BackupError where the target can't be looked at, Abandoned when stopped."""
        with open_target(self.path, self.roots, create=False) as target:
            self.names = tuple(sorted(target.artifacts()))
            for name in self.names:
                if self.stopped:
                    raise Abandoned
                self.heads |= self.links.heads.of(target, [name])
            for database in sorted({parsed.database for name in self.names if (parsed := parse_name(name))}):
                self._walk(target, database)

    def _walk(self, target: Target, database: str) -> None:
        found = {name: self.heads[name] for name in artifacts_of(database, self.names)}
        ground = self.grounds[database] = self._foundation(found)
        damage = ground.damage or self.links.damage(target, ground.paths, lambda: self.stopped)
        self.walked[database] = damage

    def _foundation(self, found: Mapping[str, HeadOrProblem]) -> Foundation:
        heads = {name: head for name, head in found.items() if isinstance(head, Head)}
        problems = {name: problem for name, problem in found.items() if not isinstance(problem, Head)}
        return foundation(heads, problems, prefer_diff=self.prefer_diff, overlap_allowed=self.overlap_allowed)


async def look_at(look: Look, seconds: float = LOOK_SECONDS) -> list[Check]:
    """Look for so many seconds, and tell what was seen, and how far that got."""
    looking = in_thread(look.run)
    done, _ = await asyncio.wait({looking}, timeout=seconds)
    look.stopped = True
    looking.cancel()
    if done:
        try:
            looking.result()
        except BackupError:
            # The line about the target has told it.
            return []
    return told(look, whole=bool(done), seconds=seconds)


def told(look: Look, *, whole: bool, seconds: float) -> list[Check]:
    """Put into words what a look has seen; ``whole`` is whether it came to its end in its ``seconds``."""
    # Copies: a disk that hangs has the thread still at it.
    in_the_way = {database: damage for database, damage in dict(look.walked).items() if damage is not None}
    checks = [_failed(look.path, database, damage) for database, damage in in_the_way.items()]
    needed = {damage.artifact for damage in in_the_way.values()}
    others = [
        f"{name} ({head.reason})"
        for name, head in dict(look.heads).items()
        if isinstance(head, DamagedArtifact) and name not in needed
    ]
    if others:
        checks.append(_useless(look.path, others))
    if look.written:
        checks = [check.model_copy(update={"state": CheckState.UNKNOWN, "hint": _WRITTEN}) for check in checks]
    if not whole:
        return [*checks, _unfinished(look, seconds)]
    return checks or [_sound(look)]


def _failed(path: str, database: str, damage: Damage) -> Check:
    command = shlex.join(("neo4j-backup", "trigger", "--path", path, "--type", "FULL", "--database", database))
    return Check(
        name=_NAME,
        state=CheckState.FAILED,
        message=f"the next differential of {database} would build on {damage.artifact} in {path}, which {damage.fault}",
        hint=f"Make a full backup, on which the next ones build (AUTO does that by itself): {command}, "
        "with the options by which this check has found the sidecar.",
    )


def _useless(path: str, others: list[str]) -> Check:
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return Check(
        name=_NAME,
        state=CheckState.UNKNOWN,
        message=f"damaged in {path}: {', '.join(others[:_NAMED])}{more}",
        hint="No backup builds on them. They can't be restored, nor what continues them: move them away once nobody "
        "wants to look at them.",
    )


def _unfinished(look: Look, seconds: float) -> Check:
    databases = {parsed.database for name in look.names if (parsed := parse_name(name))}
    return Check(
        name=_NAME,
        state=CheckState.UNKNOWN,
        message=f"{look.path}: in {seconds:.0f} s {len(look.heads)} of {len(look.names)} heads were read, and the "
        f"newest chain of {len(look.walked)} of {len(databases)} databases to its end",
        hint="What was read whole isn't read again: ask once more. AUTO and DIFF read the rest before they are run.",
    )


def _sound(look: Look) -> Check:
    if not look.names:
        return Check(name=_NAME, state=CheckState.OK, message=f"none lies in {look.path} yet")
    count = "1 artifact" if len(look.names) == 1 else f"{len(look.names)} artifacts"
    chains = [database for database, ground in look.grounds.items() if ground.paths]
    what = f"; the newest chain of {', '.join(chains)} is whole" if chains else ""
    return Check(name=_NAME, state=CheckState.OK, message=f"{count} in {look.path}{what}")
