"""The lock on one database in one target: a run takes for its own whatever is new there, so nobody else may write."""

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from shared.errors import BackupError, ConfigurationError
from sidecar.path_rules import below_root
from sidecar.run_lock import lock_file
from sidecar.stop_sign import StopSign
from sidecar.target import Target
from sidecar.temporary import HIDDEN, open_hidden
from sidecar.threads import in_time

WAIT_SECONDS = 100.0
"""How long a lock is waited for: an NFS server keeps those of a lost node for 90 s."""
_AGAIN_SECONDS = 1.0
_LOOK_SECONDS = 120.0
_RELEASE_SECONDS = 5.0
_TRIES = 20


class Held(Exception):
    """Another sidecar has the lock."""


@dataclass(frozen=True, slots=True)
class TargetLock:
    """A lock that is ours until ``release``: the file ``name`` in the open ``folder``, whose path is ``within``."""

    within: str
    name: str
    folder: int
    lock: int

    def release(self) -> None:
        """Remove the lock's file, and let go of it."""
        try:
            with suppress(OSError):
                os.unlink(self.name, dir_fd=self.folder)
        finally:
            os.close(self.lock)
            os.close(self.folder)
        with suppress(OSError):
            os.rmdir(self.within)


def take(target: Target, database: str, roots: Sequence[str]) -> TargetLock | None:
    """Take the lock on ``database`` in ``target``; None where no lock can be had, so that nobody is kept out.

    It lies in the hidden folder of the target's root, and reaches as far as the locks of that file system do.
    Raises Held.
    """
    split, identity = below_root(target.path, roots), target.identity(".")
    if split is None or identity is None:
        return None
    within = os.path.join(split[0], HIDDEN)
    # Without the device, which each mount has another of.
    name = f".target-{hashlib.sha256(f'{identity[1]} {database.lower()}'.encode()).hexdigest()[:32]}"
    for _ in range(_TRIES):
        try:
            folder = open_hidden(within)
        except BackupError:
            continue
        lock: int | None = None
        try:
            lock = _lock(name, folder)
        except BlockingIOError as error:
            raise Held from error
        except OSError:
            return None
        finally:
            if lock is None:
                os.close(folder)
        if lock is not None:
            return TargetLock(within, name, folder, lock)
    return None


@asynccontextmanager
async def held(
    target: Target, database: str, roots: Sequence[str], sign: StopSign, late: BackupError, tidying: threading.Lock
) -> AsyncIterator[None]:
    """Hold the lock, waited for as long as a server may keep that of a dead one, and on until nobody is ``tidying``.

    Raises ConfigurationError where another sidecar has it all that time, ``late`` where the disk doesn't answer,
    and the sign's reason.
    """
    lock = await _in_turn(target, database, roots, sign, late)
    try:
        yield
    finally:
        if lock is not None:
            await in_time(lambda: _let_go(lock, tidying), _RELEASE_SECONDS, surely=True)


async def _in_turn(
    target: Target, database: str, roots: Sequence[str], sign: StopSign, late: BackupError
) -> TargetLock | None:
    time = asyncio.get_running_loop().time
    until = time() + WAIT_SECONDS
    while True:
        try:
            return await sign.guard(lambda: take(target, database, roots), _LOOK_SECONDS, late, _release)
        except Held as error:
            if time() >= until:
                raise ConfigurationError(
                    f"another sidecar is backing up {database} into {target.path}, or an earlier run is still being "
                    "tidied there: which artifact is whose can't be told",
                    hint="Give each server a folder of its own: the artifacts of one chain come from one server.",
                ) from error
        await asyncio.sleep(_AGAIN_SECONDS)
        sign.check()


def _let_go(lock: TargetLock, tidying: threading.Lock) -> None:
    # On a disk that hangs it goes on after the run has ended, and would take a later run's artifact for this one's.
    with tidying:
        lock.release()


def _release(lock: TargetLock | None) -> None:
    if lock is not None:
        lock.release()


def _lock(name: str, folder: int) -> int | None:
    """Take the lock; None where who had it before has removed its file meanwhile, or the folder."""
    try:
        lock = lock_file(name, within=folder, flags=os.O_CREAT)
    except FileNotFoundError:
        return None
    with suppress(FileNotFoundError):
        if os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(lock)):
            return lock
    os.close(lock)
    return None
