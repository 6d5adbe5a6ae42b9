"""Asks the kernel whether the server has a database's store open.

Neo4j holds a lock on ``<data>/databases/<database>/database_lock`` for as long as a database is
online, and only then (tried with Community 5.26: held while it runs, free after). The kernel tells
it to every process on the same machine that may read the file, in another container too.
"""

import fcntl
import os
import struct
from pathlib import Path

from sidecar.neo4j_admin.databases import SYSTEM

# struct flock on 64-bit Linux: type, whence, start, length, pid (fcntl(2)).
_FLOCK = struct.Struct("@hhqqi")
_LOCK_FILE = "database_lock"


def store_open(databases: Path, database: str) -> bool | None:
    """Say whether a server has ``database`` open; None if that can't be told.

    ``databases`` is the data folder's ``databases``. A file system that passes no locks on between
    containers shows every store as closed, so a closed one is believed only where the lock on
    ``system``, which a running server always has open, is seen.
    """
    held = _held(databases / database / _LOCK_FILE)
    if held is False and _held(databases / SYSTEM / _LOCK_FILE) is not True:
        return None
    return held


def _held(path: Path) -> bool | None:
    try:
        # O_NONBLOCK: whatever lies there, opening it may not wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
