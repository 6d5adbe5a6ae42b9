"""Folders held by their descriptors: opened and made one step at a time, below a root never through a link."""

import contextlib
import errno
import os
import stat

from shared.errors import BackupError, ConfigurationError, InsufficientSpace

OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MODE = 0o750


def open_root(path: str, *, create: bool) -> int:
    """Open an allowed root, which may be a link, and give its descriptor.

    Where it is missing and ``create`` says so it is made, in a parent that has to exist.
    Raises ``ConfigurationError`` or ``InsufficientSpace``.
    """
    try:
        try:
            return os.open(path, OPEN_FOLDER)
        except FileNotFoundError:
            if not create:
                raise
        parent = os.open(os.path.dirname(path.rstrip("/")), OPEN_FOLDER)
        try:
            _make(os.path.basename(path.rstrip("/")), parent)
        finally:
            os.close(parent)
        return os.open(path, OPEN_FOLDER)
    except OSError as error:
        raise explained(error, path, "open") from error


def enter(parent: int, name: str, path: str, *, create: bool) -> int:
    """Open the folder ``name`` in ``parent`` and give its descriptor; ``path`` is what messages call it.

    Raises ``ConfigurationError`` where it is a link, a file or can't be entered, or is missing and not
    to be made, and ``InsufficientSpace`` where there is none to make it.
    """
    try:
        try:
            return os.open(name, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=parent)
        except FileNotFoundError:
            if not create:
                raise
        _make(name, parent)
        return os.open(name, OPEN_FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:
        raise explained(error, path, "open", _mode(name, parent)) from error


def flush(descriptor: int) -> None:
    """Have the disk keep which names a folder holds, or what is in a file."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network and FUSE file systems can't flush a folder, and have nothing to flush.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def explained(error: OSError, path: str, doing: str, mode: int | None = None) -> BackupError:
    """Tell a person what keeps the sidecar from ``doing`` (open, read, write to) the folder ``path``.

    ``mode`` is the mode of what lies there, as far as it is known.
    """
    what = f"the sidecar can't {doing} {path}"
    if mode is not None and stat.S_ISLNK(mode):
        return ConfigurationError(
            f"{path} is a link, and links aren't followed below an allowed root",
            hint="Name the folder that the link leads to, or make that folder an allowed root.",
        )
    if mode is not None and not stat.S_ISDIR(mode):
        return ConfigurationError(f"{path} is not a folder", hint="Choose another path, or move away what lies there.")
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return InsufficientSpace(
                f"{what}: no space is left there ({error.strerror})",
                hint="Free space on that file system, or enlarge the volume or its quota.",
            )
        case errno.EACCES | errno.EPERM:
            return ConfigurationError(
                f"{what}: it isn't allowed to. It runs as user {os.geteuid()}, group {os.getegid()}",
                hint=f"Give {path} to that user or group, 7474:7474 in the images:"
                " in Kubernetes by fsGroup: 7474 in the pod's securityContext, else by chown.",
            )
        case errno.EROFS:
            return ConfigurationError(
                f"{what}: its file system is mounted read-only",
                hint="Mount the volume writable in the sidecar's container.",
            )
        case errno.ENOENT:
            return ConfigurationError(
                f"{what}: it doesn't exist, or a folder above it doesn't",
                hint="Mount the volume that it lies on in the sidecar's container.",
            )
    return ConfigurationError(f"{what}: {error.strerror}", hint="Look at the volume that it lies on.")


def _make(name: str, parent: int) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, _MODE, dir_fd=parent)
        flush(parent)


def _mode(name: str, parent: int) -> int | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    except OSError:
        return None
