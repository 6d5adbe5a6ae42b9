"""The mailbox's writers: whole at once, in place, or slow, and what has to become of each letter."""

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sidecar.volume import MAILBOX
from tests.model.disk import Disk


class How(StrEnum):
    """How a letter is written."""

    RENAMED = "beside the mailbox, then renamed"
    IN_PLACE = "in place, as echo does"
    SLOW = "the first half now, the other later or never"


@dataclass
class Letter:
    """A letter; ``due`` is whether a document has to tell of it in the end: nobody replaced it, no power was cut."""

    database: str
    inode: int
    due: bool


class Writers:
    """Writes letters into ``folder``, each for a database of its own, by which its document is known."""

    def __init__(self, folder: Path, target: Path, disk: Disk) -> None:
        self.letters: list[Letter] = []
        self._mailbox = folder / MAILBOX
        self._target = target
        self._disk = disk
        self._slow: tuple[int, bytes] | None = None

    def write(self, how: How, name: str | None, kind: str = "FULL") -> None:
        """Write a letter; ``name`` is its id, ``kind`` the type of backup."""
        database = f"letter{len(self.letters)}"
        request = {"path": str(self._target), "type": kind, "database": database} | ({"id": name} if name else {})
        content = json.dumps(request).encode()
        there = self._mailbox.stat().st_ino if self._mailbox.exists() else None
        self._spoil(there)
        match how:
            case How.RENAMED:
                beside = self._mailbox.with_name("writing.request")
                beside_file = self._open(beside)
                os.write(beside_file, content)
                os.close(beside_file)
                beside.rename(self._mailbox)
            case How.IN_PLACE:
                file = self._open(self._mailbox)
                os.write(file, content)
                os.close(file)
            case How.SLOW:
                self.give_up()
                file = self._open(self._mailbox)
                os.write(file, content[: len(content) // 2])
                self._slow = file, content[len(content) // 2 :]
        self.letters.append(Letter(database, self._mailbox.stat().st_ino, due=how is not How.SLOW))

    def finish(self) -> None:
        """Have the slow writer write the rest, wherever its file is by now."""
        if self._slow is not None:
            file, rest = self._slow
            self._spoil(os.fstat(file).st_ino)
            os.write(file, rest)
            self.give_up()

    def give_up(self) -> None:
        """Have the slow writer close its file."""
        if self._slow is not None:
            os.close(self._slow[0])
            self._slow = None

    def power_cut(self) -> None:
        """Hear of it: nothing that was written was flushed."""
        self.give_up()
        for letter in self.letters:
            letter.due = False

    # Any: a document as JSON.
    def told(self, documents: list[dict[str, Any]]) -> dict[str, int]:
        """Count the documents that tell of each letter; a later attempt is another's doing."""
        counts = {letter.database: 0 for letter in self.letters}
        for document in documents:
            if document["attempt"] > 1:
                continue
            asked = document["request"].get("database")
            for database in [asked] if isinstance(asked, str) else asked or []:
                if database in counts:
                    counts[database] += 1
        return counts

    def _spoil(self, inode: int | None) -> None:
        """Note that whoever wrote into that file may find it overwritten."""
        for letter in self.letters:
            # A file that was taken has gone, and its number may be another's: then there is a document already.
            if letter.inode == inode:
                letter.due = False

    def _open(self, path: Path) -> int:
        return os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
