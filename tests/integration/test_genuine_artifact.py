"""What Neo4j's own archive writer leaves passes the proof, and anything cut from it fails."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import ArtifactUnverified
from sidecar.artifact import Head
from sidecar.head import read_head
from sidecar.proof import Evidence, Proven, judge
from sidecar.target import Target, open_target
from tests.genuine import GenuineArtifacts
from tests.unit.artifacts import block_starts

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]
NAME = "neo4j-2026-11-23T06-15-59.backup"
BLOCK = 512


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with open_target(str(tmp_path), (str(tmp_path),), create=False) as opened:
        yield opened


@pytest.fixture(params=["compressed", "uncompressed", "threaded"])
def artifact(request: pytest.FixtureRequest, genuine_artifacts: GenuineArtifacts, tmp_path: Path) -> Path:
    """A copy in the target, to be cut."""
    source: Path = getattr(genuine_artifacts, request.param)
    return Path(shutil.copyfile(source, tmp_path / NAME))


def verdict(target: Target) -> Proven | ArtifactUnverified:
    return judge(
        Evidence(
            database="neo4j",
            asked="FULL",
            overlap_allowed=False,
            finished=(NAME,),
            before=frozenset(),
            after=target.listing("neo4j"),
            examined={NAME: target.examine(NAME)},
            existing={},
        )
    )


def test_it_passes_the_proof(target: Target, artifact: Path) -> None:
    size = artifact.stat().st_size

    assert verdict(target) == Proven("FULL", NAME, size, lowest_tx=1, highest_tx=1)


def test_its_head_says_what_it_is(target: Target, artifact: Path, genuine_artifacts: GenuineArtifacts) -> None:
    head = target.examine(NAME).head

    assert isinstance(head, Head)
    assert (head.database, head.full, head.recovered, head.empty) == ("neo4j", True, True, False)
    assert (head.store_id.engine, head.store_id.format) == ("record", "aligned")
    assert head.compressed == head.zstd == (head.magic == "BZV2")


def test_cut_at_any_of_its_blocks_it_fails_the_proof(target: Target, artifact: Path) -> None:
    whole = artifact.read_bytes()
    head = read_head(io.BytesIO(whole))
    if head.zstd:
        starts = list(block_starts(whole, head.body_offset))
        assert len(starts) > 20
        ends = {start + step for start in starts for step in range(-1, 5)} | set(range(head.body_offset + 20))
    else:
        ends = {*range(head.body_offset, len(whole), BLOCK), *range(head.body_offset), len(whole) - 1}
    ends -= {end for end in ends if end >= len(whole)}

    # From the end on, so that cutting it further is all there is to do.
    for end in sorted(ends, reverse=True):
        os.truncate(artifact, end)

        assert isinstance(verdict(target), ArtifactUnverified), end


def test_continued_by_a_byte_it_fails_the_proof(target: Target, artifact: Path) -> None:
    with artifact.open("ab") as file:
        file.write(b"\0")

    assert isinstance(verdict(target), ArtifactUnverified)
