"""What is looked at after a run: the proof of a success, the facts of a failure."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ArtifactUnverified, BackupError
from sidecar.artifact import DamagedArtifact, Head
from sidecar.artifact_names import artifacts_of, parse_name
from sidecar.chain import chains
from sidecar.links import Links, leading_to
from sidecar.neo4j_admin.facts import Facts
from sidecar.neo4j_admin.output import Observed
from sidecar.neo4j_admin.runner import Exit
from sidecar.neo4j_admin.store_lock import store_open
from sidecar.plan import Plan
from sidecar.planning import TRIGGER_FULL
from sidecar.preparation import Prepared
from sidecar.proof import Evidence, Proven, judge, new_artifacts
from sidecar.server import server_version, takes_connections
from sidecar.settings import Settings
from sidecar.target import Target
from sidecar.temporary import file_system_of
from sidecar.threads import in_thread

CONNECT_SECONDS = 3.0
DISK_SECONDS = 10.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def examine(
    target: Target, plan: Plan, observed: Observed, links: Links, *, overlap_allowed: bool
) -> Proven | ArtifactUnverified:
    """Walk what the run has added, and what that builds on, and say whether it proves a backup.

    A proven one is on the disk: neo4j-admin may not have seen to that, and a power cut would take back what was told.
    Takes as long as reading what was not walked before, and writing what is only in memory.
    """
    before = frozenset(plan.before)
    after = target.listing(plan.database)
    new = new_artifacts(plan.database, before, after)
    examined = {name: target.examine(name) for name in new}
    judged = judge(
        Evidence(
            database=plan.database,
            asked=plan.type.value,
            overlap_allowed=overlap_allowed,
            finished=observed.finished,
            before=before,
            after=after,
            examined=examined,
            existing=plan.heads,
        )
    )
    if isinstance(judged, ArtifactUnverified):
        return judged
    head = examined[judged.artifact].head
    if judged.type == "DIFF" and isinstance(head, Head):
        ways = leading_to(head, plan.heads, overlap_allowed=overlap_allowed)
        if (damage := links.damage(target, ways)) is not None:
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
    connects, server, disks = await asyncio.gather(
        takes_connections(settings.from_, CONNECT_SECONDS),
        in_thread(server_version),
        _look_in_time(lambda: _look(plan, target, settings)),
    )
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


async def _look_in_time(look: Callable[[], _Disks]) -> _Disks:
    """Look in a thread; a disk that doesn't answer tells nothing."""
    looking = in_thread(look)
    done, _ = await asyncio.wait({looking}, timeout=DISK_SECONDS)
    return looking.result() if done else _Disks()


def _look(plan: Plan, target: Target, settings: Settings) -> _Disks:
    databases = Path(settings.data, "databases")
    beside = all(address.rpartition(":")[0] in _LOOPBACK for address in settings.from_) and databases.is_dir()
    return _Disks(
        database_folder=(databases / plan.database).is_dir() if beside else None,
        database_open=store_open(databases, plan.database) if beside else None,
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
