"""The request volume: its folders, held open, and the lock that says which daemon owns it."""

import contextlib
import fcntl
import os
from dataclasses import dataclass
from typing import Self

from sidecar.files import open_folder, owner_of_new

LOCK = "sidecar.lock"
MAILBOX = "backup.request"
STATUS = "backup.status"
RUN = "run.json"


class VolumeLost(Exception):
    """The folder or its lock was deleted or replaced under the daemon."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The request folder and those below it, by descriptors, so that a name that is swapped changes nothing.

    ``owner`` is the user whom files of ours belong to there.
    """

    path: str
    root: int
    status: int
    logs: int
    refused: int
    lock: int
    owner: int

    @classmethod
    def open(cls, path: str) -> Self:
        """Open the volume at ``path`` and make what is missing in it; OSError where that can't be."""
        descriptors: list[int] = []
        try:
            root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            descriptors.append(root)
            for name in ("status", "logs", "refused"):
                descriptors.append(open_folder(name, within=root))
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptors.append(os.open(LOCK, flags, 0o640, dir_fd=root))
            _, status, logs, refused, lock = descriptors
            return cls(path, root, status, logs, refused, lock, owner_of_new(root))
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def try_lock(self) -> bool:
        """Take the lock where it is free; it is held until this process ends or closes the volume.

        The folder itself is locked with it: whoever removes the lock file takes the volume from no daemon that lives.
        """
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._lock_folder()
        except BlockingIOError:
            fcntl.flock(self.lock, fcntl.LOCK_UN)
            return False
        return True

    def _lock_folder(self) -> None:
        try:
            fcntl.flock(self.root, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            # NFS locks no folder: there the file has to do.
            return

    def check(self) -> None:
        """Raise VolumeLost unless path and lock file are still those that were opened."""
        try:
            same = _same(os.stat(self.path), os.fstat(self.root))
            same = same and _same(
                os.stat(LOCK, dir_fd=self.root, follow_symlinks=False),
                os.fstat(self.lock),
            )
            for name, held in (("status", self.status), ("logs", self.logs), ("refused", self.refused)):
                same = same and _same(os.stat(name, dir_fd=self.root, follow_symlinks=False), os.fstat(held))
        except FileNotFoundError:
            same = False
        if not same:
            raise VolumeLost(f"{self.path}, or a folder or the lock in it, was deleted or replaced")

    def close(self) -> None:
        """Let go of the volume and its lock."""
        for descriptor in (self.lock, self.refused, self.logs, self.status, self.root):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _same(left: os.stat_result, right: os.stat_result) -> bool:
    return (left.st_dev, left.st_ino) == (right.st_dev, right.st_ino)
