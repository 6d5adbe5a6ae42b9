"""Whole files in a folder that is held open: what is visible is complete and on the disk."""

import contextlib
import errno
import os
import secrets
import stat

TEMPORARY = ".tmp"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO would wait for a writer otherwise.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotAFile(Exception):
    """Something that is no regular file lies where one is wanted; the text says what it is."""


class Unflushed(OSError):
    """What was written is there, whole, under its name, and the disk doesn't say that it keeps it."""


def temporary_name() -> str:
    """Give a name that nobody can guess and that a sweep of temporary files finds."""
    return f".{secrets.token_hex(12)}{TEMPORARY}"


def open_folder(name: str, *, within: int, create: bool = True) -> int:
    """Open the folder ``name`` in the folder ``within``, made (0750) where it is missing; never through a link."""
    if create:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o750, dir_fd=within)
        # Also where it is there: who made it may have died before this.
        os.fsync(within)
    return os.open(name, _FOLDER, dir_fd=within)


def open_plain(name: str, flags: int, *, within: int) -> int:
    """Open the regular file ``name`` (0640 where it is made) in the folder ``within``.

    Raises OSError, also for a link, a FIFO, which would wait for its other end, and for a file that has a second
    name elsewhere.
    """
    descriptor = os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o640, dir_fd=within)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"it is {kind_of(found.st_mode)} with {found.st_nlink} names, and none of ours")
    return descriptor


def write_whole(folder: int, name: str, data: bytes) -> None:
    """Put ``data`` at ``name`` (0640): temporary name, fsync, rename, fsync of the folder.

    Raises OSError, and then nothing of it is left but, after a crash, a file that ends in ``.tmp``; and Unflushed.
    """
    temporary = temporary_name()
    descriptor = os.open(temporary, _CREATE, 0o640, dir_fd=folder)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    flush_names(folder)


def try_to_write(folder: int, size: int) -> None:
    """Write a file of so many bytes, and leave nothing of it. Raises OSError."""
    name = temporary_name()
    descriptor = os.open(name, _CREATE, 0o640, dir_fd=folder)
    try:
        # A disk that is nearly full takes a part of it without a word.
        while size > 0:
            size -= os.write(descriptor, bytes(size))
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)


def flush_names(folder: int) -> None:
    """Have the disk keep the names in a folder. Raises Unflushed."""
    try:
        os.fsync(folder)
    except OSError as error:
        raise Unflushed(error.errno, error.strerror) from error


def read_bounded(folder: int, name: str, limit: int) -> tuple[bytes, os.stat_result]:
    """Give at most ``limit`` + 1 bytes of the regular file ``name`` and its stat.

    Raises FileNotFoundError, NotAFile for a link, folder, FIFO, socket or device, and OSError.
    """
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError as error:
        # A link is ELOOP here, a socket ENXIO.
        raise _problem(folder, name, error) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotAFile(kind_of(found.st_mode))
        chunks: list[bytes] = []
        left = limit + 1
        while left > 0 and (chunk := os.read(descriptor, min(left, 1 << 16))):
            chunks.append(chunk)
            left -= len(chunk)
        return b"".join(chunks), found
    finally:
        os.close(descriptor)


def read_own(folder: int, name: str, limit: int, *, owner: int) -> bytes:
    """Give at most ``limit`` + 1 bytes of a file that only a daemon writes, as ``read_bounded`` does.

    Raises NotAFile also for one of another ``owner``: whoever may write the folder can put one there.
    """
    data, found = read_bounded(folder, name, limit)
    if found.st_uid != owner:
        raise NotAFile(f"a file of user {found.st_uid}, and the sidecar's own are of user {owner}")
    return data


def owner_of_new(folder: int) -> int:
    """Give the user whom a file belongs to that we make in a folder: a mount may map or squash owners.

    Where none can be made, as on a full volume, it is who we are.
    """
    name = temporary_name()
    try:
        descriptor = os.open(name, _CREATE, 0o640, dir_fd=folder)
    except OSError:
        return os.geteuid()
    try:
        return os.fstat(descriptor).st_uid
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)


def remove(folder: int, name: str) -> None:
    """Remove the file ``name`` where it is there, and have that on the disk."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
        os.fsync(folder)


def sweep_temporary(folder: int) -> None:
    """Remove what a crash left of ``write_whole``."""
    for name in os.listdir(folder):
        if name.startswith(".") and name.endswith(TEMPORARY):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)


def kind_of(mode: int) -> str:
    """Name the kind of thing that a stat's mode tells, for a person."""
    names = {
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a device",
        stat.S_IFCHR: "a device",
        stat.S_IFREG: "a file",
    }
    return names.get(stat.S_IFMT(mode), "something unknown")


def _problem(folder: int, name: str, error: OSError) -> Exception:
    with contextlib.suppress(OSError):
        mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
        if not stat.S_ISREG(mode):
            return NotAFile(kind_of(mode))
    return error
