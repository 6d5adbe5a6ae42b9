"""Whether a run of neo4j-admin that reported success has made a backup: decided from what it left."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from shared.errors import ArtifactUnverified
from sidecar.artifact import DamagedArtifact, Examined, Head, HeadOrProblem, UnknownFormat, UnreadArtifact
from sidecar.artifact_names import artifacts_of, is_of, parse_name
from sidecar.chain import Breaks, Continues, NothingNew, continuation

Asked = Literal["FULL", "DIFF", "AUTO"]
Made = Literal["FULL", "DIFF"]

_SET_ASIDE = (
    "What it left is set aside in the target's .failed folder, where no later differential builds on it."
    " Trigger a full backup; if that fails too, read what neo4j-admin printed: neo4j-backup logs ID."
)
_VOLUME = (
    "Look at the volume that it lies on: `neo4j-backup check --path` reads the artifact once it can be read, and so"
    " does each differential before it builds on it. Trigger again for a backup that is proven."
)
_LATER_RELEASE = "The file stays where it is. Use a release of neo4j-backup that knows what this Neo4j writes."


class ArtifactUnread(ArtifactUnverified):
    """What a run left can't be read now. It may be whole, and stays: a differential reads it before it builds on it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known after a run that ended with 0.

    ``finished``: the files that it said it finished for this database. ``before`` and ``after``: what is
    named like an artifact of this database or a part of one, after with sizes in bytes. ``examined``: each
    of ``new_artifacts(database, before, after)``. ``existing``: the readable heads of what lay there before.
    """

    database: str
    asked: Asked
    overlap_allowed: bool
    finished: tuple[str, ...]
    before: frozenset[str]
    after: Mapping[str, int]
    examined: Mapping[str, Examined]
    existing: Mapping[str, Head]


@dataclass(frozen=True, slots=True)
class Proven:
    """A backup was made; ``size_bytes`` counts its parts, ``note`` tells what one wouldn't have expected."""

    type: Made
    artifact: str
    size_bytes: int
    lowest_tx: int
    highest_tx: int
    note: str = ""


def new_artifacts(database: str, before: frozenset[str], after: Mapping[str, int]) -> tuple[str, ...]:
    """Name the artifacts, without parts, that a run has added."""
    return artifacts_of(database, after.keys() - before)


def to_set_aside(
    database: str,
    before: frozenset[str],
    after: Mapping[str, int],
    heads: Mapping[str, HeadOrProblem],
    later: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    """Name the files that are to be set aside after a run that didn't succeed, an artifact before its parts.

    That is all that is new, apart from artifacts of a later release, and those ``later`` than the run, with their
    parts.
    """
    stay = {name for name, head in heads.items() if isinstance(head, UnknownFormat)} | later
    return tuple(
        sorted(
            name
            for name in after.keys() - before
            if (parsed := parse_name(name)) and is_of(database, name) and parsed.artifact not in stay
        )
    )


def judge(evidence: Evidence) -> Proven | ArtifactUnverified:
    """Say whether exactly one new artifact proves that the database is backed up as it was asked for, or why not."""
    new = new_artifacts(evidence.database, evidence.before, evidence.after)
    if problem := _file_problem(evidence, new):
        return _unproven(problem)
    name = new[0]
    examined = evidence.examined[name]
    match examined.head:
        case UnknownFormat(reason=reason):
            return _unproven(f"{name} can't be judged: {reason}", hint=_LATER_RELEASE)
        case UnreadArtifact(fault=fault):
            return unread(f"{name} {fault}")
        case DamagedArtifact(reason=reason):
            return _unproven(f"{name} is not a whole backup: {reason}")
    if isinstance(examined.body, UnreadArtifact):
        return unread(f"{name} {examined.body.fault}")
    head = examined.head
    # Another backup has another time, to the second, as its name has.
    if same := next((other for other, found in evidence.existing.items() if found == head), None):
        return _unproven(f"{name} is the backup that {same} holds, which lay there before it began")
    if problem := _content_problem(evidence, head, examined.body):
        return _unproven(f"{name} {problem}")
    note = ""
    if head.full and evidence.asked == "DIFF":
        note = "a full backup was made although a differential was asked for"
    if not head.full:
        match continuation(head, evidence.existing, overlap_allowed=evidence.overlap_allowed):
            case Breaks(reason):
                return _unproven(f"{name} is no link of a chain: {reason}")
            case NothingNew(recovery_point):
                note = f"nothing had changed since transaction {recovery_point}"
            case Continues():
                pass
    return Proven(
        type="FULL" if head.full else "DIFF",
        artifact=name,
        size_bytes=sum(_sizes(evidence, name).values()),
        lowest_tx=head.lowest,
        highest_tx=head.highest,
        note=note,
    )


def unread(problem: str) -> ArtifactUnread:
    """Give the error of a run of which nothing is known but that it reported success; ``problem`` is a sentence."""
    return ArtifactUnread(
        f"neo4j-admin reported success, and that can't be proven now: {problem}; what it left stays where it is",
        hint=_VOLUME,
    )


def _file_problem(evidence: Evidence, new: tuple[str, ...]) -> str | None:
    """Say why what it said that it finished isn't the one file that is new."""
    finished = sorted({name.rpartition("/")[2] for name in evidence.finished})
    if not finished:
        return "it didn't say that it finished an artifact"
    if len(finished) > 1:
        return f"it said that it finished {len(finished)} artifacts of one database: {', '.join(map(repr, finished))}"
    name = finished[0]
    parsed = parse_name(name)
    if parsed is None or parsed.part or not is_of(evidence.database, name):
        return f"it said that it finished {name!r}, which isn't how an artifact of {evidence.database} is named"
    if name not in evidence.after:
        return f"it said that it finished {name}, and no such file lies in the target"
    if name in evidence.before:
        return f"it said that it finished {name}, which lay there before it began"
    if others := [other for other in new if other != name]:
        return f"it said that it finished {name}, and left {', '.join(others)} as well"
    if empty := [other for other, size in _sizes(evidence, name).items() if size == 0]:
        return f"{empty[0]} is of zero length"
    return None


def _content_problem(evidence: Evidence, head: Head, body: DamagedArtifact | None) -> str | None:
    """Say why the artifact isn't the backup that was asked for; a clause about it."""
    if head.database.lower() != evidence.database.lower():
        return f"holds the database {head.database!r}, not {evidence.database}"
    if body is not None:
        return f"is not a whole backup: {body.reason}"
    if head.full and head.empty:
        return "says that it is a full backup and that it holds no transaction, which no full backup does"
    if not head.full and evidence.asked == "FULL":
        return "is a differential backup, and a full one was asked for"
    return None


def _sizes(evidence: Evidence, artifact: str) -> dict[str, int]:
    """Give the sizes of an artifact and of its parts, in bytes, by name."""
    return {
        name: size
        for name, size in evidence.after.items()
        if (parsed := parse_name(name)) and parsed.artifact == artifact
    }


def _unproven(problem: str, *, hint: str = _SET_ASIDE) -> ArtifactUnverified:
    return ArtifactUnverified(f"neo4j-admin reported success, and proves no backup: {problem}", hint=hint)
