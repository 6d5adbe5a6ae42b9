"""Temporary folders of runs that nobody is at any more: after a lost node no daemon knows of them, and they are large.

Another sidecar may be at work in the same place. A folder is nobody's where its run's lock can be taken, where such
a lock reaches everybody who mounts the file system, and where nothing was written to it for an hour.
"""

import logging
import math
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import Enum

from sidecar.folders import OPEN_FOLDER
from sidecar.lock_reach import locks_reach_all
from sidecar.run_lock import LOCK_SUFFIX, remove_lock, take_lock
from sidecar.temporary import HIDDEN, RUN_NAME, remove_tree

STILL_SECONDS = 3600.0
"""How long nothing has to have been written: a run that lost its server's lock for a moment writes on."""
WAIT_SECONDS = 60.0
_MAX_ENTRIES = 1_000_000
log = logging.getLogger("sidecar.abandoned")


def clear_abandoned(within: str, now: float) -> None:
    """Remove what nobody is at in the folder of run folders ``within``; give up waiting after a minute.

    ``now`` is the time in seconds since the epoch. What can't be removed stays, and is told in the log.
    """
    if not runs_in(within):
        return
    clearing = threading.Thread(target=lambda: remove_abandoned(within, now), name="abandoned", daemon=True)
    # Where no thread can be started what is there stays: it may be large, and its disk hang.
    with suppress(RuntimeError):
        clearing.start()
        clearing.join(WAIT_SECONDS)


def runs_in(within: str) -> tuple[str, ...]:
    """Name the run folders in ``within``, also those of which only the lock is left."""
    try:
        folder = _open(within)
    except OSError:
        return ()
    try:
        names = {name.removesuffix(LOCK_SUFFIX) for name in os.listdir(folder)}
    except OSError:
        return ()
    finally:
        os.close(folder)
    return tuple(sorted(name for name in names if RUN_NAME.fullmatch(name)))


class Whose(Enum):
    """Who is at a run's folder, as far as its lock tells."""

    SOMEBODYS = "somebody's"
    NOBODYS = "nobody's"
    UNTOLD = "untold"


def whose(within: str, name: str) -> Whose:
    """Say who is at the run folder ``name``, where a lock in ``within`` is one for everybody."""
    try:
        folder = _open(within)
    except OSError:
        return Whose.UNTOLD
    try:
        if name + LOCK_SUFFIX not in os.listdir(folder):
            return Whose.UNTOLD
        lock = take_lock(name, within=folder)
        if lock is None:
            return Whose.SOMEBODYS
        os.close(lock)
        return Whose.NOBODYS
    finally:
        os.close(folder)


def remove_abandoned(within: str, now: float, reach: Callable[[str], bool] = locks_reach_all) -> None:
    """Remove what nobody is at in ``within``; ``reach`` says whether a lock there is one for everybody."""
    if not reach(within):
        return
    for name in runs_in(within):
        try:
            folder = _open(within)
        except OSError:
            return
        try:
            _remove(folder, name, os.path.join(within, name), now)
        finally:
            os.close(folder)


def _remove(folder: int, name: str, path: str, now: float) -> None:
    lock = take_lock(name, within=folder)
    if lock is None:
        return
    try:
        if now - max(os.fstat(lock).st_mtime, _newest_change(folder, name)) < STILL_SECONDS:
            return
        left = remove_tree(folder, name, path)
        if left is not None:
            log.warning("what a run that is gone has left can't be removed", extra={"folder": path, "error": left})
            return
        remove_lock(name, within=folder)
        log.warning("what a run that is gone had left was removed", extra={"folder": path})
    finally:
        os.close(lock)


def _newest_change(folder: int, name: str) -> float:
    """Give the time of the newest change in the run folder ``name``; infinite where that can't be told."""
    try:
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return math.inf
    except FileNotFoundError:
        return 0.0
    newest, count = 0.0, 0
    try:
        for _, folders, files, at in os.fwalk(name, dir_fd=folder, onerror=_raise):
            newest = max(newest, os.fstat(at).st_mtime)
            for each in (*folders, *files):
                newest = max(newest, os.stat(each, dir_fd=at, follow_symlinks=False).st_mtime)
            if (count := count + len(folders) + len(files)) > _MAX_ENTRIES:
                return math.inf
    except OSError:
        return math.inf
    return newest


def _open(within: str) -> int:
    hidden = os.path.basename(within) == HIDDEN
    return os.open(within, OPEN_FOLDER | (os.O_NOFOLLOW if hidden else 0))


def _raise(error: OSError) -> None:
    raise error
