"""A document that is there, and that the disk may not keep, is one all the same: nothing is forgotten, or run twice."""

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.lifecycle import State
from shared.protocol import Submission
from sidecar.document import Document
from sidecar.files import Unflushed
from sidecar.intake import Intake
from sidecar.listener import _unwritten
from sidecar.mailbox import Letter, Mailbox
from sidecar.records import Records
from sidecar.volume import Volume
from tests.fakes.clock import FakeClock

ASKED = {"path": "/backups/nightly", "type": "FULL", "database": "neo4j"}


@contextmanager
def no_flush(patch: pytest.MonkeyPatch, folder: Path) -> Iterator[None]:
    """Have each fsync of a folder fail."""
    flush = os.fsync

    def failing(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}") == str(folder):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(descriptor)

    with patch.context() as patched:
        patched.setattr(os, "fsync", failing)
        yield


def on_disk(volume: Volume) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(volume.path, "status").iterdir()}


def reopened(volume: Volume) -> Records:
    fresh = Records(volume)
    fresh.load()
    return fresh


def test_a_courier_is_told_that_it_may_hold_and_asks_again() -> None:
    told, full = (_unwritten(error(errno.EIO, "bad")) for error in (Unflushed, OSError))

    assert (told.code, told.retryable) == ("transport_error", True)
    assert "whether it holds can't be told" in told.message
    assert full.code == "configuration_error"


@pytest.fixture
def intake(records: Records, clock: FakeClock) -> Intake:
    return Intake(records, clock, lambda request: None)


@pytest.fixture
def mailbox(volume: Volume, clock: FakeClock, intake: Intake) -> Mailbox:
    def deliver(letter: Letter) -> bool:
        try:
            intake.receive(letter)
        except OSError:
            return False
        return True

    return Mailbox(volume, clock, deliver)


@pytest.fixture
def status(volume: Volume) -> Path:
    return Path(volume.path, "status")


@pytest.mark.parametrize("letter", ['{"path": "/backups/nightly", "type": "FULL"}', '{"path": 7}'])
def test_a_letter_without_a_name_has_one_document_however_often_the_flush_fails(
    letter: str,
    volume: Volume,
    mailbox: Mailbox,
    status: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(volume.path, "backup.request").write_text(letter)

    with no_flush(monkeypatch, status):
        waits = [mailbox.look(), mailbox.look()]
        left = [name for name in os.listdir(volume.path) if name.startswith("taken-")]
    after = mailbox.look()

    assert len(on_disk(volume)) == 1
    assert None not in waits, "it was taken for done before the disk kept it"
    assert len(left) == 1
    assert after is None
    assert [name for name in os.listdir(volume.path) if name.startswith("taken-")] == []
    assert len(list(reopened(volume).newest_first())) == 1


def test_a_letter_that_may_not_be_taken_away_is_refused_once_however_often_the_flush_fails(
    volume: Volume,
    mailbox: Mailbox,
    status: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rename = os.rename

    def sticky(source: str, to: str, **folders: int) -> None:
        if source == "backup.request":
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        rename(source, to, **folders)

    Path(volume.path, "backup.request").write_text('{"path": "/backups/nightly", "type": "FULL"}')
    monkeypatch.setattr(os, "rename", sticky)

    with no_flush(monkeypatch, status):
        for _ in range(3):
            mailbox.look()
    mailbox.look()

    assert [document.state for document in reopened(volume).newest_first()] == [State.REJECTED]


def test_a_courier_is_told_that_its_request_may_hold_and_the_same_word_again_attaches(
    records: Records, intake: Intake, volume: Volume, status: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = Submission(request=ASKED, word="word0001")
    with no_flush(monkeypatch, status):
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output error"):
                intake.submit("nightly", submission)
        seen = on_disk(volume)

    document, attached = intake.submit("nightly", submission)

    assert (document.state, attached) == (State.QUEUED, True)
    assert on_disk(volume) == seen
    assert [each.id for each in records.queued()] == ["nightly"]


def test_a_cancel_that_is_there_holds_and_its_document_never_changes_again(
    records: Records, intake: Intake, volume: Volume, status: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.submit("nightly", Submission(request=ASKED, word="word0001"))
    with no_flush(monkeypatch, status), pytest.raises(OSError, match="Input/output error"):
        intake.cancel("nightly")
    seen = on_disk(volume)

    assert records.queued() == [], "it would be run"
    assert intake.cancel("nightly").state is State.CANCELLED
    assert on_disk(volume) == seen


def test_what_couriers_ask_for_is_not_told_before_the_disk_keeps_it(
    records: Records, intake: Intake, status: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_flush(monkeypatch, status):
        with pytest.raises(OSError, match="Input/output error"):
            intake.submit("nightly", Submission(request=ASKED, word="word0001"))
        with pytest.raises(OSError, match="Input/output error"):
            records.ensure_flushed()

    records.ensure_flushed()


def test_a_job_s_retry_is_not_told_an_end_before_the_disk_keeps_it(
    records: Records, intake: Intake, status: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake.submit("nightly", Submission(request=ASKED, word="word0001", job=True))
    with no_flush(monkeypatch, status):
        with pytest.raises(OSError, match="Input/output error"):
            intake.cancel("nightly")
        with pytest.raises(OSError, match="Input/output error"):
            intake.submit("nightly", Submission(request=ASKED, word="word0002", job=True))

    document, attached = intake.submit("nightly", Submission(request=ASKED, word="word0003", job=True))

    assert (document.state, attached) == (State.CANCELLED, True)


def test_a_watcher_hears_of_a_change_once_it_is_on_the_disk(
    records: Records, intake: Intake, status: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Document] = []
    records.on_change = lambda before, document: heard.append(document)

    async def watch() -> tuple[bool, bool]:
        with records.watch("nightly") as changed:
            with no_flush(monkeypatch, status), pytest.raises(OSError, match="Input/output error"):
                intake.submit("nightly", Submission(request=ASKED, word="word0001"))
            early = changed.is_set()
            records.ensure_flushed()
            return early, changed.is_set()

    assert asyncio.run(watch()) == (False, True)
    assert [document.id for document in heard] == ["nightly"]
