"""A look at a target's artifacts ends in time and says how far it got, also where its volume is slow or hangs."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.wire import SILENCE_SECONDS
from sidecar.artifact_checkup import LOOK_SECONDS, Look, look_at
from sidecar.body import Abandoned
from sidecar.foundation import Damage
from sidecar.links import Links
from sidecar.target import Target
from tests.unit.artifacts import Sample

NAMES = ("neo4j-2026-11-23T02-15-00.backup", "neo4j-2026-11-24T02-15-00.backup", "other-2026-11-23T02-15-00.backup")


class Slow(Links):
    """Reads until nobody waits for it any more."""

    left = False

    def damage(
        self, target: Target, paths: Sequence[Sequence[str]], stopped: Callable[[], bool] = lambda: False
    ) -> Damage | None:
        while not stopped():
            time.sleep(0.01)
        self.left = True
        raise Abandoned


def a_look(folder: Path, links: Links) -> Look:
    return Look(str(folder), (str(folder),), links, prefer_diff=False, overlap_allowed=False)


def test_a_look_that_takes_too_long_says_how_far_it_got_and_reads_no_further(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(bytes(Sample()))
    links = Slow()

    async def look() -> list[str]:
        checks = await look_at(a_look(tmp_path, links), 1.0)
        while not links.left:
            await asyncio.sleep(0.01)
        return [f"{check.state}: {check.message}" for check in checks]

    told = asyncio.run(asyncio.wait_for(look(), 20))

    assert told == [
        f"unknown: {tmp_path}: in 1 s 3 of 3 heads were read, and the newest chain of 0 of 2 databases to its end"
    ]


def test_damage_in_many_artifacts_is_told_in_one_line_that_is_bounded(tmp_path: Path) -> None:
    names = [f"neo4j-2026-11-23T02-15-{second:02d}.backup" for second in range(20)]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "neo4j-2026-11-24T02-15-00.backup").write_bytes(bytes(Sample()))

    (check,) = asyncio.run(look_at(a_look(tmp_path, Links())))

    assert names[4] in check.message
    assert check.message.endswith(" and 15 more")


def test_a_target_that_is_not_there_or_cannot_be_read_is_left_to_the_line_about_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    for missing in (tmp_path / "missing", tmp_path / "fifo"):
        look = Look(str(missing), (str(tmp_path),), Links(), prefer_diff=False, overlap_allowed=False)
        assert asyncio.run(look_at(look)) == []


def test_a_courier_waits_longer_than_a_look_takes() -> None:
    assert LOOK_SECONDS * 1.5 <= SILENCE_SECONDS


def test_an_artifact_that_a_backup_writes_now_is_not_called_damaged_for_good(tmp_path: Path) -> None:
    (tmp_path / "neo4j-2026-11-24T02-15-00.backup").write_bytes(bytes(Sample())[:-1])
    look = a_look(tmp_path, Links())

    look.written = True
    [during] = asyncio.run(look_at(look))
    [after] = asyncio.run(look_at(a_look(tmp_path, Links())))

    assert (during.state, after.state) == ("unknown", "failed")
    assert "A backup writes there now" in during.hint
