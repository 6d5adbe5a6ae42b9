"""The server's data folder, only looked at: which databases it holds, and how large each is."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from sidecar.neo4j_admin.databases import legal_database

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_ENTRIES = 100_000
_MAX_DEPTH = 16
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class DatabaseSize:
    """What a database takes on the disk, in bytes: its store, and its transaction logs beside that."""

    store_bytes: int
    log_bytes: int


def databases_held(data: str) -> tuple[str, ...] | None:
    """Name the databases below ``<data>/databases``, ``system`` too, in order; None where that can't be read.

    What can't be a database's name (hidden folders, lock files) isn't one.
    """
    try:
        with os.scandir(os.path.join(data, "databases")) as entries:
            return tuple(
                sorted(entry.name for entry in entries if legal_database(entry.name) == entry.name and _is_dir(entry))
            )
    except OSError:
        return None


def database_there(data: str, database: str) -> bool | None:
    """Say whether ``<data>/databases`` has a folder of a database; None where that can't be told."""
    databases = os.path.join(data, "databases")
    return _is_folder(os.path.join(databases, database)) if _is_folder(databases) else None


def database_size(data: str, database: str) -> DatabaseSize | None:
    """Measure ``<data>/databases/<database>`` and ``<data>/transactions/<database>``; None where there is no store.

    Links aren't followed, what vanishes meanwhile isn't counted, and of a sparse file only what is on the disk.
    """
    store = folder_bytes(os.path.join(data, "databases", database))
    if store is None:
        return None
    return DatabaseSize(store, folder_bytes(os.path.join(data, "transactions", database)) or 0)


def folder_bytes(path: str) -> int | None:
    """Add up the files below ``path`` in bytes, bounded; None where it can't be opened."""
    try:
        folder = os.open(path, _FOLDER)
    except OSError:
        return None
    try:
        total = 0
        for count, size in enumerate(_file_bytes(folder, 0), 1):
            total += size
            if count >= _MAX_ENTRIES:
                break
        return total
    finally:
        os.close(folder)


def _file_bytes(folder: int, depth: int) -> Iterator[int]:
    """Give a number for each entry below ``folder``, so that the caller can stop."""
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                yield min(found.st_size, found.st_blocks * _BLOCK)
            elif stat.S_ISDIR(found.st_mode) and depth < _MAX_DEPTH:
                below = os.open(name, _FOLDER, dir_fd=folder)
                try:
                    yield 0
                    yield from _file_bytes(below, depth + 1)
                finally:
                    os.close(below)
        except OSError:
            continue


def _is_folder(path: str) -> bool | None:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        # Not os.path.isdir: for what we may not look at, or a disk that fails, it would say that nothing is there.
        return None


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
