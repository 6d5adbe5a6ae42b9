"""The heads of artifacts are read once each, however many runs there are, and for longer than one look may take."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from sidecar.artifact import DamagedArtifact, Head, HeadOrProblem
from sidecar.heads import Heads
from sidecar.target import Target
from tests.unit.artifacts import FULL, SMALL

NAMES = [f"neo4j-2026-11-{day:02}T02-15-00.backup" for day in range(1, 11)]


class Read(Target):
    """A real target that tells which heads were read, each of which takes its time."""

    def __init__(self, folder: Path, seconds: float = 0) -> None:
        super().__init__(str(folder), os.open(folder, os.O_RDONLY))
        self.read: list[str] = []
        self.seconds = seconds

    def heads(self, names: Iterable[str]) -> dict[str, HeadOrProblem]:
        named = list(names)
        self.read += named
        time.sleep(self.seconds * len(named))
        return super().heads(named)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Read]:
    for name in NAMES:
        (tmp_path / name).write_bytes(bytes(SMALL))
    with Read(tmp_path) as target:
        yield target


def test_only_what_is_new_or_changed_is_read_again(target: Read) -> None:
    heads = Heads()
    first = heads.of(target, NAMES[:9])

    Path(target.path, NAMES[0]).write_bytes(bytes(FULL.but(highest=7)))
    second = heads.of(target, NAMES)

    assert target.read == [*NAMES[:9], NAMES[0], NAMES[9]]
    assert {name: second[name] for name in NAMES[1:9]} == {name: first[name] for name in NAMES[1:9]}
    changed = second[NAMES[0]]
    assert isinstance(changed, Head)
    assert changed.highest == 7


def test_what_is_damaged_is_remembered_and_what_cannot_be_read_now_is_not(
    target: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = Heads()
    Path(target.path, NAMES[0]).write_bytes(b"BZV3")
    opened = os.open
    monkeypatch.setattr(os, "open", failing(NAMES[1], opened))
    heads.of(target, NAMES[:2])
    monkeypatch.undo()

    found = heads.of(target, NAMES[:2])

    assert target.read == [*NAMES[:2], NAMES[1]]
    assert isinstance(found[NAMES[0]], DamagedArtifact)
    assert isinstance(found[NAMES[1]], Head)


def failing(name: str, opened: Callable[..., int]) -> Callable[..., int]:
    def fail(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == name:
            raise OSError(5, "Input/output error")
        return opened(path, flags, mode, dir_fd=dir_fd)

    return fail


def test_many_are_read_in_turns_each_of_which_gets_on(target: Read) -> None:
    heads, target.seconds = Heads(), 0.02

    turns = 1
    while not heads.acquire(target, NAMES, 0.05):
        turns += 1

    assert 2 <= turns <= len(NAMES)
    assert target.read == NAMES


def test_of_more_than_are_remembered_none_is_read_ahead(target: Read) -> None:
    heads = Heads(remembered=9)

    assert heads.acquire(target, NAMES, 1)
    assert target.read == []
    assert len(heads.of(target, NAMES)) == 10


def test_heads_of_one_store_share_what_they_have_in_common(target: Read) -> None:
    first, second = Heads().of(target, NAMES[:2]).values()

    assert isinstance(first, Head)
    assert isinstance(second, Head)
    assert first.store_id is second.store_id
    assert first.database_id is second.database_id
