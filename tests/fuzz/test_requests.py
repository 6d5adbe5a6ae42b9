"""Whatever asks for a backup, only what may run is accepted, and neo4j-admin gets it as a value in its place."""

import contextlib
import json
import os
import re
import stat
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st

from shared.errors import BackupError
from shared.lifecycle import State
from shared.protocol import BackupRequest, Submission
from shared.wire import REQUEST_LIMIT, WireError, decode, is_request_name
from sidecar.acceptance import Acceptance
from sidecar.document import Document
from sidecar.intake import Intake
from sidecar.mailbox import KEEP_REFUSED_FILES, STILL_SECONDS, Letter, Mailbox
from sidecar.neo4j_admin.command import Run, build
from sidecar.neo4j_admin.databases import expand
from sidecar.neo4j_admin.options import Options
from sidecar.neo4j_admin.version import Version
from sidecar.records import KEEP_ENDED, KEEP_REFUSED, Records
from sidecar.settings import Settings
from sidecar.target import open_target
from sidecar.volume import Volume
from tests.fakes.clock import FakeClock
from tests.fuzz.cases import fuzzed
from tests.fuzz.corpus import TEXTS
from tests.fuzz.mutation import json_batches
from tests.fuzz.shown import hold_text

ROOT = "/tmp/backups"
PRESENT = ("neo4j", "system", "reports", "-evil", "..", "a b")
REFUSAL_BYTES = 16 * 1024
DEEPEST = 60
NAMES = st.sampled_from(("nightly", "a", "..", ".", "", ".failed", "link", "file", "-x", "@x", "\u00e9", "x" * 256))
PATHS = st.one_of(
    st.lists(NAMES, max_size=5).map(lambda names: "/".join((ROOT, *names))),
    st.sampled_from(("/", "/etc", "//tmp/backups", "/tmp/backups-beside/x", "backups", "s3://b/", "--to-path=/", "")),
    st.text(max_size=20).map(lambda text: f"{ROOT}/{text}"),
)
DATABASES = st.one_of(
    st.none(),
    st.sampled_from(("neo4j", "*", "system", "n?o4j", "-x", "@x", "--from=evil", "a,b", "SYSTEM")),
    st.text(alphabet="aA0.-*?@_/ ,\u212a", max_size=6),
    st.lists(st.sampled_from(("neo4j", "NEO4J", "reports", "a*", "-", "--help")), max_size=4),
)
TYPES = st.sampled_from(("FULL", "DIFF", "AUTO", "full", "FULL ", "--type", "F\u0130LL"))
IDS = st.sampled_from(("n-1", "../x", "n~2", "-x", "", "N", "a" * 129))
REQUESTS = st.fixed_dictionaries({"path": PATHS, "type": TYPES}, optional={"database": DATABASES})
LETTERS = st.fixed_dictionaries({"path": PATHS, "type": TYPES}, optional={"database": DATABASES, "id": IDS})
SUBMISSIONS = st.fixed_dictionaries(
    {"request": REQUESTS, "word": st.text(alphabet="abcdef0123456789", min_size=8, max_size=12)},
    optional={"job": st.booleans()},
)


DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "id": "forged",
    "state": "queued",
    "request": {"path": "/backups", "type": "FULL", "database": None},
    "results": [{"database": "neo4j", "state": "running", "size_bytes": 7}],
    "accepted_at": "2026-11-23T02:15:00Z",
    "number": 7,
    "revision": 9,
    "word": "0123456789abcdef",
    "taken": None,
    "attempt": 1,
    "accepted_boot": "b",
    "accepted_seconds": 1.5,
    "progress": {"database": "neo4j", "stage": "x", "bytes": 1, "elapsed_seconds": 2.0},
}
KINDS = {
    "document": DOCUMENT,
    "record": DOCUMENT | {"state": "failed", "exit_code": 3, "ended_at": "2026-11-23T02:15:00Z"},
}
ENDED = DOCUMENT | {"state": "failed", "exit_code": 3, "ended_at": "2026-11-23T02:15:00Z", "progress": None}


@dataclass
class Place:
    """A folder with an allowed root, and beside it what nobody may reach."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.root = self.folder / "backups"
        self.outside = self.folder / "outside"
        for made in (self.root, self.outside, self.folder / "backups-beside", self.folder / "requests"):
            made.mkdir()
        (self.root / "link").symlink_to(self.outside)
        (self.root / "file").touch()
        self.settings = Settings(allowed_roots=(str(self.root),))
        self.volume = Volume.open(str(self.folder / "requests"))
        assert self.volume.try_lock()
        self.records = Records(self.volume)
        self.intake = Intake(self.records, self.clock, Acceptance(self.settings).check)
        self.mailbox = Mailbox(self.volume, self.clock, self.deliver)
        self.letters = 0

    @property
    def slot(self) -> Path:
        return self.folder / "requests/backup.request"

    def here(self, data: bytes) -> bytes:
        """Give what was made for ``ROOT`` for this place."""
        return data.replace(ROOT.encode(), str(self.root).encode())

    def deliver(self, letter: Letter) -> bool:
        self.intake.receive(letter)
        self.letters += 1
        return True

    def make_room(self) -> None:
        """End what was accepted, and sweep as the session does."""
        for document in self.records.under_way():
            self.intake.cancel(document.id)
        if self.records.crowded:
            self.records.sweep()

    def hold_bounds(self) -> None:
        """Hold what lies on the volume to its bounds, and everything beside the root to what it was."""
        requests = self.folder / "requests"
        names = os.listdir(requests)
        assert sorted(names) == ["logs", "refused", "sidecar.lock", "status"], names
        kept = [path.lstat() for path in (requests / "refused").iterdir()]
        assert len(kept) <= KEEP_REFUSED_FILES
        assert all(found.st_size <= REQUEST_LIMIT for found in kept if stat.S_ISREG(found.st_mode))
        assert len(os.listdir(requests / "status")) <= KEEP_REFUSED + KEEP_ENDED + 40
        assert os.listdir(requests / "logs") == []
        assert os.listdir(self.outside) == os.listdir(self.folder / "backups-beside") == []


@pytest.fixture
def place(fast_path: Path) -> Iterator[Place]:
    made = Place(fast_path)
    yield made
    made.hold_bounds()
    made.volume.close()


def hold_refusal(document: Document) -> None:
    """Hold a refusal's document to what may be told and to its size."""
    assert document.state is State.REJECTED
    assert len(document.to_json()) <= REFUSAL_BYTES
    assert document.message
    hold_text(document.message, document.hint, *document.request)


def hold_request(request: BackupRequest, place: Place) -> None:
    """Hold an accepted request to its place on neo4j-admin's command line and below the root."""
    for type_ in (request.type.value, str(request.type)):
        assert type_ in ("FULL", "DIFF", "AUTO")
    assert request.path.startswith("/")
    assert not set(map(unicodedata.category, request.path)) & {"Cc", "Cs", "Zl", "Zp"}
    expansion = expand(request.database or (), PRESENT)
    for database in expansion.databases:
        temporary = f"{place.root}/.neo4j-backup-tmp/.run-0"
        run = Run(database, request.type, ("localhost:6362",), request.path, temporary, "8m")
        line = build("/neo4j-admin", Version(5, 26, 28), run, Options())
        assert line[:3] == ("/neo4j-admin", "database", "backup")
        options, last = line[3:-1], line[-1]
        assert [option.partition("=")[0] for option in options] == [
            "--from",
            "--to-path",
            "--temp-path",
            "--type",
            "--pagecache",
        ]
        assert options[1] == f"--to-path={request.path}"
        assert re.fullmatch(r"[a-z0-9][a-z0-9.-]{2,62}", last)
        assert not any("\0" in argument or "\n" in argument for argument in line)
    if request.path.count("/") > DEEPEST:
        return
    try:
        target = open_target(request.path, place.settings.allowed_roots, create=True)
    except BackupError:
        return
    with target, contextlib.closing(Opened(target.path)) as opened:
        assert opened.real == str(place.root) or opened.real.startswith(f"{place.root}/")
        assert "/." not in opened.real.removeprefix(str(place.root))


class Opened:
    """Where a path leads in truth."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_PATH)
        self.real = os.readlink(f"/proc/self/fd/{self._descriptor}")

    def close(self) -> None:
        os.close(self._descriptor)


def put(slot: Path, data: bytes, random: Random) -> None:
    """Write the mailbox as one of its writers would, most of them well."""
    match random.randrange(30):
        case 0:
            slot.symlink_to("/etc/passwd")
        case 1:
            os.mkfifo(slot)
        case 2:
            (slot / "deep" / "er").mkdir(parents=True)
        case 3:
            slot.write_bytes(data)
            os.truncate(slot, 1 << 33)
        case 4:
            slot.write_bytes(data)
            slot.chmod(0)
        case 5:
            other = slot.with_name("other")
            other.write_bytes(data)
            os.link(other, slot)
            other.unlink()
        case _:
            slot.write_bytes(data)


@fuzzed(8_000, json_batches(LETTERS), TEXTS)
def test_any_mailbox_is_emptied_into_one_document_and_leaves_a_bounded_trace(case: bytes, place: Place) -> None:
    before, revision = place.letters, place.records.next_number()
    put(place.slot, place.here(case), Random(case))
    began = time.process_time()

    wait = place.mailbox.look()
    if wait is not None:
        assert wait <= STILL_SECONDS
        place.clock.pass_time(STILL_SECONDS)
        assert place.mailbox.look() is None

    assert time.process_time() - began < 20
    assert place.letters == before + 1
    assert not os.path.lexists(place.slot)
    newest = place.records.newest_change()
    assert newest is not None
    assert newest.number > revision
    assert is_request_name(newest.id)
    if newest.state is State.QUEUED:
        hold_request(newest.backup_request(), place)
    else:
        hold_refusal(newest)
    place.make_room()


@fuzzed(14_000, json_batches(SUBMISSIONS), TEXTS)
def test_any_submission_is_accepted_as_it_may_be_or_refused(case: bytes, place: Place) -> None:
    try:
        given = decode(place.here(case))
    except WireError as refusal:
        hold_text(str(refusal))
        return
    try:
        submission = Submission.parse(given)
        document, _ = place.intake.submit(f"n-{place.records.next_number()}", submission)
    except BackupError as refusal:
        hold_text(refusal.message, refusal.hint)
        return
    assert document.state is State.QUEUED
    hold_request(document.backup_request(), place)
    place.make_room()


@fuzzed(4_000, json_batches(st.sampled_from((DOCUMENT, ENDED))), TEXTS)
def test_any_file_in_a_document_s_place_spoils_no_other(case: bytes, place: Place) -> None:
    status = place.folder / "requests/status"
    (status / "forged.json").write_bytes(case)
    (status / "good.json").write_text(json.dumps(DOCUMENT | {"id": "good"}))

    records = Records(place.volume)
    records.load()
    told = [json.loads(json.dumps(each.public(), allow_nan=False)) for each in records.newest_first()]
    queued = records.publish(Document(id="next", state=State.QUEUED, number=records.next_number()))

    assert "good" in {each["id"] for each in told}
    assert all(is_request_name(each["id"]) for each in told)
    again = Records(place.volume)
    again.load()
    assert again.get("next") == queued
    for name in ("forged", "good", "next"):
        (status / f"{name}.json").unlink()
