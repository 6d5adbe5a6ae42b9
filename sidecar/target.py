"""A target folder, held open by its descriptor: made, looked at and written to without following links."""

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from shared.errors import BackupError, ConfigurationError
from sidecar.artifact import DamagedArtifact, Examined, Head, HeadOrProblem, UnknownFormat, UnreadArtifact
from sidecar.artifact_names import is_of, parse_name
from sidecar.body import check_body
from sidecar.folders import OPEN_FOLDER, enter, explained, flush, open_root
from sidecar.head import read_head
from sidecar.path_rules import below_root, lexical_problem
from sidecar.set_aside import SetAside, move_aside

_NO_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Where a folder's bytes go; ``free_bytes`` is what a process that isn't root may still write."""

    device: int
    free_bytes: int
    total_bytes: int


class Target:
    """An open target folder; a context manager that closes it. Its methods may be called from any thread."""

    def __init__(self, path: str, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder; harmless when it's closed."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def listing(self, database: str) -> dict[str, int]:
        """Give the artifacts of ``database`` and their parts: name to size in bytes, plain files only.

        Raises ``ConfigurationError`` where the folder can't be read.
        """
        return self._listing(lambda name: is_of(database, name))

    def artifacts(self) -> tuple[str, ...]:
        """Name the artifacts of all databases, without parts. Raises as ``listing`` does."""
        return tuple(self._listing(lambda name: (parsed := parse_name(name)) is not None and not parsed.part))

    def _listing(self, wanted: Callable[[str], bool]) -> dict[str, int]:
        sizes: dict[str, int] = {}
        try:
            # A descriptor of its own: those that share one share the place in the folder, too.
            own = os.open(".", OPEN_FOLDER, dir_fd=self._descriptor)
            try:
                with os.scandir(own) as entries:
                    for entry in entries:
                        if wanted(entry.name):
                            with suppress(FileNotFoundError):
                                status = entry.stat(follow_symlinks=False)
                                if stat.S_ISREG(status.st_mode):
                                    sizes[entry.name] = status.st_size
            finally:
                os.close(own)
        except OSError as error:
            raise explained(error, self.path, "read") from error
        return sizes

    def check_writable(self) -> None:
        """Write a file that has no name. Raises ``ConfigurationError``, and ``InsufficientSpace`` on a full disk."""
        try:
            file = self._nameless()
            try:
                os.write(file, b"\n")
            finally:
                os.close(file)
        except OSError as error:
            raise explained(error, self.path, "write to") from error

    def _nameless(self) -> int:
        """Open a new file that nobody sees and no crash can leave behind."""
        with suppress(OSError):
            return os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=self._descriptor)
        # NFS and some FUSE file systems have none such: the next best is a name that lasts a moment.
        name = f".neo4j-backup-{secrets.token_hex(16)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(name, flags, 0o600, dir_fd=self._descriptor)
        os.unlink(name, dir_fd=self._descriptor)
        return file

    def file_system(self) -> FileSystem:
        """Say which file system the folder lies on, and what room there is. Raises ``ConfigurationError``."""
        try:
            room = os.fstatvfs(self._descriptor)
            device = os.fstat(self._descriptor).st_dev
        except OSError as error:
            raise explained(error, self.path, "read") from error
        return FileSystem(device, room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize)

    def heads(self, names: Iterable[str]) -> dict[str, HeadOrProblem]:
        """Read the heads of artifacts, or say why there is none; what can't be read counts as damaged."""
        return {name: self._examine(name, body=False).head for name in names}

    def examine(self, name: str, stopped: Callable[[], bool] = lambda: False) -> Examined:
        """Read an artifact's head and walk its body: some seconds for each 2 GB that aren't in memory.

        Raises ``Abandoned`` once it is ``stopped``.
        """
        return self._examine(name, body=True, stopped=stopped)

    def identity(self, name: str) -> tuple[int, ...] | None:
        """Give what changes where a file is replaced or written to; None where it isn't there."""
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except OSError:
            return None
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def keep(self, names: Iterable[str]) -> None:
        """Have the disk keep files of this folder with their names; OSError where it can't."""
        for name in names:
            with self._opened(name) as (file, _):
                flush(file.fileno())
        flush(self._descriptor)

    def set_aside(self, names: Sequence[str]) -> SetAside:
        """Move files to ``.failed`` in this folder; see ``move_aside``."""
        # A descriptor of its own: who gave up on a disk that hangs closes ours, and its number becomes another's.
        own = os.open(".", OPEN_FOLDER, dir_fd=self._descriptor)
        try:
            return move_aside(own, self.path, names)
        finally:
            os.close(own)

    def _examine(self, name: str, *, body: bool, stopped: Callable[[], bool] = lambda: False) -> Examined:
        try:
            with self._opened(name) as (file, size):
                head = read_head(file)
                return Examined(head, _body_problem(file, head, size, stopped) if body else None)
        except (UnknownFormat, DamagedArtifact) as problem:
            # Anew: one that was raised holds on to its frames, and to what they read.
            return Examined(type(problem)(problem.reason))
        except OSError as error:
            return Examined(_unread("it can't be read", error))

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[BinaryIO, int]]:
        # Without O_NONBLOCK a FIFO in an artifact's place would hold us until somebody writes to it.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=self._descriptor)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise DamagedArtifact("it is not a plain file")
            with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as file:
                yield file, status.st_size
        finally:
            os.close(descriptor)


def _body_problem(file: BinaryIO, head: Head, size: int, stopped: Callable[[], bool]) -> DamagedArtifact | None:
    try:
        check_body(file, head, size, stopped)
    except DamagedArtifact as problem:
        return DamagedArtifact(problem.reason)
    except OSError as error:
        return _unread("it can't be read to its end", error)
    return None


def _unread(what: str, error: OSError) -> DamagedArtifact:
    """Tell a disk that doesn't give the file now from a file that isn't one."""
    kind = DamagedArtifact if error.errno in _NO_FILE else UnreadArtifact
    return kind(f"{what}: {error.strerror}")


def open_target(path: str, roots: Sequence[str], *, create: bool) -> Target:
    """Open the target ``path`` from its allowed root on, folder by folder, making what is missing if ``create``.

    Raises ``ConfigurationError`` that names what is in the way (a link or a file below the root, a folder
    that may not be entered or is missing), and ``InsufficientSpace`` where a folder can't be made for want of it.
    """
    at, folders = _split(path, roots)
    descriptor = open_root(at, create=create)
    try:
        if create:
            _keep_root(at)
        for folder in folders:
            at = os.path.join(at, folder)
            parent, descriptor = descriptor, enter(descriptor, folder, at, create=create)
            try:
                if create:
                    # Also where it was found: who made it may have died before this, and a power cut would take
                    # all that is put into it.
                    flush(parent)
            finally:
                os.close(parent)
    except OSError as error:
        os.close(descriptor)
        raise explained(error, at, "write to") from error
    except BaseException:
        os.close(descriptor)
        raise
    return Target(path, descriptor)


def _keep_root(path: str) -> None:
    """Have the disk keep the name of a root, as far as we may: mostly a volume is mounted there."""
    with suppress(BackupError, OSError):
        above = open_root(os.path.dirname(path.rstrip("/")) or "/", create=False)
        try:
            flush(above)
        finally:
            os.close(above)


def open_nearest(path: str, roots: Sequence[str]) -> Target:
    """Open the target ``path``, or the folder that it would be made in where it isn't there; nothing is made.

    Raises as ``open_target`` does.
    """
    at, folders = _split(path, roots)
    if not os.path.lexists(at):
        above = os.path.dirname(at.rstrip("/"))
        return Target(above, open_root(above, create=False))
    for folder in folders:
        below = os.path.join(at, folder)
        if not os.path.lexists(below):
            break
        at = below
    return open_target(at, roots, create=False)


def _split(path: str, roots: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    problem, split = lexical_problem(path, roots), below_root(path, roots)
    if problem is not None or split is None:
        raise ConfigurationError(
            f"{path} can't be a backup's target: {problem}",
            hint="Allow its root by NEO4J_BACKUP_ALLOWED_ROOTS, or choose another path.",
        )
    return split
