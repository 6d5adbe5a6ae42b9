"""What lies damaged in a target is named by ``check``, with the command that mends it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving import lent, serving
from tests.rig import Rig
from tests.standin import server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("damage") / "rig", "neo4j", "other") as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    with lent(served) as rig:
        yield rig


def back_up(rig: Rig, *types: str, database: str = "neo4j") -> list[str]:
    """Make artifacts and name them, the oldest first."""
    made = []
    for type_ in types:
        server.commit(rig.data, database, 3)
        # Each artifact is named after another second, and none after this one, for which a run would wait.
        rig.set_knobs(clock=len(rig.documents()) - 10_000)
        name = f"{rig.target.name}-{len(rig.documents())}"
        rig.submit(name, type_, database)
        document = rig.wait_for_end(name)
        assert document["state"] == "succeeded", document
        made.append(document["results"][0]["artifact"])
    return made


def told(rig: Rig) -> list[dict[str, Any]]:
    """Give what is said of the artifacts."""
    lines = rig.lines("facts", given={"path": str(rig.target)})
    assert lines[-1] == {"end": {"exit_code": 0}}
    return [line["check"] for line in lines[:-1] if line["check"]["name"] == "artifacts"]


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def test_a_target_whose_newest_chains_are_whole_is_told_as_that(rig: Rig) -> None:
    back_up(rig, "FULL", "DIFF")
    back_up(rig, "FULL", database="other")

    (check,) = told(rig)

    assert check["state"] == "ok"
    assert check["message"] == f"3 artifacts in {rig.target}; the newest chain of neo4j, other is whole"


def test_a_damaged_link_is_named_with_the_command_that_mends_it_until_that_was_run(rig: Rig) -> None:
    full, _ = back_up(rig, "FULL", "DIFF")
    back_up(rig, "FULL", database="other")
    cut(rig.target / full)

    (check,) = told(rig)

    assert check["state"] == "failed"
    assert f"would build on {full} in {rig.target}, which is damaged: it ends 1 bytes before" in check["message"]
    assert f"neo4j-backup trigger --path {rig.target} --type FULL --database neo4j," in check["hint"]
    back_up(rig, "FULL")
    assert [each["state"] for each in told(rig)] == ["ok"]


def test_a_head_that_is_lost_is_named_also_where_nothing_builds_on_it(rig: Rig) -> None:
    lost, _ = back_up(rig, "FULL", "FULL")
    (rig.target / lost).write_bytes(bytes(4096))

    (check,) = told(rig)

    assert (check["state"], lost in check["message"]) == ("unknown", True)
    assert "move them away" in check["hint"]
