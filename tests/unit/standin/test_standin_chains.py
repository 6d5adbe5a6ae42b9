"""What a differential continues, where it is refused and where a full backup takes its place, as the reference says."""

from collections.abc import Callable

import pytest

from tests.standin import server
from tests.standin.installed import Installed, Ran

Make = Callable[..., Installed]
NO_PARENT = (
    "Differential backups require that a full backup of the same database exists in the folder defined in --to-path."
)


def chained(standin: Installed, *more: str, commits: int = 1, kind: str = "DIFF", **knobs: object) -> Ran:
    """One more backup, of a database with some more transactions, at a later second than all before."""
    standin.knobs(clock=10 * len(standin.events("start")), **knobs)
    if commits:
        server.commit(standin.data, "neo4j", commits)
    return standin.backup(*more, "neo4j", kind=kind)


def ranges(standin: Installed) -> list[tuple[bool, int, int]]:
    return [(head.full, head.lowest, head.highest) for head in standin.heads()]


def test_a_differential_continues_the_full_at_exactly_the_next_index(standin: Installed) -> None:
    server.commit(standin.data, "neo4j", 4)
    standin.backup("neo4j")

    ran = chained(standin, commits=3)
    chained(standin, commits=2)

    assert ranges(standin) == [(True, 1, 5), (False, 6, 8), (False, 9, 10)]
    assert not standin.heads()[1].recovered
    said = ran.messages
    assert "Start differential backup of database 'neo4j'." in said
    assert "Finished differential backup of database 'neo4j'." in said
    assert not [line for line in said if "store files" in line or "full backup" in line]


def test_a_differential_with_nothing_new_is_an_artifact_from_zero_to_zero(standin: Installed) -> None:
    standin.backup("neo4j")

    ran = chained(standin, commits=0)
    chained(standin, commits=1)

    assert ran.exit_code == 0
    identity = str(server.show(standin.data, "neo4j")["database_id"])[:8]
    line = f"The remote server (localhost:6362) has not any recent data for database 'DatabaseId{{{identity}[neo4j]}}'."
    assert line in ran.messages
    assert ranges(standin) == [(True, 1, 1), (False, 0, 0), (False, 2, 2)]


def test_a_differential_without_a_full_is_refused_in_the_words_of_the_reference(standin: Installed) -> None:
    ran = standin.backup("neo4j", kind="DIFF")

    assert ran.exit_code == 1
    assert f"Differential backup of database 'neo4j' failed. Reason: {NO_PARENT}" in ran.messages
    assert NO_PARENT in ran.err
    assert ran.err.endswith("Run with '--verbose' for a more detailed error message.\n")
    assert standin.artifacts() == []
    assert list(standin.temp.iterdir()) == []


def test_auto_falls_back_to_a_full_and_then_continues_it(standin: Installed) -> None:
    ran = standin.backup("neo4j", kind="AUTO")
    chained(standin, kind="auto")

    assert ran.exit_code == 0
    said = ran.messages
    assert f"Differential backup of database 'neo4j' failed. Reason: {NO_PARENT}" in said
    assert "Falling back to full backup of database 'neo4j'." in said
    assert ranges(standin) == [(True, 1, 1), (False, 2, 2)]


def test_the_parent_is_looked_for_in_the_target_alone(standin: Installed) -> None:
    standin.backup("neo4j")
    (standin.target / ".failed").mkdir()
    (only,) = standin.artifacts()
    only.rename(standin.target / ".failed" / only.name)

    assert standin.backup("neo4j", kind="DIFF").exit_code == 1


def test_a_parent_is_known_by_its_head_and_not_by_its_name(standin: Installed) -> None:
    standin.backup("neo4j")
    (only,) = standin.artifacts()
    only.rename(standin.target / "renamed-2020-01-01T00-00-00.backup")

    assert chained(standin).exit_code == 0


def test_without_the_full_a_differential_is_no_parent(standin: Installed) -> None:
    standin.backup("neo4j")
    chained(standin)
    standin.artifacts()[0].unlink()

    assert chained(standin).exit_code == 1


def test_a_truncated_artifact_with_a_whole_head_is_taken_for_a_parent(standin: Installed) -> None:
    standin.backup("neo4j")
    (full,) = standin.artifacts()
    full.write_bytes(full.read_bytes()[:300])

    assert chained(standin).exit_code == 0


def test_what_is_no_artifact_is_passed_over(standin: Installed) -> None:
    standin.backup("neo4j")
    for name, data in (("neo4j-2030-01-01T00-00-00.backup", b""), ("neo4j-2030-01-01T00-00-01.backup", b"BZV9junk")):
        (standin.target / name).write_bytes(data)

    assert chained(standin).exit_code == 0
    assert ranges(standin) == [(True, 1, 1), (False, 2, 2)]


@pytest.mark.parametrize("keep_database_id", [True, False])
def test_another_store_under_the_same_name_has_no_parent(standin: Installed, keep_database_id: bool) -> None:
    standin.backup("neo4j")
    server.recreate(standin.data, "neo4j", keep_database_id=keep_database_id)

    assert chained(standin, commits=5).exit_code == 1
    assert chained(standin, commits=0, kind="AUTO").exit_code == 0
    assert [head.full for head in standin.heads()] == [True, True]


def test_pruned_transactions_fail_a_differential_and_make_auto_fall_back(standin: Installed) -> None:
    standin.backup("neo4j")
    server.commit(standin.data, "neo4j", 5)
    server.prune(standin.data, "neo4j", 4)

    failed, fell_back = chained(standin, commits=0), chained(standin, commits=0, kind="AUTO")

    assert failed.exit_code == 1
    assert fell_back.exit_code == 0
    assert "Falling back to full backup of database 'neo4j'." in fell_back.messages
    assert ranges(standin) == [(True, 1, 1), (True, 1, 6)]


def test_pruned_transactions_make_a_differential_fall_back_where_the_knob_says_so(standin: Installed) -> None:
    standin.backup("neo4j")
    server.commit(standin.data, "neo4j", 5)
    server.prune(standin.data, "neo4j")

    assert chained(standin, commits=0, diff_pruned="fallback").exit_code == 0
    assert ranges(standin) == [(True, 1, 1), (True, 1, 6)]


def test_pruning_what_lies_in_the_parent_breaks_nothing(standin: Installed) -> None:
    standin.backup("neo4j")
    server.prune(standin.data, "neo4j", 2)

    assert chained(standin, commits=1).exit_code == 0


def test_a_full_between_differentials_becomes_the_parent(standin: Installed) -> None:
    standin.backup("neo4j")
    chained(standin, commits=2)
    chained(standin, commits=2, kind="FULL")
    chained(standin, commits=1)

    assert ranges(standin) == [(True, 1, 1), (False, 2, 3), (True, 1, 5), (False, 6, 6)]


def test_prefer_diff_as_parent_goes_on_with_the_newest_differential(make: Make) -> None:
    standin = make("2026.02.0")
    standin.backup("neo4j")
    chained(standin, "--prefer-diff-as-parent", commits=2)
    chained(standin, commits=2, kind="FULL")
    chained(standin, "--prefer-diff-as-parent", commits=1)

    assert ranges(standin) == [(True, 1, 1), (False, 2, 3), (True, 1, 5), (False, 4, 6)]
