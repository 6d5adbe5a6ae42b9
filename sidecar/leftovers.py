"""What a run that didn't succeed has left: its artifacts set aside, its temporary folder cleared."""

import math
from collections.abc import Callable, Collection, Sequence

from shared.errors import BackupError
from sidecar.path_rules import check_target
from sidecar.proof import new_artifacts, to_set_aside
from sidecar.run_lock import last_sign
from sidecar.run_record import RunRecord
from sidecar.target import Target, open_target
from sidecar.target_lock import Held, take
from sidecar.temporary import clear_temporary

OTHERS_AFTER = 300.0
"""Seconds after a run's last sign of life from which on an artifact is somebody else's: it shows life each minute."""


def set_aside_new(
    target: Target,
    database: str,
    before: Collection[str],
    stopped: Callable[[], bool] = lambda: False,
    until: float = math.inf,
) -> tuple[str, ...]:
    """Move what is new of ``database`` to ``.failed/``; say what was done with each file and what could not be.

    Nothing is moved once it is ``stopped``: a later run may have begun, whose artifact is new as well. What is later
    than ``until``, in seconds since the epoch, is not the run's and stays.
    """
    known = frozenset(before)
    try:
        after = target.listing(database)
        heads = target.heads(new_artifacts(database, known, after))
        later = frozenset(name for name in heads if _came(target, name) > until)
        names = to_set_aside(database, known, after, heads, later)
        if stopped():
            return (f"{target.path} answered too late and was not tidied",)
        done = target.set_aside(names)
    except (BackupError, OSError) as error:
        return (f"what it left in {target.path} could not be set aside: {error}",)
    said = [f"{name} was set aside in .failed/" for name in done.moved]
    said += [f"{name} could not be set aside: {reason}" for name, reason in done.left.items()]
    said += [f"{name} is later than the run, so that it is none of its own, and stays" for name in sorted(later)]
    stayed = [name for name in new_artifacts(database, known, after) if name not in names and name not in later]
    said += [f"{name} is of a format that is not known here, and stays" for name in stayed]
    return tuple(said)


def clean_up(
    record: RunRecord, roots: Sequence[str], stopped: Callable[[], bool], *, lived: bool = False
) -> tuple[str, ...]:
    """Do for a run that a dead daemon left what its own daemon would have done; say what, and what failed.

    A step that can't be done holds nothing up. ``stopped`` as for ``set_aside_new``. Another sidecar, or a person, may
    have put artifacts into the target since, unless the run ``lived`` until now.
    """
    said: list[str] = []
    try:
        # Whoever shares the volume may have written the record.
        check_target(record.target, roots)
        with open_target(record.target, roots, create=False) as target:
            said += _set_aside(target, record, roots, stopped, lived=lived)
    except BackupError as error:
        said.append(f"what it left in {record.target} could not be looked at: {error.message}")
    problem = clear_temporary(record.temporary)
    if problem is not None:
        said.append(problem)
    return tuple(said)


def _set_aside(
    target: Target, record: RunRecord, roots: Sequence[str], stopped: Callable[[], bool], *, lived: bool
) -> tuple[str, ...]:
    seen = None if lived else last_sign(record.temporary)
    try:
        lock = take(target, record.database, roots)
    except Held:
        return (f"another sidecar is backing up {record.database} into {target.path}, which was not tidied",)
    try:
        until = math.inf if seen is None else seen + OTHERS_AFTER
        return set_aside_new(target, record.database, record.listing, stopped, until)
    finally:
        if lock is not None:
            lock.release()


def _came(target: Target, name: str) -> float:
    """Give when a file came or changed, by its file system's clock: not its own time, which a copy may keep."""
    identity = target.identity(name)
    return 0.0 if identity is None else identity[4] / 1e9
