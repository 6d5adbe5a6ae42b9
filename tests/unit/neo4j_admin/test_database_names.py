"""Only a database's name ever becomes an argument, and a selection means what Neo4j would mean by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.neo4j_admin.databases import expand, legal_database, legal_pattern, refusal

HOSTILE = [
    "",
    "ab",
    "a" * 64,
    "--from=evil:6362",
    "-h",
    "@/etc/passwd",
    "@argfile",
    "../etc",
    "a/b",
    "neo4j\n",
    "neo4j\x00",
    "neo 4j",
    "neo4j;rm",
    "$(id)",
    "neo4j'",
    ".hidden",
    "_internal",
    "ne_o4j",
    "systemx",
    "System-2",
    "nëo4j",
    "\u212aelvin",
    "neo4j\u202e",
    "\uff14\uff12\uff14",
    "a,b",
    "[ab]cd",
]


@pytest.mark.parametrize("name", ["neo4j", "system", "a.b-c", "foo-g000", "abc", "a" * 63, "2025sales"])
def test_names_that_neo4j_allows_are_legal(name: str) -> None:
    assert legal_database(name) == name
    assert refusal(name) is None


def test_names_are_kept_in_lower_case() -> None:
    assert legal_database("My.Valid-Db123") == "my.valid-db123"
    assert legal_database("SYSTEM") == "system"


@pytest.mark.parametrize("name", HOSTILE)
def test_everything_else_is_refused_with_the_rules(name: str) -> None:
    said = refusal(name)

    assert legal_database(name) is None
    assert legal_pattern(name) is None
    assert said is not None
    assert "3 to 63" in said
    assert said.isprintable()
    assert len(said) < 700


@pytest.mark.parametrize("pattern", ["*", "?*??", "neo*", "*-2025", "sys*", "My.Vaild-D*b123?", "?" * 63])
def test_patterns_that_neo4j_allows_are_legal(pattern: str) -> None:
    assert legal_pattern(pattern) == pattern.lower()
    assert legal_database(pattern) is None


@pytest.mark.parametrize("pattern", ["-*", "@*", "*/x", "* ", "*\n", "[a]*", "*" * 64, "ä*", ".*"])
def test_a_pattern_holds_only_what_a_name_can_hold(pattern: str) -> None:
    assert legal_pattern(pattern) is None
    assert refusal(pattern) is not None


@given(st.text() | st.from_regex(r"[a-zA-Z0-9@.*?/ -]{0,70}"))
def test_nothing_legal_can_be_taken_for_an_option_a_file_or_a_path(text: str) -> None:
    for legal in (legal_database(text), legal_pattern(text)):
        if legal is not None:
            assert legal[0] not in "-@./"
            assert legal.isascii()
            assert legal.isprintable()
            assert not set(legal) & set("/ \\'\"$`;=,")
            assert 1 <= len(legal) <= 63


PRESENT = ["system", "neo4j", "sales-2024", "sales-2025", "store_lock", "lost+found", "Sales-2023"]


def test_an_empty_selection_means_every_database_that_is_held_and_system_too() -> None:
    expansion = expand((), PRESENT)

    assert expansion.databases == ("neo4j", "sales-2023", "sales-2024", "sales-2025", "system")
    assert expansion.named == frozenset()
    assert expansion.unmatched == ()


def test_names_and_patterns_keep_their_order_and_nothing_comes_twice() -> None:
    expansion = expand(["system", "SALES-*", "neo4j", "sales-2024", "*"], PRESENT)

    assert expansion.databases == ("system", "sales-2023", "sales-2024", "sales-2025", "neo4j")
    assert expansion.named == {"system", "neo4j", "sales-2024"}


def test_a_question_mark_stands_for_one_character() -> None:
    assert expand(["sales-202?"], [*PRESENT, "sales-20"]).databases == ("sales-2023", "sales-2024", "sales-2025")


def test_a_name_stays_though_it_is_not_held_and_a_pattern_that_matches_nothing_is_reported() -> None:
    expansion = expand(["elsewhere", "none*", "none*", "neo4j"], PRESENT)

    assert expansion.databases == ("elsewhere", "neo4j")
    assert expansion.unmatched == ("none*",)


def test_where_no_database_is_held_every_database_means_none() -> None:
    expansion = expand((), ["store_lock"])

    assert expansion.databases == ()
    assert expansion.unmatched == ()


def test_an_illegal_name_is_refused_in_the_middle_of_a_list() -> None:
    with pytest.raises(ValueError, match="--from=evil"):
        expand(["neo4j", "--from=evil"], PRESENT)


@given(st.lists(st.from_regex(r"[a-z*?.]{1,8}", fullmatch=True), max_size=4), st.lists(st.text(max_size=8), max_size=8))
def test_whatever_lies_in_the_data_folder_only_legal_names_come_out(selection: list[str], present: list[str]) -> None:
    legal = [text for text in selection if refusal(text) is None]

    expansion = expand(legal, present)

    assert all(legal_database(name) == name for name in expansion.databases)
    assert len(set(expansion.databases)) == len(expansion.databases)
