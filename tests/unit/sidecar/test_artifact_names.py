"""Only what is named exactly like an artifact of a database, or a part of one, counts as one."""

import pytest

from sidecar.artifact_names import ArtifactName, artifacts_of, is_of, parse_name

NAME = "neo4j-2026-11-23T06-15-59.backup"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (NAME, ArtifactName("neo4j", NAME, part=False)),
        (NAME + ".12", ArtifactName("neo4j", NAME, part=True)),
        (
            "My.DB-2-2026-11-23T06-15-59.backup",
            ArtifactName("my.db-2", "My.DB-2-2026-11-23T06-15-59.backup", part=False),
        ),
    ],
)
def test_a_name_is_taken_apart(name: str, expected: ArtifactName) -> None:
    assert parse_name(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "",
        "neo4j.backup",
        "-2026-11-23T06-15-59.backup",
        NAME + "\n",
        NAME + ".",
        NAME + ".tmp",
        NAME + ".1.2",
        NAME + ".x",
        NAME + "~2",
        "neo4j-2026-11-23T06:15:59.backup",
        "neo4j-2026-11-23T06-15-5٩.backup",
        "x\n" + NAME,
    ],
)
def test_what_is_named_otherwise_is_no_artifact(name: str) -> None:
    assert parse_name(name) is None


def test_a_database_whose_name_continues_another_is_another() -> None:
    assert is_of("NEO4J", NAME)
    assert is_of("neo4j", NAME.upper().replace("BACKUP", "backup"))
    assert not is_of("neo", NAME)
    assert not is_of("neo4j", "neo4j-2" + NAME.removeprefix("neo4j"))
    assert not is_of("neo4.", NAME)


def test_parts_are_no_artifacts_of_their_own() -> None:
    assert artifacts_of("neo4j", ["b", NAME + ".1", NAME, "other" + NAME.removeprefix("neo4j")]) == (NAME,)
