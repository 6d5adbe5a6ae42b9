"""Which databases and servers `database backup` takes, and what becomes of the rest, as the reference says."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.standin import server
from tests.standin.installed import Installed

Make = Callable[..., Installed]


def test_a_pattern_takes_what_is_online_system_too(standin: Installed) -> None:
    server.create_database(standin.data, "stopped", status="offline")
    server.create_database(standin.data, "alias", kind="alias")
    server.create_database(standin.data, "composite", kind="composite")

    ran = standin.backup("*")

    assert ran.exit_code == 0
    assert sorted(head.database for head in standin.heads()) == ["neo4j", "system"]


@pytest.mark.parametrize(
    ("pattern", "names"), [("foo*", ["foo", "foobar"]), ("fo?", ["foo"]), ("foo?", ["foo"]), ("FOO", ["foo"])]
)
def test_a_pattern_takes_unrelated_names_and_a_question_mark_stands_for_one_or_none(
    standin: Installed, pattern: str, names: list[str]
) -> None:
    server.create_dbms(standin.data, "foo", "foobar", size=1000)

    assert standin.backup(pattern).exit_code == 0
    assert sorted(head.database for head in standin.heads()) == names


def test_a_pattern_that_matches_nothing_fails(standin: Installed) -> None:
    assert standin.backup("zzz*").exit_code == 1


def test_without_a_name_neo4j_is_meant(standin: Installed) -> None:
    assert standin.backup().exit_code == 0
    assert [head.database for head in standin.heads()] == ["neo4j"]


def test_of_several_databases_the_good_ones_get_artifacts_and_the_exit_is_1(standin: Installed) -> None:
    ran = standin.backup("neo4j", "missing", "system")

    assert ran.exit_code == 1
    assert sorted(head.database for head in standin.heads()) == ["neo4j", "system"]
    assert len([line for line in ran.messages if line.startswith("Finished artifact creation")]) == 2
    assert "Backup command completed" not in ran.out


@pytest.mark.parametrize("kind", ["alias", "composite"])
def test_what_has_no_store_cannot_be_backed_up(standin: Installed, kind: str) -> None:
    server.create_database(standin.data, "odd", kind=kind)

    assert standin.backup("odd").exit_code == 1
    assert not (standin.data / "databases/odd").exists()


def test_a_database_that_is_missing_or_stopped_cannot_be_backed_up(standin: Installed) -> None:
    server.stop(standin.data, "neo4j")

    assert standin.backup("neo4j").exit_code == 1
    assert standin.backup("missing").exit_code == 1
    server.start(standin.data, "neo4j")
    assert standin.backup("neo4j").exit_code == 0


def test_a_folder_that_nobody_described_is_a_database_with_stable_ids(standin: Installed) -> None:
    (standin.data / "databases/plain").mkdir()

    standin.backup("plain")
    standin.knobs(clock=10)
    standin.backup("plain")

    first, second = standin.heads()
    assert first.identity == second.identity


def test_a_shard_wants_the_addresses_resolved_and_is_backed_up_in_full(make: Make) -> None:
    standin = make("2025.10.0")
    server.create_database(standin.data, "foo-p000", kind="shard")

    refused = standin.backup("foo-p000")

    assert refused.exit_code == 1
    assert "Please specify --remote-address-resolution when taking a backup of a shard" in refused.err
    assert standin.backup("--remote-address-resolution", "foo-p000").exit_code == 0
    assert standin.backup("--remote-address-resolution", "foo-p000", kind="DIFF").exit_code == 1


def test_one_dead_server_is_an_exit_of_1_with_a_good_artifact(standin: Installed) -> None:
    standin.knobs(offline=["a"])

    ran = standin.backup("--from=a:6362,b", "neo4j")

    assert ran.exit_code == 1
    assert "Starting backup of database 'neo4j' from servers: [b:6362]" in ran.messages
    assert [head.database for head in standin.heads()] == ["neo4j"]


def test_with_every_server_dead_nothing_is_backed_up(standin: Installed) -> None:
    standin.knobs(offline=["localhost"])

    ran = standin.backup("neo4j")

    assert ran.exit_code == 1
    assert standin.artifacts() == []


def test_all_servers_contribute_to_a_pattern(standin: Installed, tmp_path: Path) -> None:
    server.create_database(tmp_path / "other", "elsewhere", size=1000)
    standin.knobs(servers={"b:6362": str(tmp_path / "other")})

    assert standin.backup("--from=a", "--from=b", "*").exit_code == 0
    assert sorted(head.database for head in standin.heads()) == ["elsewhere", "neo4j", "system"]


def test_over_tcp_a_server_is_there_if_it_takes_the_connection(standin: Installed) -> None:
    standin.knobs(connect="tcp")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        listening.setblocking(True)
        reached = standin.backup(f"--from=127.0.0.1:{port}", "neo4j")
    refused = standin.backup(f"--from=127.0.0.1:{port}", "neo4j")

    assert (reached.exit_code, refused.exit_code) == (0, 1)
