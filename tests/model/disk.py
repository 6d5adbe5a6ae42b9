"""The disk under a daemon in this process: its calls that write are counted, and one of them is its last."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.crashing import WRITABLE, WRITING
from tests.model.ledger import Ledger

# Any: these stand in for functions of os, with whatever arguments those take.
Call = Callable[..., Any]


class Crash(BaseException):
    """The daemon is dead: whatever it tries to write from here on doesn't reach the disk."""


class Disk:
    """Stands under ``os`` for all below ``root``, counts what the daemon writes, and knows what a power cut leaves.

    What happens ``outside`` the daemon (other writers, neo4j-admin) is neither counted nor stopped. ``turn`` is held
    by whoever may run: the loop, or while it waits one of the daemon's threads.
    """

    def __init__(self, root: str) -> None:
        self.ledger = Ledger(root)
        self.dead = False
        self.calls: list[str] = []
        self.turn = threading.Lock()
        self._root = root
        self._left: int | None = None
        self._kind = ""
        self._outside = True
        self._held: dict[int, str] = {}
        self._main = threading.get_ident()
        self._real = {name: getattr(os, name) for name in (*WRITING, "open", "close")}

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put it under ``os``; the product knows nothing of it."""
        for name in self._real:
            patch.setattr(os, name, self._in_turn(getattr(self, f"_{name}")))

    def arm(self, calls: int | None, kind: str = "") -> None:
        """Have the daemon die before its call that writes after so many more of that kind; None disarms."""
        self._left = calls
        self._kind = kind

    def revive(self) -> None:
        """Let another daemon write."""
        self.dead = False
        self._left = None
        self.calls.clear()

    @contextmanager
    def outside(self, outside: bool = True) -> Iterator[None]:
        """Let what is called here be somebody else's; or, with False, the daemon's."""
        before, self._outside = self._outside, outside
        try:
            yield
        finally:
            self._outside = before

    def step(self, call: str) -> None:
        """Count a call that the daemon is about to make, and die before it where it is to be so."""
        if self._outside:
            return
        if not self.dead and self._left is not None and call.startswith(self._kind):
            self.dead = self._left <= 0
            self._left -= 1
        if self.dead:
            raise Crash(call)
        self.calls.append(call)

    def _in_turn(self, call: Call) -> Call:
        def stepped(*arguments: Any, **keys: Any) -> Any:
            if threading.get_ident() == self._main:
                return call(*arguments, **keys)
            with self.turn:
                return call(*arguments, **keys)

        return stepped

    def _path(self, path: Any, folder: int | None) -> str | None:
        """Give where a path leads; None where that is not below the root."""
        if folder is not None:
            held = self._held.get(folder)
            return None if held is None else held if path == "." else os.path.join(held, path)
        return path if isinstance(path, str) and path.startswith(self._root) else None

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        where = self._path(path, dir_fd)
        if where is None:
            return int(self._real["open"](path, flags, mode, dir_fd=dir_fd))
        fresh = flags & os.O_CREAT and not os.path.lexists(where)
        if flags & WRITABLE:
            self.step(f"open {where}")
        descriptor = int(self._real["open"](path, flags, mode, dir_fd=dir_fd))
        self._held[descriptor] = where
        if fresh:
            self.ledger.appeared(where)
        return descriptor

    def _close(self, descriptor: int) -> None:
        self._held.pop(descriptor, None)
        self._real["close"](descriptor)

    def _write(self, descriptor: int, data: bytes) -> int:
        return int(self._writes("write", descriptor, data))

    def _pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        return int(self._writes("pwrite", descriptor, data, offset))

    def _writes(self, name: str, descriptor: int, data: bytes, *offset: int) -> Any:
        if descriptor in self._held:
            try:
                self.step(f"{name} {self._held[descriptor]}")
            except Crash:
                if self._left == -1:  # the very call: half of it may be there
                    self._left -= 1
                    self._real[name](descriptor, data[: len(data) // 2], *offset)
                raise
        return self._real[name](descriptor, data, *offset)

    def _truncate(self, path: Any, length: int) -> None:
        if isinstance(path, int):
            self._ftruncate(path, length)
            return
        if (where := self._path(path, None)) is not None:
            self.step(f"truncate {where}")
        self._real["truncate"](path, length)

    def _ftruncate(self, descriptor: int, length: int) -> None:
        if descriptor in self._held:
            self.step(f"ftruncate {self._held[descriptor]}")
        self._real["ftruncate"](descriptor, length)

    def _fsync(self, descriptor: int) -> None:
        where = self._held.get(descriptor)
        if where is None:
            self._real["fsync"](descriptor)
            return
        self.step(f"fsync {where}")
        self.ledger.flushed(descriptor, where)

    def _rename(self, before: Any, after: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        source, destination = self._path(before, src_dir_fd), self._path(after, dst_dir_fd)
        if source is None or destination is None:
            self._real["rename"](before, after, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
            return
        self.step(f"rename {source} {destination}")
        if os.path.lexists(source) and os.path.isfile(destination):
            self.ledger.going(destination)
        self._real["rename"](before, after, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        self.ledger.renamed(source, destination)

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        where = self._path(path, dir_fd)
        if where is not None:
            self.step(f"unlink {where}")
            if os.path.isfile(where):
                self.ledger.going(where)
        self._real["unlink"](path, dir_fd=dir_fd)
        if where is not None:
            self.ledger.gone(where)

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        where = self._path(path, dir_fd)
        if where is not None:
            self.step(f"mkdir {where}")
        self._real["mkdir"](path, mode, dir_fd=dir_fd)
        if where is not None:
            self.ledger.made(where)

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        where = self._path(path, dir_fd)
        if where is not None:
            self.step(f"rmdir {where}")
        self._real["rmdir"](path, dir_fd=dir_fd)
        if where is not None:
            self.ledger.gone(where)

    def _chmod(self, path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
        where = self._path(path, dir_fd)
        if where is not None:
            self.step(f"chmod {where}")
        self._real["chmod"](path, mode, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    def _utime(self, path: Any, *arguments: Any, **keys: Any) -> None:
        # A time that is lost tells of no less than one that was never renewed: the ledger needn't know.
        if isinstance(path, int) and path in self._held:
            self.step(f"utime {self._held[path]}")
        self._real["utime"](path, *arguments, **keys)
