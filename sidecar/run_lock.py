"""The lock beside a run's temporary folder, held by all that belongs to the run, which tells others that it lives."""

import contextlib
import errno
import fcntl
import os
import stat
import time

LOCK_SUFFIX = ".lock"
_CREATE = os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# For reading: what is open for writing keeps a file system from being made read-only. NFS locks only the latter.
_ACCESS = (os.O_RDONLY, os.O_RDWR)
_TRIES = 20
_AGAIN_SECONDS = 0.05


def make_lock(name: str, *, within: int) -> int | None:
    """Make the lock of the run folder ``name`` in the folder ``within`` and hold it; give its descriptor.

    None where this file system has no locks: then nobody is told. Raises OSError where no file can be made.
    """
    os.close(os.open(name + LOCK_SUFFIX, _CREATE, 0o600, dir_fd=within))
    for _ in range(_TRIES):
        try:
            return lock_file(name + LOCK_SUFFIX, within=within)
        except BlockingIOError:
            # Somebody looks whether it is a dead one's: that takes a moment.
            time.sleep(_AGAIN_SECONDS)
        except OSError:
            break
    remove_lock(name, within=within)
    return None


def take_lock(name: str, *, within: int) -> int | None:
    """Take the lock of the run folder ``name``, which then nobody is at any more; give its descriptor.

    None where somebody holds it, where there is none, and where what lies there is none of our user's.
    """
    try:
        lock = lock_file(name + LOCK_SUFFIX, within=within)
    except OSError:
        return None
    found = os.fstat(lock)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid():
        return lock
    os.close(lock)
    return None


def show_life(lock: int) -> None:
    """Have the lock tell by its time that its run lives: a mount may keep a lock from some who see the file."""
    with contextlib.suppress(OSError):
        os.utime(lock)


def last_sign(folder: str) -> float | None:
    """Say when the run of a temporary ``folder`` showed last that it lives; None where nothing tells.

    In seconds since the epoch, by the clock of the file system that the folder lies on.
    """
    times = []
    for path in (folder, folder + LOCK_SUFFIX):
        with contextlib.suppress(OSError):
            times.append(os.stat(path, follow_symlinks=False).st_mtime)
    return max(times, default=None)


def remove_lock(name: str, *, within: int) -> None:
    """Remove the lock of the run folder ``name``, which has to be gone."""
    with contextlib.suppress(OSError):
        os.unlink(name + LOCK_SUFFIX, dir_fd=within)


def lock_file(name: str, *, within: int, flags: int = 0) -> int:
    """Open a lock file and take its lock; BlockingIOError where somebody holds it, OSError where that can't be."""
    for access in _ACCESS:
        lock = os.open(name, access | _OPEN | flags, 0o600, dir_fd=within)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno != errno.EBADF:
                raise
        else:
            return lock
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
