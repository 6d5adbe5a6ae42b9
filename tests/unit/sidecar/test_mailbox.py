"""Whoever writes the mailbox, and however, exactly what was written is taken, once."""

import errno
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.wire import REQUEST_LIMIT
from sidecar.mailbox import KEEP_REFUSED_FILES, STILL_SECONDS, Letter, Mailbox
from sidecar.volume import Volume
from tests.fakes.clock import FakeClock

GOOD = {"path": "/backups/nightly", "type": "FULL", "database": "neo4j"}


class Post:
    """A mailbox whose letters are kept in a list, and its folder."""

    def __init__(self, volume: Volume, clock: FakeClock) -> None:
        self.folder = Path(volume.path)
        self.letters: list[Letter] = []
        self.full = False
        self.clock = clock
        self.mailbox = Mailbox(volume, clock, self._deliver)

    @property
    def slot(self) -> Path:
        return self.folder / "backup.request"

    def _deliver(self, letter: Letter) -> bool:
        if self.full:
            return False
        self.letters.append(letter)
        return True

    def wait_until_still(self) -> None:
        assert self.mailbox.look() == STILL_SECONDS
        self.clock.pass_time(STILL_SECONDS)
        assert self.mailbox.look() is None

    def left(self) -> list[str]:
        return [entry for entry in os.listdir(self.folder) if entry.startswith(("taken-", "backup.request"))]

    def refused(self) -> list[Path]:
        return sorted((self.folder / "refused").iterdir())


@pytest.fixture
def post(volume: Volume, clock: FakeClock) -> Post:
    return Post(volume, clock)


def test_a_whole_request_is_taken_at_once_and_nothing_of_it_stays(post: Post) -> None:
    post.slot.write_text(json.dumps(GOOD))

    assert post.mailbox.look() is None

    assert [letter.content for letter in post.letters] == [GOOD]
    assert post.left() == []


def test_an_empty_mailbox_is_no_letter(post: Post) -> None:
    assert post.mailbox.look() is None
    assert post.letters == []


def test_a_half_written_request_is_waited_for_and_then_taken_whole(post: Post) -> None:
    text = json.dumps(GOOD)
    with post.slot.open("w") as writer:
        for piece in (text[:10], text[10:30]):
            writer.write(piece)
            writer.flush()
            assert post.mailbox.look() == STILL_SECONDS
            post.clock.pass_time(STILL_SECONDS - 0.1)
        writer.write(text[30:])

    assert post.mailbox.look() is None

    assert [letter.content for letter in post.letters] == [GOOD]


def test_a_half_written_request_that_stays_half_is_refused_and_kept_for_its_writer(post: Post) -> None:
    post.slot.write_text('{"path": "/backups')

    post.wait_until_still()

    assert "not valid JSON" in post.letters[0].problem
    assert [path.read_text() for path in post.refused()] == ['{"path": "/backups']
    assert post.left() == []


def test_the_second_reading_counts_where_a_writer_replaced_the_request_in_between(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.slot.write_text(json.dumps(GOOD))
    rename = os.rename

    def replace_first(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        monkeypatch.undo()
        post.slot.write_text(json.dumps(GOOD | {"type": "DIFF"}))
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    # The only way to be between two system calls of one function.
    monkeypatch.setattr(os, "rename", replace_first)
    post.mailbox.look()

    assert [letter.content for letter in post.letters] == [GOOD | {"type": "DIFF"}]


def test_a_request_replaced_by_a_half_written_one_is_waited_for_after_it_was_taken(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.slot.write_text(json.dumps(GOOD))
    rename = os.rename
    text = json.dumps(GOOD | {"type": "AUTO"})
    writer = post.slot.open("r+")

    def overwrite_first(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        monkeypatch.undo()
        writer.truncate(0)
        writer.write(text[:20])
        writer.flush()
        rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", overwrite_first)
    assert post.mailbox.look() == STILL_SECONDS
    writer.write(text[20:])
    writer.close()
    assert post.mailbox.look() is None

    assert [letter.content for letter in post.letters] == [GOOD | {"type": "AUTO"}]
    assert post.left() == []


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("nightly please", "not valid JSON"),
        ("[1, 2]", "a JSON object is wanted"),
        ('{"type": "FULL", "type": "DIFF"}', "the key 'type' is there twice"),
        ('{"path": ' + "[" * 30_000, "nested too deeply"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": "\\ud800"}', "not valid Unicode"),
        ('{"a": ' + "9" * 5000 + "}", "not valid JSON"),
    ],
)
def test_what_is_no_request_is_refused_with_what_was_wrong(post: Post, written: str, said: str) -> None:
    post.slot.write_text(written)

    post.wait_until_still()

    assert said in post.letters[0].problem
    assert len(post.refused()) == 1


def test_junk_of_a_mebibyte_is_refused_at_once_and_cut_down(post: Post) -> None:
    post.slot.write_bytes(os.urandom(1 << 20))

    assert post.mailbox.look() is None

    assert f"longer than {REQUEST_LIMIT} bytes" in post.letters[0].problem
    assert [path.stat().st_size for path in post.refused()] == [REQUEST_LIMIT]


@pytest.mark.parametrize("kind", ["folder", "FIFO", "symbolic link", "socket"])
def test_what_is_no_file_is_refused_without_being_opened_or_followed(post: Post, kind: str) -> None:
    secret = post.folder.parent / "secret.json"
    secret.write_text(json.dumps(GOOD))
    match kind:
        case "folder":
            (post.slot / "inner").mkdir(parents=True)
        case "FIFO":
            os.mkfifo(post.slot)
        case "symbolic link":
            post.slot.symlink_to(secret)
        case _:
            with socket.socket(socket.AF_UNIX) as bound:
                bound.bind(str(post.slot))

    assert post.mailbox.look() is None

    assert f"is a {kind}" in post.letters[0].problem
    assert post.left() == []
    assert secret.exists()


def test_only_the_newest_refused_files_are_kept(post: Post) -> None:
    for number in range(KEEP_REFUSED_FILES + 5):
        (post.slot / str(number)).mkdir(parents=True)
        post.mailbox.look()

    assert len(post.refused()) == KEEP_REFUSED_FILES
    assert [entry.name for entry in post.refused()[-1].iterdir()] == [str(KEEP_REFUSED_FILES + 4)]


@pytest.fixture
def without_end(post: Post) -> Iterator[Post]:
    """A mailbox whose folders pytest couldn't remove."""
    yield post
    subprocess.run(["rm", "-rf", post.slot, post.folder / "refused"], check=True)


def test_folders_without_end_that_are_refused_leave_the_mailbox_working(without_end: Post) -> None:
    post = without_end
    for number in range(KEEP_REFUSED_FILES + 2):
        nest(post.slot, 1500 if number < 2 else 1)
        assert post.mailbox.look() is None

    post.slot.write_text(json.dumps(GOOD))
    assert post.mailbox.look() is None

    assert post.letters[-1].content == GOOD


def nest(folder: Path, depth: int) -> None:
    """Make a folder with so many below each other, more than Python's own way of removing them can go down."""
    folder.mkdir()
    at = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("a", dir_fd=at)
        below = os.open("a", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)


def test_what_is_kept_of_a_refused_file_is_not_its_writers_any_more(post: Post) -> None:
    other = post.folder / "another-name"
    with post.slot.open("w") as writer:
        writer.write("x" * (REQUEST_LIMIT + 1))
        writer.flush()
        os.link(post.slot, other)
        assert post.mailbox.look() is None
        writer.write("y" * (1 << 20))

    assert [path.read_text() for path in post.refused()] == ["x" * REQUEST_LIMIT]
    assert other.stat().st_size == REQUEST_LIMIT + 1 + (1 << 20), "a file that has another name is not ours to cut"


def test_a_request_that_cannot_be_published_yet_is_kept_and_tried_again(post: Post) -> None:
    post.full = True
    post.slot.write_text(json.dumps(GOOD))
    assert post.mailbox.look() == STILL_SECONDS
    assert len(post.left()) == 1

    post.full = False
    assert post.mailbox.look() is None

    assert [letter.content for letter in post.letters] == [GOOD]
    assert post.left() == []


def test_a_taken_file_that_no_document_carries_is_finished_and_another_only_removed(post: Post) -> None:
    (post.folder / f"taken-{1:016x}").write_text(json.dumps(GOOD))
    (post.folder / f"taken-{2:016x}").write_text(json.dumps(GOOD))

    post.mailbox.recover(lambda name: name == f"taken-{1:016x}")
    post.mailbox.look()

    assert [letter.taken for letter in post.letters] == [f"taken-{2:016x}"]
    assert post.left() == []


def test_a_name_that_is_no_taken_one_is_left_alone(post: Post) -> None:
    strange = os.path.join(os.fsencode(post.folder), b"taken-\xff")
    with open(strange, "wb") as file:
        file.write(json.dumps(GOOD).encode())

    post.mailbox.recover(lambda name: False)
    post.mailbox.look()

    assert post.letters == []
    assert os.path.exists(strange)


def test_what_can_neither_be_kept_nor_removed_is_taken_once(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def renamed(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if src_dir_fd != dst_dir_fd:
            # As a folder of another user's, which can't get another parent.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", renamed)
    (post.slot / "deep").mkdir(parents=True)

    post.mailbox.look()

    assert len(post.letters) == 1
    assert post.left() == []
    assert len(list(post.folder.glob("stays-*"))) == 1


def test_of_many_taken_files_some_are_finished_at_a_time(post: Post) -> None:
    for number in range(50):
        (post.folder / f"taken-{number:016x}").write_text(json.dumps(GOOD))
    post.mailbox.recover(lambda name: False)

    waits = [post.mailbox.look() for _ in range(3)]

    assert waits == [0.0, 0.0, None]
    assert len(post.letters) == 50
    assert post.left() == []


def test_a_clock_that_is_set_back_changes_nothing(post: Post) -> None:
    post.slot.write_text("{")
    os.utime(post.slot, (0, 0))

    post.wait_until_still()

    assert len(post.letters) == 1
