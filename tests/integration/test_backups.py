"""Backups that succeed: each type, each generation of neo4j-admin, each option, told as they were made."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.serving import lent, serving
from tests.rig import Rig
from tests.standin import server
from tests.standin.install import install

OPTIONS = {
    "NEO4J_BACKUP_COMPRESS": ("false", "--compress=false"),
    "NEO4J_BACKUP_PARALLEL_RECOVERY": ("true", "--parallel-recovery=true"),
    "NEO4J_BACKUP_INCLUDE_METADATA": ("users=ann,bob", "--include-metadata=users=ann,bob"),
    "NEO4J_BACKUP_ADDITIONAL_CONFIG": (__file__, f"--additional-config={__file__}"),
    "NEO4J_BACKUP_KEEP_FAILED": ("true", "--keep-failed=true"),
    "NEO4J_BACKUP_VERBOSE": ("on", "--verbose"),
    "NEO4J_BACKUP_PREFER_DIFF_AS_PARENT": ("yes", "--prefer-diff-as-parent"),
    "NEO4J_BACKUP_REMOTE_ADDRESS_RESOLUTION": ("1", "--remote-address-resolution=true"),
    "NEO4J_BACKUP_PARALLEL_DOWNLOAD": ("true", "--parallel-download=true"),
}
NOT_OURS = {
    "JAVA_OPTS": "-Xmx7g",
    "JAVA_TOOL_OPTIONS": "-Dhostile=true",
    "NEO4J_server_memory_heap_max__size": "9g",
    "NEO4J_PORT": "tcp://10.0.0.1:7687",
    "LD_PRELOAD": "",
    "STANDIN_FAULTS": "nothing",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("backups") / "rig"
    with serving(folder, "neo4j", settings=NOT_OURS | {"AWS_SECRET_ACCESS_KEY": "not-to-be-shown"}) as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    install(served.home)
    with lent(served) as rig:
        yield rig


def back_up(rig: Rig, name: str, type_: str, database: object = "neo4j", **knobs: object) -> dict[str, Any]:
    """Submit and give the document; the name is made one of the test's own."""
    request = f"{rig.target.name}-{name}"
    # Each artifact is named after another second, and none after this one, for which a run would wait.
    rig.set_knobs(**knobs, clock=len(rig.documents()) - 10_000)
    rig.submit(request, type_, database)
    return rig.wait_for_end(request)


def only_result(document: dict[str, Any]) -> dict[str, Any]:
    assert document["state"] == "succeeded", document
    (result,) = document["results"]
    found: dict[str, Any] = result
    return found


def test_a_full_backup_is_told_as_it_was_made(rig: Rig) -> None:
    last = server.commit(rig.data, "neo4j", 7)

    document = back_up(rig, "full", "FULL")

    result = only_result(document)
    (name,) = rig.artifacts()
    assert result["artifact"] == name
    assert (result["state"], result["type"], result["code"]) == ("succeeded", "FULL", None)
    assert result["size_bytes"] == (rig.target / name).stat().st_size
    assert (result["lowest_tx"], result["highest_tx"]) == (1, last)
    assert (document["exit_code"], document["code"], document["hint"], document["retryable"]) == (0, None, "", False)
    assert document["accepted_at"] <= document["started_at"] <= document["ended_at"]
    assert document["ended_at"].endswith("Z")
    assert document["output_tail"][-1] == "Backup command completed."


def test_a_differential_continues_the_chain_at_exactly_the_next_transaction(rig: Rig) -> None:
    last = only_result(back_up(rig, "full", "FULL"))["highest_tx"]

    for number in (1, 2):
        now = server.commit(rig.data, "neo4j", 3)
        result = only_result(back_up(rig, f"diff-{number}", "DIFF"))

        assert (result["type"], result["lowest_tx"], result["highest_tx"]) == ("DIFF", last + 1, now)
        last = now


def test_a_differential_without_news_is_a_success_that_says_so(rig: Rig) -> None:
    back_up(rig, "full", "FULL")

    document = back_up(rig, "diff", "DIFF")

    result = only_result(document)
    assert (result["type"], result["lowest_tx"], result["highest_tx"]) == ("DIFF", 0, 0)
    assert "nothing had changed since transaction" in document["message"]


def test_after_a_differential_without_news_the_chain_goes_on(rig: Rig) -> None:
    back_up(rig, "full", "FULL")
    back_up(rig, "empty", "DIFF")
    server.commit(rig.data, "neo4j")

    assert only_result(back_up(rig, "diff", "DIFF"))["type"] == "DIFF"


def test_auto_makes_a_full_backup_where_there_is_none_and_a_differential_where_there_is(rig: Rig) -> None:
    first = only_result(back_up(rig, "first", "AUTO"))
    server.commit(rig.data, "neo4j")
    second = only_result(back_up(rig, "second", "AUTO"))

    assert (first["type"], second["type"]) == ("FULL", "DIFF")


def test_auto_falls_back_to_a_full_backup_once_the_store_is_another(rig: Rig) -> None:
    back_up(rig, "before", "FULL")
    server.recreate(rig.data, "neo4j")

    assert only_result(back_up(rig, "after", "AUTO"))["type"] == "FULL"
    server.commit(rig.data, "neo4j")
    assert only_result(back_up(rig, "then", "DIFF"))["type"] == "DIFF"


def test_system_is_made_as_auto_where_a_differential_was_asked_for(rig: Rig) -> None:
    result = only_result(back_up(rig, "system", "DIFF", "system"))

    assert result["type"] == "FULL"
    assert "--type=AUTO" in rig.invocations()[-1]["argv"]


@pytest.mark.parametrize("version", ["5.26.28", "2025.04.0", "2026.02.0"])
def test_each_generation_makes_a_chain(rig: Rig, version: str) -> None:
    install(rig.home, version=version)

    full = only_result(back_up(rig, "full", "FULL"))
    server.commit(rig.data, "neo4j", 2)
    diff = only_result(back_up(rig, "diff", "DIFF"))

    assert (full["type"], diff["type"]) == ("FULL", "DIFF")
    assert diff["lowest_tx"] == full["highest_tx"] + 1


def test_from_2026_02_on_the_first_differential_may_overlap_the_full_backup(rig: Rig) -> None:
    server.commit(rig.data, "neo4j", 5)
    back_up(rig, "full", "FULL")
    server.commit(rig.data, "neo4j", 2)
    install(rig.home, version="2025.04.0")
    earlier = back_up(rig, "earlier", "DIFF", faults=["diff_overlap"])

    install(rig.home, version="2026.02.0")
    later = back_up(rig, "later", "DIFF", faults=["diff_overlap"])

    assert (earlier["code"], later["code"]) == ("artifact_unverified", None)
    assert only_result(later)["lowest_tx"] == only_result(later)["highest_tx"] - 2


def test_where_no_jar_tells_the_version_neo4j_admin_is_asked_once(rig: Rig) -> None:
    for jar in (rig.home / "lib").glob("neo4j-kernel-*.jar"):
        jar.unlink()

    back_up(rig, "one", "FULL")
    back_up(rig, "two", "AUTO")

    started = [json.loads(line) for line in rig.journal.read_text().splitlines()]
    assert [event["argv"][0] for event in started if event["event"] == "start"] == ["--version", "database", "database"]


def test_a_version_that_is_not_supported_is_refused_before_anything_runs(rig: Rig) -> None:
    install(rig.home, version="5.20.0")

    document = back_up(rig, "old", "FULL")

    assert (document["code"], document["exit_code"]) == ("configuration_error", 5)
    assert "supported are 5.24 and later" in document["message"]
    assert rig.invocations() == []


def test_neo4j_admin_sees_what_it_needs_and_nothing_else(rig: Rig) -> None:
    back_up(rig, "full", "FULL")

    (start,) = rig.invocations()
    environment = start["environment"]
    assert not set(NOT_OURS) & set(environment)
    assert not [name for name in environment if name.startswith("NEO4J_BACKUP") and name != "NEO4J_BACKUP_RUN"]
    assert environment["TZ"] == "UTC"
    assert environment["HEAP_SIZE"].endswith("m")
    assert environment["NEO4J_HOME"] == str(rig.home)
    assert "AWS_SECRET_ACCESS_KEY" in environment
    assert start["cwd"].startswith(str(rig.backups / ".neo4j-backup-tmp/.run-"))
    given = [argument.partition("=")[0] for argument in start["argv"]]
    assert given == ["database", "backup", "--from", "--to-path", "--temp-path", "--type", "--pagecache", "neo4j"]


@pytest.fixture(scope="module")
def with_options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("options") / "rig"
    with serving(folder, "neo4j", settings={name: value for name, (value, _) in OPTIONS.items()}) as rig:
        yield rig


def test_each_option_that_is_set_is_passed(with_options: Rig) -> None:
    install(with_options.home, version="2026.02.0")
    with lent(with_options) as rig:
        only_result(back_up(rig, "all", "FULL"))
        only_result(back_up(rig, "system", "FULL", "system"))

        ordinary, system = (start["argv"] for start in rig.invocations())
        wanted = [argument for _, argument in OPTIONS.values()]
        assert ordinary[-10:] == [*wanted, "neo4j"]
        assert system[-9:] == [*(option for option in wanted if "metadata" not in option), "system"]


@pytest.mark.parametrize(
    ("version", "lacking"),
    [
        ("5.26.28", ["INCLUDE_METADATA", "PREFER_DIFF_AS_PARENT", "REMOTE_ADDRESS_RESOLUTION", "PARALLEL_DOWNLOAD"]),
        ("2025.04.0", ["INCLUDE_METADATA", "REMOTE_ADDRESS_RESOLUTION", "PARALLEL_DOWNLOAD"]),
        ("2025.10.0", ["PARALLEL_DOWNLOAD"]),
    ],
)
def test_an_option_that_the_version_lacks_is_refused_before_anything_runs(
    with_options: Rig, version: str, lacking: list[str]
) -> None:
    install(with_options.home, version=version)
    with lent(with_options) as rig:
        document = back_up(rig, "any", "FULL")

        assert (document["code"], document["exit_code"]) == ("configuration_error", 5)
        named = [name for name in OPTIONS if f"{name} needs" in document["message"]]
        assert named == [f"NEO4J_BACKUP_{name}" for name in lacking]
        assert rig.invocations() == []
