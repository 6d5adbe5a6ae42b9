"""The temporary folder of one run: where it is made, fresh and nobody else's, and how it is removed."""

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Sequence

from shared.errors import ConfigurationError
from sidecar.folders import OPEN_FOLDER, explained, open_root
from sidecar.path_rules import below_root
from sidecar.run_lock import make_lock, remove_lock
from sidecar.target import FileSystem

HIDDEN = ".neo4j-backup-tmp"
RUN_NAME = re.compile(r"\.run-[0-9a-f]{32}")
_MODE = 0o700


def plan_temporary(target: str, roots: Sequence[str], temp: str | None) -> str:
    """Choose the path of a run's temporary folder, which nobody can guess; nothing is made yet.

    It lies where ``folder_of_runs`` says. Raises ConfigurationError for a target below no root.
    """
    return os.path.join(folder_of_runs(target, roots, temp), f".run-{secrets.token_hex(16)}")


def folder_of_runs(target: str, roots: Sequence[str], temp: str | None) -> str:
    """Give the folder of run folders: ``temp``, the setting, else a hidden one in the root of ``target``.

    Raises ConfigurationError for a target below no root.
    """
    if temp is not None:
        return temp
    split = below_root(target, roots)
    if split is None:
        raise ConfigurationError(
            f"{target} is neither an allowed root nor below one ({', '.join(roots)})",
            hint="Allow its root by NEO4J_BACKUP_ALLOWED_ROOTS, or choose another path.",
        )
    return os.path.join(split[0], HIDDEN)


def make_temporary(path: str) -> int | None:
    """Make the planned folder, open to the sidecar's user alone, and what it lies in.

    Give the descriptor of its lock, which all that belongs to the run has to hold, or None where there are no locks.
    Raises ConfigurationError that says why that can't be, InsufficientSpace on a full disk.
    """
    within, name = os.path.split(path)
    folder = open_hidden(within) if os.path.basename(within) == HIDDEN else open_root(within, create=True)
    try:
        lock = make_lock(name, within=folder)
        try:
            os.mkdir(name, _MODE, dir_fd=folder)
        except BaseException:
            if lock is not None:
                os.close(lock)
            remove_lock(name, within=folder)
            raise
        return lock
    except OSError as error:
        raise explained(error, within, "write to") from error
    finally:
        os.close(folder)


def clear_temporary(path: str) -> str | None:
    """Remove a run's temporary folder, what is in it and its lock; say what could not be removed, None without that.

    Links are removed and never followed. What isn't named as ``plan_temporary`` names it stays.
    """
    within, name = os.path.split(path)
    if not RUN_NAME.fullmatch(name):
        return f"the temporary folder {path} stays: no run of the sidecar has one of that name"
    hidden = os.path.basename(within) == HIDDEN
    try:
        folder = os.open(within, OPEN_FOLDER | (os.O_NOFOLLOW if hidden else 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"the temporary folder {path} could not be removed: {error.strerror}"
    try:
        left = remove_tree(folder, name, path)
        if left is None:
            # What is left is for a later run to remove, which needs the lock for that.
            remove_lock(name, within=folder)
    finally:
        os.close(folder)
    if hidden:
        with contextlib.suppress(OSError):
            os.rmdir(within)
    return f"the temporary folder {path} could not be removed: {left}" if left else None


def file_system_of(path: str) -> FileSystem:
    """Say which file system ``path`` lies on, or will once it is made, and what room there is.

    Raises ConfigurationError where that can't be told.
    """
    try:
        while path != "/" and not os.path.lexists(path):
            path = os.path.dirname(path) or "/"
        device, room = os.stat(path).st_dev, os.statvfs(path)
    except OSError as error:
        raise explained(error, path, "read") from error
    return FileSystem(device, room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize)


def open_hidden(path: str) -> int:
    """Open the hidden folder of a root, made where it is missing; others may write the root and put a link there."""
    root = open_root(os.path.dirname(path), create=True)
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(HIDDEN, _MODE, dir_fd=root)
        return os.open(HIDDEN, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=root)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise ConfigurationError(
                f"{path} is no folder but a link or a file, and the sidecar keeps its temporary files there",
                hint="Remove it, or set NEO4J_BACKUP_TEMP to another folder.",
            ) from error
        raise explained(error, path, "open") from error
    finally:
        os.close(root)


def remove_tree(folder: int, name: str, path: str) -> str | None:
    """Remove ``name`` in ``folder`` and all below it, links unfollowed; give the first that could not be, and why."""
    try:
        try:
            os.unlink(name, dir_fd=folder)
        except IsADirectoryError:
            left = _empty(folder, name, path)
            if left:
                return left
            os.rmdir(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{path}: {error.strerror}"
    return None


def _empty(folder: int, name: str, path: str) -> str | None:
    below = os.open(name, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=folder)
    try:
        problems = [remove_tree(below, each, os.path.join(path, each)) for each in os.listdir(below)]
    finally:
        os.close(below)
    return next((problem for problem in problems if problem), None)
