"""A differential is good only on top of a chain that can be restored: a full artifact and no link missing."""

from dataclasses import replace
from uuid import UUID

import pytest

from sidecar.artifact import Head
from sidecar.chain import Breaks, Chain, Continues, NothingNew, chains, continuation
from tests.unit.heads import FULL, STORE, diff, full


def other_store(head: Head) -> Head:
    return replace(head, store_id=replace(STORE, random=3))


def other_database(head: Head) -> Head:
    return replace(head, database_id=UUID(int=8))


@pytest.mark.parametrize("overlap_allowed", [False, True])
@pytest.mark.parametrize(
    ("existing", "head", "parent"),
    [
        ({"f": full(10)}, diff(11, 12), "f"),
        ({"f": full(10)}, diff(11, 11), "f"),
        ({"f": full(10), "d": diff(11, 20)}, diff(21, 22), "d"),
        ({"d": diff(11, 20), "f": full(10)}, diff(21, 22), "d"),
        ({"f": full(10), "d": diff(11, 20), "e": diff(0, 0)}, diff(21, 22), "d"),
        ({"f": full(10), "d": diff(11, 20)}, diff(11, 30), "f"),
        ({"f": full(10), "d": diff(11, 20), "g": full(20, hour=2)}, diff(21, 22), "g"),
        ({"f": full(10), "x": other_store(full(99)), "y": other_database(full(99))}, diff(11, 12), "f"),
    ],
)
def test_a_differential_continues_what_can_be_restored(
    existing: dict[str, Head], head: Head, parent: str, overlap_allowed: bool
) -> None:
    assert continuation(head, existing, overlap_allowed=overlap_allowed) == Continues(parent)


@pytest.mark.parametrize("overlap_allowed", [False, True])
@pytest.mark.parametrize(
    ("existing", "head", "word"),
    [
        ({}, diff(11, 12), "no full backup"),
        ({}, diff(0, 0), "no full backup"),
        ({"f": full(10)}, diff(12, 13), "11 would have continued it"),
        ({"f": other_store(full(10))}, diff(11, 12), "no full backup"),
        ({"f": other_database(full(10))}, diff(11, 12), "no full backup"),
        ({"f": other_store(full(10))}, diff(0, 0), "no full backup"),
        ({"d": diff(5, 10)}, diff(11, 12), "no full backup"),
        ({"f": full(10), "d": diff(12, 20)}, diff(21, 22), "continues d, which can't be restored"),
        ({"f": full(10), "d": diff(12, 20)}, diff(0, 0), "a link is missing"),
        ({"f": full(10), "d": diff(12, 20), "e": diff(21, 30)}, diff(31, 32), "continues e"),
        ({"f": replace(FULL, lowest=0, highest=0)}, diff(1, 12), "no full backup"),
        ({"f": replace(FULL, lowest=0, highest=0)}, diff(0, 0), "no full backup"),
        ({"f": full(10), "e": diff(0, 0)}, diff(1, 3), "11 would have"),
        ({"f": full(10)}, diff(0, 12), "11 would have"),
    ],
)
def test_a_differential_on_anything_else_is_no_link(
    existing: dict[str, Head], head: Head, word: str, overlap_allowed: bool
) -> None:
    verdict = continuation(head, existing, overlap_allowed=overlap_allowed)

    assert isinstance(verdict, Breaks)
    assert word in verdict.reason


@pytest.mark.parametrize(
    ("existing", "recovery_point"),
    [
        ({"f": full(10)}, 10),
        ({"f": full(10), "d": diff(11, 20)}, 20),
        ({"f": full(10), "d": diff(11, 20), "e": diff(0, 0)}, 20),
        ({"f": full(10), "g": full(30), "x": other_store(diff(40, 50))}, 30),
    ],
)
def test_an_empty_differential_keeps_the_recovery_point(existing: dict[str, Head], recovery_point: int) -> None:
    assert continuation(diff(0, 0), existing, overlap_allowed=False) == NothingNew(recovery_point)


def test_the_first_differential_after_a_full_may_overlap_it_where_neo4j_admin_allows_that() -> None:
    head = diff(21, 40, hour=2)
    existing = {"d": diff(11, 20), "g": full(30, hour=1)}

    assert continuation(head, existing, overlap_allowed=True) == Continues("g")
    assert isinstance(continuation(head, existing, overlap_allowed=False), Breaks)


def test_a_later_differential_may_not_overlap_and_none_may_end_where_the_full_does() -> None:
    existing = {"f": full(10), "d": diff(11, 20)}

    assert isinstance(continuation(diff(15, 25), existing, overlap_allowed=True), Breaks)
    assert isinstance(continuation(diff(5, 10), existing, overlap_allowed=True), Breaks)


def test_a_chain_that_overlaps_goes_on_where_its_first_differential_ends() -> None:
    existing = {"g": full(30), "d": diff(21, 40, hour=1)}

    assert continuation(diff(41, 42), existing, overlap_allowed=True) == Continues("d")
    assert isinstance(continuation(diff(41, 42), existing, overlap_allowed=False), Breaks)


def test_artifacts_are_sorted_into_chains() -> None:
    heads = {
        "f1": full(10),
        "d1": diff(11, 20, hour=1),
        "d2": diff(21, 30, hour=2),
        "e": diff(0, 0, hour=3),
        "f2": full(30, hour=4),
        "d3": diff(31, 40, hour=5),
        "lost": diff(50, 60, hour=6),
        "lost too": diff(61, 70, hour=7),
        "x": other_store(full(5, hour=8)),
    }

    found = chains(heads, overlap_allowed=False)

    assert found == (
        Chain("f1", ("d1", "d2", "e", "d3")),
        Chain("f2", ("d3",)),
        Chain(None, ("lost", "lost too")),
        Chain("x", ()),
    )
    assert [chain.restorable for chain in found] == [True, True, False, True]


def test_chains_do_not_depend_on_names_or_on_the_order_of_a_listing() -> None:
    heads = {"z": full(10), "y": diff(11, 20, hour=1), "x": diff(21, 30, hour=2), "w": diff(31, 31, hour=3)}

    for names in (list(heads), list(reversed(heads)), ["y", "w", "z", "x"]):
        assert chains({name: heads[name] for name in names}, overlap_allowed=False) == (Chain("z", ("y", "x", "w")),)


def test_within_a_second_the_indexes_order_a_chain() -> None:
    heads = {"b": full(10), "a": diff(11, 12), "c": diff(13, 14)}

    assert chains(heads, overlap_allowed=False) == (Chain("b", ("a", "c")),)


def test_what_was_made_after_a_missing_link_belongs_to_no_full_one() -> None:
    heads = {"f": full(10), "d2": diff(21, 30, hour=2), "d3": diff(31, 40, hour=3)}

    assert chains(heads, overlap_allowed=True) == (Chain("f", ()), Chain(None, ("d2", "d3")))


def test_a_full_one_without_transactions_is_no_foundation() -> None:
    heads = {"f": replace(FULL, lowest=0, highest=0), "d": diff(1, 20, hour=1)}

    assert chains(heads, overlap_allowed=True) == (Chain(None, ("f", "d")),)
    assert isinstance(continuation(diff(21, 22), heads, overlap_allowed=True), Breaks)


def test_without_a_full_one_an_empty_differential_belongs_to_none() -> None:
    assert chains({"e": diff(0, 0)}, overlap_allowed=True) == (Chain(None, ("e",)),)
    assert chains({}, overlap_allowed=True) == ()
