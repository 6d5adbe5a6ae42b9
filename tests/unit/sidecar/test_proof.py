"""A run of neo4j-admin has made a backup only where everything that it left says so."""

from dataclasses import replace

import pytest

from shared.errors import ArtifactUnverified
from sidecar.artifact import DamagedArtifact, Examined, Head, HeadOrProblem, UnknownFormat
from sidecar.proof import Evidence, Proven, judge, new_artifacts, to_set_aside
from tests.unit.heads import FULL, diff, full

OLD = "neo4j-2026-11-22T00-00-00.backup"
NEW = "neo4j-2026-11-23T00-00-00.backup"
OTHER = "neo4j-2026-11-23T00-00-01.backup"
GOOD = Evidence(
    database="neo4j",
    asked="FULL",
    overlap_allowed=False,
    finished=(NEW,),
    before=frozenset({OLD}),
    after={OLD: 100, NEW: 200},
    examined={NEW: Examined(full(10))},
    existing={OLD: full(5)},
)


def unproven(evidence: Evidence) -> ArtifactUnverified:
    verdict = judge(evidence)
    assert isinstance(verdict, ArtifactUnverified)
    assert verdict.hint
    return verdict


def differential(asked: str = "DIFF", head: Head | None = None) -> Evidence:
    examined = {NEW: Examined(head or diff(6, 9))}
    return replace(GOOD, asked=asked, examined=examined)  # type: ignore[arg-type]  # the literal's values


def test_a_full_backup_is_proven() -> None:
    assert judge(GOOD) == Proven("FULL", NEW, size_bytes=200, lowest_tx=1, highest_tx=10)


def test_the_first_backup_of_a_folder_is_proven() -> None:
    evidence = replace(GOOD, before=frozenset(), after={NEW: 200}, existing={})

    assert isinstance(judge(evidence), Proven)


def test_neo4j_lowers_names_so_case_does_not_count() -> None:
    assert isinstance(judge(replace(GOOD, database="Neo4J")), Proven)


@pytest.mark.parametrize("asked", ["DIFF", "AUTO"])
def test_a_differential_that_continues_is_proven(asked: str) -> None:
    assert judge(differential(asked)) == Proven("DIFF", NEW, size_bytes=200, lowest_tx=6, highest_tx=9)


def test_an_empty_differential_is_proven_and_says_so() -> None:
    assert judge(differential(head=diff(0, 0))) == Proven(
        "DIFF", NEW, size_bytes=200, lowest_tx=0, highest_tx=0, note="nothing had changed since transaction 5"
    )


def test_a_full_one_where_a_differential_was_asked_for_is_proven_and_says_so() -> None:
    verdict = judge(replace(GOOD, asked="DIFF"))

    assert verdict == Proven(
        "FULL", NEW, 200, 1, 10, note="a full backup was made although a differential was asked for"
    )


def test_auto_may_make_either_without_a_word() -> None:
    assert judge(replace(GOOD, asked="AUTO")) == judge(GOOD)


def test_parts_count_in_the_size() -> None:
    evidence = replace(GOOD, after={**GOOD.after, NEW + ".1": 1000, NEW + ".2": 30, OLD + ".1": 5})

    verdict = judge(evidence)

    assert isinstance(verdict, Proven)
    assert verdict.size_bytes == 1230


def test_an_overlap_counts_from_the_release_on_that_allows_it() -> None:
    evidence = replace(differential(head=diff(3, 9)), overlap_allowed=True)

    assert isinstance(judge(evidence), Proven)
    assert "no link" in unproven(replace(evidence, overlap_allowed=False)).message


@pytest.mark.parametrize(
    ("evidence", "word"),
    [
        (replace(GOOD, finished=()), "didn't say"),
        (replace(GOOD, finished=(NEW, OTHER)), "2 artifacts"),
        (replace(GOOD, finished=("neo4j-NEW.backup",)), "named"),
        (replace(GOOD, finished=(NEW + ".1",)), "named"),
        (replace(GOOD, database="other"), "named"),
        (replace(GOOD, finished=(OTHER,)), "no such file"),
        (replace(GOOD, finished=(OLD,)), "lay there before"),
        (replace(GOOD, finished=(OLD,), after={OLD: 100}), "lay there before"),
        (replace(GOOD, after={OLD: 100}), "no such file"),
        (replace(GOOD, after={**GOOD.after, OTHER: 5}), f"left {OTHER} as well"),
        (replace(GOOD, after={OLD: 100, NEW: 0}), "zero length"),
        (replace(GOOD, after={**GOOD.after, NEW + ".1": 0}), f"{NEW}.1 is of zero length"),
        (replace(GOOD, existing={OLD: full(10)}), f"{NEW} is the backup that {OLD} holds, which lay there before"),
        (replace(GOOD, examined={NEW: Examined(DamagedArtifact("it is short"))}), "it is short"),
        (replace(GOOD, examined={NEW: Examined(full(10), DamagedArtifact("it is torn"))}), "it is torn"),
        (replace(GOOD, examined={NEW: Examined(replace(FULL, database="neo4k"))}), "'neo4k', not neo4j"),
        (replace(GOOD, examined={NEW: Examined(replace(FULL, lowest=0, highest=0))}), "no transaction"),
        (differential("FULL"), "a full one was asked for"),
        (differential("FULL", diff(0, 0)), "a full one was asked for"),
        (differential(head=diff(7, 9)), "6 would have continued it"),
        (replace(differential(), existing={}), "no full backup"),
        (replace(differential(head=diff(0, 0)), existing={}), "no full backup"),
    ],
)
def test_anything_less_proves_nothing(evidence: Evidence, word: str) -> None:
    assert word in unproven(evidence).message


def test_a_path_before_the_name_is_no_part_of_it() -> None:
    assert judge(replace(GOOD, finished=("/backups/" + NEW, NEW))) == judge(GOOD)


def test_an_artifact_of_a_later_release_proves_nothing_and_stays() -> None:
    unknown = Examined(UnknownFormat("it is of the future"))
    evidence = replace(GOOD, examined={NEW: unknown}, after={**GOOD.after, NEW + ".1": 7})

    verdict = unproven(evidence)

    assert "it is of the future" in verdict.message
    assert "stays" in verdict.hint
    assert to_set_aside("neo4j", evidence.before, evidence.after, {NEW: unknown.head}) == ()


def test_beside_an_artifact_of_a_later_release_the_rest_is_set_aside() -> None:
    after = {**GOOD.after, NEW + ".1": 7, OTHER: 9, OTHER + ".1": 1}
    heads: dict[str, HeadOrProblem] = {NEW: UnknownFormat("it is of the future"), OTHER: full(3)}

    assert to_set_aside("neo4j", GOOD.before, after, heads) == (OTHER, OTHER + ".1")


def test_only_what_is_new_and_named_like_an_artifact_of_the_database_is_set_aside() -> None:
    after = {OLD: 1, NEW: 2, NEW + ".1": 3, "notes.txt": 4, "other-2026-11-23T00-00-00.backup": 5, OLD + ".1": 6}

    names = to_set_aside("neo4j", frozenset({OLD}), after, {NEW: DamagedArtifact("it is cut")})

    assert names == (OLD + ".1", NEW, NEW + ".1")


def test_new_are_the_artifacts_that_were_not_there_before() -> None:
    assert new_artifacts("neo4j", GOOD.before, {**GOOD.after, NEW + ".1": 3, "x": 1}) == (NEW,)
