"""What of a folder is there after a power cut: contents up to their fsync, names up to the fsync of their folder."""

import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(eq=False, slots=True)
class File:
    """A file under whatever names; ``synced`` is its content as last flushed, ``last`` as it was when its name went."""

    synced: bytes = b""
    last: bytes = b""


class Folder:
    """Stands for a folder among a folder's entries."""


Entry = File | Folder | None
FOLDER = Folder()


@dataclass(slots=True)
class _Names:
    """A folder's entries: ``sure`` are on the disk, ``pending`` are changes that each may be or not."""

    sure: dict[str, Entry] = field(default_factory=dict)
    pending: list[dict[str, Entry]] = field(default_factory=list)


class Ledger:
    """Told of each call that writes below ``root``, and says at a power cut what is left.

    Harsher than most file systems: unflushed changes survive each for itself, in no order, and the two halves of
    a rename from one folder to another as well. A rename within a folder is one change.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[str, _Names] = {}
        self._files: dict[int, File] = {}
        self.adopt()

    def adopt(self) -> None:
        """Take all that lies there as flushed, as after a boot."""
        self._folders.clear()
        self._files.clear()
        for folder, below, names in os.walk(self._root):
            entries: dict[str, Entry] = dict.fromkeys(below, FOLDER)
            for name in names:
                path = os.path.join(folder, name)
                if stat.S_ISREG(os.lstat(path).st_mode):
                    content = Path(path).read_bytes()
                    entries[name] = self._files[os.lstat(path).st_ino] = File(content, content)
            self._folders[folder] = _Names(entries)

    def appeared(self, path: str) -> None:
        """Hear of a new file."""
        self._files[os.lstat(path).st_ino] = file = File()
        self._change(path, file)

    def made(self, path: str) -> None:
        """Hear of a new folder."""
        self._folders[path] = _Names()
        self._change(path, FOLDER)

    def going(self, path: str) -> None:
        """Hear that a file's name is about to go: it may be its last."""
        found = os.lstat(path)
        if found.st_nlink == 1 and (file := self._files.pop(found.st_ino, None)) is not None:
            file.last = Path(path).read_bytes()

    def gone(self, path: str) -> None:
        """Hear that a name is gone."""
        self._change(path, None)

    def renamed(self, before: str, after: str) -> None:
        """Hear of a rename; what had the new name before has been ``going``."""
        found = os.lstat(after)
        if not stat.S_ISREG(found.st_mode):
            return  # the socket, which no boot survives
        file = self._files[found.st_ino]
        (left, old), (entered, new) = os.path.split(before), os.path.split(after)
        if left == entered:
            self._folders[left].pending.append({old: None, new: file})
        else:
            self._change(before, None)
            self._change(after, file)

    def flushed(self, descriptor: int, path: str) -> None:
        """Hear of an fsync of the file or folder that is open as ``descriptor``."""
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            names = self._folders[path]
            for change in names.pending:
                names.sure.update(change)
            names.pending.clear()
        elif (file := self._files.get(found.st_ino)) is not None:
            file.synced = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def cut(self, survives: Callable[[], bool]) -> None:
        """Leave in the folder what a power cut leaves; ``survives`` decides for each thing that wasn't flushed."""
        self._remember_contents()
        left = self._left(self._root, survives)
        for entry in os.scandir(self._root):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        for path, content in left.items():
            if content is None:
                os.mkdir(path)
            else:
                Path(path).write_bytes(content)
        self.adopt()

    def _remember_contents(self) -> None:
        for folder, _, names in os.walk(self._root):
            for name in names:
                path = Path(folder, name)
                if (file := self._files.get(path.lstat().st_ino)) is not None:
                    file.last = path.read_bytes()

    def _left(self, folder: str, survives: Callable[[], bool]) -> dict[str, bytes | None]:
        """Give what is left below ``folder``, a folder before what is in it; None is a folder."""
        names = self._folders[folder]
        entries = dict(names.sure)
        for change in names.pending:
            if survives():
                entries.update(change)
        left: dict[str, bytes | None] = {}
        for name, entry in entries.items():
            path = os.path.join(folder, name)
            match entry:
                case File():
                    left[path] = _content(entry, survives)
                case Folder():
                    left[path] = None
                    left |= self._left(path, survives)
                case None:
                    continue
        return left

    def _change(self, path: str, entry: Entry) -> None:
        folder, name = os.path.split(path)
        self._folders[folder].pending.append({name: entry})


def _content(file: File, survives: Callable[[], bool]) -> bytes:
    if file.last == file.synced or not survives():
        return file.synced
    return file.last if survives() else file.last[: len(file.last) // 2]
