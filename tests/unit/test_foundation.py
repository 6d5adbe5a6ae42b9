"""What the next differential would build on is told from the heads that lie there, with what is in its way."""

from dataclasses import replace
from uuid import UUID

import pytest

from sidecar.artifact import DamagedArtifact, Head, HeadOrProblem, UnknownFormat
from sidecar.foundation import Foundation, foundation
from tests.unit.heads import diff, full

CUT = DamagedArtifact("its head is cut")
LATER = UnknownFormat("its magic is of a later release")


def founded(found: dict[str, HeadOrProblem], *, prefer_diff: bool = False) -> Foundation:
    heads = {name: each for name, each in found.items() if isinstance(each, Head)}
    problems = {name: each for name, each in found.items() if not isinstance(each, Head)}
    return foundation(heads, problems, prefer_diff=prefer_diff, overlap_allowed=False)


@pytest.mark.parametrize(
    ("found", "paths"),
    [
        ({}, ()),
        ({"f": full(10)}, (("f",),)),
        ({"f": full(10), "d": diff(11, 20, hour=1), "e": diff(0, 0, hour=2)}, (("f", "d"),)),
        ({"f": full(10), "d": diff(11, 20, hour=1), "g": full(20, hour=2)}, (("g",),)),
        # After the full one that a damaged chain made needful: it can be restored by that alone.
        (
            {"f": full(10), "d": diff(11, 20, hour=1), "g": full(20, hour=2), "e": diff(21, 30, hour=3)},
            (("g", "e"), ("f", "d", "e")),
        ),
        ({"f": full(10), "x": CUT}, (("f",),)),
        ({"f": full(10), "d": diff(12, 20, hour=1), "x": LATER}, ()),
        ({"d": diff(11, 20)}, ()),
        ({"f": full(10), "d": replace(diff(11, 20, hour=1), database_id=UUID(int=9))}, ()),
        ({"x": LATER}, ()),
    ],
)
def test_the_newest_artifact_with_transactions_is_what_the_next_one_continues(
    found: dict[str, HeadOrProblem], paths: tuple[tuple[str, ...], ...]
) -> None:
    assert founded(found) == Foundation(paths)


@pytest.mark.parametrize(
    ("found", "artifact", "words"),
    [
        ({"f": CUT}, "f", "its head is cut"),
        ({"f": CUT, "d": diff(11, 20)}, "f", "its head is cut"),
        ({"f": full(10), "c": CUT, "d": diff(21, 30, hour=1)}, "c", "its head is cut"),
        ({"f": full(10), "d": diff(12, 20, hour=1)}, "d", "a link before it is missing"),
    ],
)
def test_what_no_full_backup_leads_to_is_no_ground(found: dict[str, HeadOrProblem], artifact: str, words: str) -> None:
    in_the_way = founded(found).damage

    assert in_the_way is not None
    assert in_the_way.artifact == artifact
    assert words in in_the_way.fault


def test_a_server_that_prefers_differentials_continues_the_newest_of_them() -> None:
    found: dict[str, HeadOrProblem] = {"f": full(10), "d": diff(11, 20, hour=1), "g": full(25, hour=2)}

    assert founded(found, prefer_diff=True) == Foundation((("f", "d"),))
