"""Whether a backup fits beside the database: what it needs, on which file system, and what has to stay free."""

from dataclasses import dataclass

from shared.errors import InsufficientSpace
from shared.protocol import BackupType
from shared.sizes import format_size
from sidecar.data_folder import DatabaseSize
from sidecar.sizes import GIB
from sidecar.target import FileSystem

_LEAST_RESERVE = GIB
_RESERVE_PERCENT = 5


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that a run writes to, and the file system it lies on."""

    folder: str
    file_system: FileSystem


@dataclass(frozen=True, slots=True)
class Demand:
    """What a run will write at most, in bytes; None where it can't be foreseen."""

    temporary_bytes: int | None
    artifact_bytes: int | None


def demand(
    type_: BackupType,
    size: DatabaseSize | None,
    *,
    chain: bool,
    newest_full_bytes: int | None = None,
    compress: bool = True,
) -> Demand:
    """Foresee what a backup of a database of ``size`` writes.

    ``chain`` says whether a usable chain of the database lies in the target: without one every type is
    counted as a full backup. ``newest_full_bytes`` is the size of the newest full artifact there.
    """
    if size is None:
        return Demand(None, None)
    if chain and type_ is not BackupType.FULL:
        return Demand(size.log_bytes, size.log_bytes)
    artifact = size.store_bytes if newest_full_bytes is None else newest_full_bytes * 5 // 4
    if not compress:
        # Compression may have been on when the newest one was made.
        artifact = max(artifact, size.store_bytes)
    elif newest_full_bytes is None:
        artifact //= 2
    return Demand(size.store_bytes + size.log_bytes, artifact)


def reserve_of(file_system: FileSystem, setting: int | None) -> int:
    """Give the bytes that stay free on a file system; ``setting`` replaces the 1 GiB or 5 %."""
    if setting is not None:
        return setting
    return max(_LEAST_RESERVE, file_system.total_bytes * _RESERVE_PERCENT // 100)


def shortage(needs: Demand, *, temporary: Place, target: Place, reserve: int | None) -> InsufficientSpace | None:
    """Say on which file system the run wouldn't fit beside the reserve; None where it does.

    Temporary folder and target on one file system are added up. ``reserve`` is the setting.
    """
    parts = ((temporary, needs.temporary_bytes, "temporary files"), (target, needs.artifact_bytes, "the artifact"))
    shared = temporary.file_system.device == target.file_system.device
    for place in (target,) if shared else (target, temporary):
        here = [
            (size, what)
            for at, size, what in parts
            if size is not None and at.file_system.device == place.file_system.device
        ]
        kept = reserve_of(place.file_system, reserve)
        needed = sum(size for size, _ in here) + kept
        if place.file_system.free_bytes < needed:
            purposes = [f"{format_size(size)} for {what}" for size, what in here]
            purposes.append(f"{format_size(kept)} that stay free for the database")
            return InsufficientSpace(
                f"{place.folder} has {format_size(place.file_system.free_bytes)} free on its file system, and the "
                f"backup needs {format_size(needed)}: {', '.join(purposes)}",
                hint=_ADVICE if shared else _ADVICE_APART,
            )
    return None


def reserve_broken(place: Place, reserve: int | None) -> InsufficientSpace | None:
    """Say, during a run, that the space kept for the database is being used up; None while it isn't."""
    kept = reserve_of(place.file_system, reserve)
    if place.file_system.free_bytes >= kept:
        return None
    return InsufficientSpace(
        f"{place.folder} has only {format_size(place.file_system.free_bytes)} left free on its file system, and "
        f"{format_size(kept)} stay free for the database; the backup was ended",
        hint=_ADVICE,
    )


_FREE = "Free space there (old backups?) or enlarge the volume"
_LOWER = "NEO4J_BACKUP_RESERVE lowers what stays free."
_ADVICE = f"{_FREE}, or put the temporary files on another with NEO4J_BACKUP_TEMP. {_LOWER}"
_ADVICE_APART = f"{_FREE}. {_LOWER}"
