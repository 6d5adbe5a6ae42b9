"""What a run that didn't succeed has left: its artifacts set aside, its temporary folder cleared."""

from collections.abc import Callable, Collection, Sequence

from shared.errors import BackupError
from sidecar.path_rules import check_target
from sidecar.proof import new_artifacts, to_set_aside
from sidecar.run_record import RunRecord
from sidecar.target import Target, open_target
from sidecar.temporary import clear_temporary


def set_aside_new(
    target: Target, database: str, before: Collection[str], stopped: Callable[[], bool] = lambda: False
) -> tuple[str, ...]:
    """Move what is new of ``database`` to ``.failed/``; say what was done with each file and what could not be.

    Nothing is moved once it is ``stopped``: a later run may have begun, whose artifact is new as well.
    """
    known = frozenset(before)
    try:
        after = target.listing(database)
        heads = target.heads(new_artifacts(database, known, after))
        names = to_set_aside(database, known, after, heads)
        if stopped():
            return (f"{target.path} answered too late and was not tidied",)
        done = target.set_aside(names)
    except (BackupError, OSError) as error:
        return (f"what it left in {target.path} could not be set aside: {error}",)
    said = [f"{name} was set aside in .failed/" for name in done.moved]
    said += [f"{name} could not be set aside: {reason}" for name, reason in done.left.items()]
    stayed = [name for name in new_artifacts(database, known, after) if name not in names]
    said += [f"{name} is of a format that is not known here, and stays" for name in stayed]
    return tuple(said)


def clean_up(record: RunRecord, roots: Sequence[str], stopped: Callable[[], bool]) -> tuple[str, ...]:
    """Do for a run that a dead daemon left what its own daemon would have done; say what, and what failed.

    A step that can't be done holds nothing up. ``stopped`` as for ``set_aside_new``.
    """
    said: list[str] = []
    try:
        # Whoever shares the volume may have written the record.
        check_target(record.target, roots)
        with open_target(record.target, roots, create=False) as target:
            said += set_aside_new(target, record.database, record.listing, stopped)
    except BackupError as error:
        said.append(f"what it left in {record.target} could not be looked at: {error.message}")
    problem = clear_temporary(record.temporary)
    if problem is not None:
        said.append(problem)
    return tuple(said)
