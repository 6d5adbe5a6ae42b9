"""What is looked at after a run: the proof of a success, the facts of a failure."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ArtifactUnverified, BackupError, BackupTimedOut
from sidecar.artifact import DamagedArtifact, Head, UnreadArtifact
from sidecar.artifact_names import artifacts_of, parse_name
from sidecar.chain import chains
from sidecar.data_folder import database_there
from sidecar.links import Links, leading_to
from sidecar.neo4j_admin.facts import Facts
from sidecar.neo4j_admin.output import Observed
from sidecar.neo4j_admin.runner import Exit
from sidecar.neo4j_admin.store_lock import store_open
from sidecar.plan import Plan
from sidecar.planning import TRIGGER_FULL
from sidecar.preparation import Prepared
from sidecar.proof import ArtifactUnread, Evidence, Proven, judge, new_artifacts, unread
from sidecar.server import server_version, takes_connections
from sidecar.settings import Settings
from sidecar.stop_sign import StopSign
from sidecar.supervision import Ended
from sidecar.target import Target
from sidecar.temporary import file_system_of
from sidecar.threads import NoThread, in_time

CONNECT_SECONDS = 3.0
DISK_SECONDS = 10.0
FOLDER_SECONDS = 120.0
"""How long the target may take to answer before a run, and to be tidied after it."""
PROOF_SECONDS = 6 * 3600.0
PATIENCE_SECONDS = 60.0
"""How long a disk is asked again that doesn't give what a run left: it may fail for a moment."""
_AGAIN_SECONDS = 2.0
VOLUME_HINT = "Its volume hangs or is very slow: see how the node and the storage are."
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


async def prove(
    target: Target,
    plan: Plan,
    observed: Observed,
    links: Links,
    ended: Ended,
    sign: StopSign,
    *,
    overlap_allowed: bool,
) -> Proven | ArtifactUnverified:
    """Look at what a run that exited 0 has left; one that was ended in its last moment is looked at too."""
    left = threading.Event()
    patience = PATIENCE_SECONDS if ended.by is None else 0

    def work() -> Proven | ArtifactUnverified:
        return examine(
            target,
            plan,
            observed,
            links,
            overlap_allowed=overlap_allowed,
            patience=patience,
            stopped=left.is_set,
        )

    try:
        if ended.by is None:
            late = BackupTimedOut(f"the artifact in {target.path} can't be read to its end in time", hint=VOLUME_HINT)
            return await sign.guard(work, PROOF_SECONDS, late)
        judged = await in_time(work, FOLDER_SECONDS)
        if judged is None:
            raise ended.by
        return judged
    except NoThread as error:
        return unread(error.message)
    finally:
        left.set()


def examine(
    target: Target,
    plan: Plan,
    observed: Observed,
    links: Links,
    *,
    overlap_allowed: bool,
    patience: float = PATIENCE_SECONDS,
    stopped: Callable[[], bool] = lambda: False,
) -> Proven | ArtifactUnverified:
    """Walk what the run has added, and what that builds on, and say whether it proves a backup.

    A proven one is on the disk: neo4j-admin may not have seen to that, and a power cut would take back what was told.
    Takes as long as reading what was not walked before, and writing what is only in memory; ``patience`` is for how
    long it is tried where that can't be read. Raises Abandoned once it is ``stopped``.
    """
    until: float | None = None
    while True:
        judged = _examine(target, plan, observed, links, stopped, overlap_allowed=overlap_allowed)
        if not isinstance(judged, ArtifactUnread):
            return judged
        now = time.monotonic()
        until = now + patience if until is None else until
        if now >= until or stopped():
            return judged
        time.sleep(_AGAIN_SECONDS)


def _examine(
    target: Target, plan: Plan, observed: Observed, links: Links, stopped: Callable[[], bool], *, overlap_allowed: bool
) -> Proven | ArtifactUnverified:
    before = frozenset(plan.before)
    try:
        after = target.listing(plan.database)
    except BackupError as error:
        return unread(error.message)
    new = new_artifacts(plan.database, before, after)
    examined = {name: target.examine(name, stopped) for name in new}
    # What couldn't be read when the run was planned may be what it continues.
    again = target.heads(name for name, problem in plan.problems.items() if isinstance(problem, UnreadArtifact))
    existing = {**plan.heads, **{name: head for name, head in again.items() if isinstance(head, Head)}}
    judged = judge(
        Evidence(
            database=plan.database,
            asked=plan.type.value,
            overlap_allowed=overlap_allowed,
            finished=observed.finished,
            before=before,
            after=after,
            examined=examined,
            existing=existing,
        )
    )
    if isinstance(judged, ArtifactUnverified):
        return judged
    head = examined[judged.artifact].head
    if judged.type == "DIFF" and isinstance(head, Head):
        ways = leading_to(head, existing, overlap_allowed=overlap_allowed)
        if (damage := links.damage(target, ways, stopped)) is not None:
            if damage.unread:
                return unread(f"the new differential builds on {damage}")
            return ArtifactUnverified(
                f"the new differential builds on {damage.artifact}, which {damage.fault}", hint=TRIGGER_FULL
            )
    try:
        target.keep(name for name in after if (parsed := parse_name(name)) and parsed.artifact == judged.artifact)
    except (OSError, DamagedArtifact) as error:
        return ArtifactUnverified(
            f"{judged.artifact} is whole, and can't be put on the disk: {error}",
            hint="Look at the volume that it lies on: what is written there may be lost.",
        )
    links.remember(target, judged.artifact)
    return judged


async def gather_facts(
    exit_: Exit,
    observed: Observed,
    plan: Plan,
    target: Target,
    prepared: Prepared,
    settings: Settings,
    *,
    oom_killed: bool | None,
    least_free: int | None,
) -> Facts:
    """Check what can be checked right after a run that failed."""
    connects, server, looked = await asyncio.gather(
        takes_connections(settings.from_, CONNECT_SECONDS),
        in_time(server_version, DISK_SECONDS),
        in_time(lambda: _look(plan, target, settings), DISK_SECONDS),
    )
    # A disk that doesn't answer tells nothing.
    disks = looked or _Disks()
    return Facts(
        exit=exit_,
        observed=observed,
        database=plan.database,
        type=plan.type,
        target=target.path,
        temp=plan.temporary,
        version=prepared.version,
        options=settings.options,
        connects=connects,
        database_folder=disks.database_folder,
        database_open=disks.database_open,
        target_writable=disks.target_writable,
        temp_writable=disks.temporary_writable,
        target_free=least_free,
        temp_free=disks.temporary_free,
        oom_killed=oom_killed,
        chain=_has_chain(plan.heads, target, plan, overlap_allowed=prepared.version.overlap_allowed),
        enterprise=prepared.enterprise,
        server_version=server,
    )


@dataclass(frozen=True, slots=True)
class _Disks:
    """What a look at the disks told; None is what it didn't tell."""

    database_folder: bool | None = None
    database_open: bool | None = None
    target_writable: bool | None = None
    temporary_writable: bool | None = None
    temporary_free: int | None = None


def _look(plan: Plan, target: Target, settings: Settings) -> _Disks:
    beside = all(address.rpartition(":")[0] in _LOOPBACK for address in settings.from_)
    return _Disks(
        database_folder=database_there(settings.data, plan.database) if beside else None,
        database_open=store_open(Path(settings.data, "databases"), plan.database) if beside else None,
        target_writable=_is_writable(target),
        temporary_writable=os.access(plan.temporary, os.W_OK) if os.path.isdir(plan.temporary) else None,
        temporary_free=_free_bytes(plan.temporary),
    )


def _has_chain(heads: Mapping[str, object], target: Target, plan: Plan, *, overlap_allowed: bool) -> bool:
    readable = len(heads) == len(artifacts_of(plan.database, plan.before))
    chain = any(found.restorable for found in chains(plan.heads, overlap_allowed=overlap_allowed))
    # An artifact that couldn't be read may be the full one: then nothing is said.
    return chain or not readable


def _is_writable(target: Target) -> bool | None:
    try:
        target.check_writable()
    except BackupError:
        return False
    return True


def _free_bytes(path: str) -> int | None:
    try:
        return file_system_of(path).free_bytes
    except BackupError:
        return None
