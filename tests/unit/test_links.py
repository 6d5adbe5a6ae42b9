"""A chain is read to its end and flushed once, and any way from a full backup that is whole is enough."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from sidecar.artifact import Examined
from sidecar.body import Abandoned
from sidecar.links import Links
from sidecar.target import Target
from tests.unit.artifacts import Sample

FULL = "neo4j-2026-11-23T02-15-00.backup"
OTHER = "neo4j-2026-11-24T02-15-00.backup"
DIFF = "neo4j-2026-11-25T02-15-00.backup"


class Read(Target):
    """A real target that tells which artifacts were walked, and which flushed; ``flushes`` is whether its disk does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), os.open(folder, os.O_RDONLY))
        self.walked: list[str] = []
        self.flushed: list[str] = []
        self.flushes = True

    def examine(self, name: str, stopped: Callable[[], bool] = lambda: False) -> Examined:
        self.walked.append(name)
        return super().examine(name, stopped)

    def keep(self, names: Iterable[str]) -> None:
        if not self.flushes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.flushed += names
        super().keep(self.flushed)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Read]:
    for name in (FULL, OTHER, DIFF):
        (tmp_path / name).write_bytes(bytes(Sample()))
    with Read(tmp_path) as target:
        yield target


def cut(target: Target, name: str) -> None:
    path = Path(target.path, name)
    os.truncate(path, path.stat().st_size - 1)


def test_an_artifact_that_was_walked_is_not_walked_again_until_it_changes(target: Read) -> None:
    links = Links()

    assert links.damage(target, [(FULL, DIFF)]) is None
    assert links.damage(target, [(FULL, DIFF)]) is None
    assert target.walked == [FULL, DIFF]

    cut(target, FULL)
    assert str(links.damage(target, [(FULL, DIFF)])).startswith(f"{FULL} is damaged: it ends ")
    assert target.walked == [FULL, DIFF, FULL]


def test_a_chain_is_good_by_one_of_its_full_backups_and_damaged_where_none_is(target: Read) -> None:
    links = Links()
    cut(target, FULL)

    assert links.damage(target, [(FULL, DIFF), (OTHER, DIFF)]) is None
    cut(target, OTHER)
    damage = links.damage(target, [(OTHER, DIFF), (FULL, DIFF)])

    assert damage is not None
    assert damage.artifact == OTHER


def test_what_is_damaged_is_never_remembered_as_whole(target: Read) -> None:
    links = Links()
    cut(target, FULL)

    assert links.walk(target, FULL) is not None
    assert links.walk(target, FULL) is not None
    assert not links.known(target, FULL)


def test_what_a_differential_builds_on_is_on_the_disk_too_whoever_left_it_there(target: Read) -> None:
    links = Links()

    assert links.damage(target, [(FULL, DIFF)]) is None
    assert links.damage(target, [(FULL, DIFF)]) is None

    assert target.flushed == [FULL, DIFF]


def test_what_the_disk_does_not_keep_is_nothing_to_build_on(target: Read) -> None:
    links = Links()
    target.flushes = False

    damage = links.damage(target, [(FULL, DIFF)])

    assert str(damage) == f"{FULL} can't be put on the disk: [Errno 5] Input/output error"
    assert not links.known(target, FULL)


@pytest.mark.parametrize("magic", ["BZV2", "BTV2"])
def test_a_walk_that_nobody_waits_for_any_more_is_left_before_its_end(target: Read, magic: str) -> None:
    Path(target.path, FULL).write_bytes(bytes(Sample(magic=magic)))

    with pytest.raises(Abandoned):
        Links().walk(target, FULL, lambda: True)
