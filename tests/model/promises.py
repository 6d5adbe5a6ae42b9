"""What is promised of the request volume, checked against what lies there: after each step, and once all has ended."""

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from shared.lifecycle import FINAL, ResultState
from shared.protocol import BackupType
from sidecar.document import DatabaseResult, Document
from sidecar.intake import QUEUE_LIMIT
from tests.model.turns import power_cut
from tests.model.world import World
from tests.model.writers import Writers

# Any: a status as a courier prints it.
Status = dict[str, Any]
_NEVER_CHANGES = ("id", "number", "request", "accepted_at", "word", "taken", "attempt")
_TOLD = ("state", "code", "message", "exit_code", "results", "ended_at", "request")


class Promises:
    """Remembers what was seen and what couriers were told, and holds every look at the volume to that."""

    def __init__(self, world: World, writers: Writers) -> None:
        self.seen: dict[str, bytes] = {}
        self.suspended = False
        self._sure: dict[str, bytes] = {}
        self._told: dict[str, Status] = {}
        self._world = world
        self._writers = writers

    def tell(self, status: Status) -> None:
        """Note what a courier was told of a request; an end is told the same again."""
        before = self._told.get(status["id"])
        if before is not None and before["exit_code"] is not None:
            assert [before[key] for key in _TOLD] == [status[key] for key in _TOLD], "another end is told now"
        self._told[status["id"]] = status

    def power_cut(self) -> None:
        """Hear of one: what a dead daemon's last call left was told to nobody, and may be gone."""
        self.seen = dict(self._sure)
        sure = [_whole(name, content) for name, content in self.seen.items()]
        self._world.turns |= power_cut(sure, self._world.backups, self._world.unflushed)

    def look(self, *, living: bool) -> dict[str, Document]:
        """Check all that holds at any time; ``living`` is a daemon whose documents are all on the disk."""
        raw = {path.stem: path.read_bytes() for path in self._status().glob("[!.]*.json")}
        documents = {name: _whole(name, content) for name, content in raw.items()}
        for name, before in self.seen.items():
            assert name in raw, f"the document of {name} is lost: {before!r}"
            _check_change(before, raw[name])
        for name, told in self._told.items():
            self._check_told(told, documents.get(name))
        for key in ("number", "revision"):
            numbers = [getattr(document, key) for document in documents.values()]
            assert len(numbers) == len(set(numbers)), f"a {key} is there twice: {sorted(numbers)}"
        queued = [name for name, document in documents.items() if document.state == "queued"]
        assert len(queued) <= QUEUE_LIMIT, f"{len(queued)} wait: {queued}"
        if not self.suspended:
            assert "request_expired" not in {document.code for document in documents.values()}
        assert "internal_error" not in {document.code for document in documents.values()}
        for letter, count in self._writers.told([json.loads(content) for content in raw.values()]).items():
            assert count <= 1, f"{count} documents tell of {letter}"
        self._check_backups(documents.values())
        assert not self._world.starts.problems, self._world.starts.problems
        if (copy := self._world.requests / "backup.status").exists():
            json.loads(copy.read_bytes())
        self.seen = raw
        if living:
            self._sure = raw
        return documents

    def check_end(self) -> Collection[Document]:
        """Check all that holds once nothing is under way and nothing waits; give the documents."""
        documents = self.look(living=True)
        for document in documents.values():
            assert document.state in FINAL, f"{document.id} has no end: {document.state}"
        counts = self._writers.told([json.loads(content) for content in self.seen.values()])
        for letter in self._writers.letters:
            assert counts[letter.database] == 1 or not letter.due, f"no document tells of {letter.database}"
        proven = {result.artifact for each in documents.values() for result in each.results if result.artifact}
        there = {path.name for path in self._world.target.glob("*.backup")} - self._world.found
        assert there == proven, "what isn't proven lies where a differential would look, or the other way round"
        left = [path for path in self._world.requests.iterdir() if path.name.startswith((".", "taken-", "run.json"))]
        assert left == [], "something is left"
        if documents:
            newest = max(documents.values(), key=lambda document: document.revision)
            copied = (self._world.requests / "backup.status").read_bytes()
            assert copied == self.seen[newest.id], "backup.status is not the newest change"
        return documents.values()

    def _check_backups(self, documents: Iterable[Document]) -> None:
        """Check that each backup that is told can be restored from what lies there."""
        restorable = self._world.backups.restorable()
        for document in documents:
            for result in document.results:
                if (document.id, result.database) in self._world.refused:
                    self._check_refused(result)
                if result.state is not ResultState.SUCCEEDED:
                    continue
                made = self._world.backups.made[str(result.artifact)]
                assert made.name in restorable, f"{made.name} is told to be a backup, and can't be restored"
                asked = document.backup_request().type
                assert made.full or asked is not BackupType.FULL, f"{made.name} is no full backup, as was asked for"
                assert (made.database, "FULL" if made.full else "DIFF") == (result.database, result.type)

    def _check_refused(self, result: DatabaseResult) -> None:
        assert result.state is not ResultState.SUCCEEDED, "a success is told where no full backup was to build on"
        if result.code == "backup_failed":
            assert result.message.startswith("no full backup of "), result.message
        else:
            assert result.code in (None, "backup_interrupted", "backup_cancelled"), result.code

    def _check_told(self, told: Status, document: Document | None) -> None:
        assert document is not None, f"a courier was told of {told['id']}, and there is no such document"
        now = document.public()
        assert now["request"] == told["request"], "it is another's request"
        if told["exit_code"] is not None:
            for key in _TOLD:
                assert now[key] == told[key], f"a courier was told an end, and {key} is another now"
        if told.get("cancel_requested") or told["state"] == "cancelled":
            assert document.final or document.cancel_requested, "a cancel was answered, and is forgotten"
            assert document.code != "backup_interrupted", "a cancel was answered, and another end is told"

    def _status(self) -> Path:
        return self._world.requests / "status"


def _whole(name: str, content: bytes) -> Document:
    document = Document.model_validate_json(content)
    assert document.id == name
    assert content.endswith(b"}\n")
    return document


def _check_change(before: bytes, after: bytes) -> None:
    if before == after:
        return
    old, new = json.loads(before), json.loads(after)
    assert old["exit_code"] is None, f"a final document changed: {before!r} became {after!r}"
    assert new["revision"] > old["revision"], "a document changed and has no later revision"
    for key in _NEVER_CHANGES:
        assert old[key] == new[key], f"{key} changed: {before!r} became {after!r}"
