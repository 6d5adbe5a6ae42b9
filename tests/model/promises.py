"""What is promised of the request volume, checked against what lies there: after each step, and once all has ended."""

import json
from pathlib import Path
from typing import Any

from shared.lifecycle import FINAL
from sidecar.document import Document
from sidecar.intake import QUEUE_LIMIT
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
        assert not self._world.problems, self._world.problems
        if (copy := self._world.requests / "backup.status").exists():
            json.loads(copy.read_bytes())
        self.seen = raw
        if living:
            self._sure = raw
        return documents

    def check_end(self) -> None:
        """Check all that holds once nothing is under way and nothing waits."""
        documents = self.look(living=True)
        for document in documents.values():
            assert document.state in FINAL, f"{document.id} has no end: {document.state}"
        counts = self._writers.told([json.loads(content) for content in self.seen.values()])
        for letter in self._writers.letters:
            assert counts[letter.database] == 1 or not letter.due, f"no document tells of {letter.database}"
        proven = {result.artifact for each in documents.values() for result in each.results if result.artifact}
        there = {path.name: path.read_bytes() for path in self._world.target.glob("*.backup")}
        assert there.keys() == proven, "what isn't proven lies where a differential would look, or the other way round"
        for name, content in there.items():
            assert content == self._world.made[name], f"{name} was told to be a backup, and isn't whole"
        left = [path for path in self._world.requests.iterdir() if path.name.startswith((".", "taken-", "run.json"))]
        assert left == [], "something is left"
        if documents:
            newest = max(documents.values(), key=lambda document: document.revision)
            copied = (self._world.requests / "backup.status").read_bytes()
            assert copied == self.seen[newest.id], "backup.status is not the newest change"

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
