"""Requests for several databases: a run and a result each; one failure stops no other; a retry does what is missing."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving import failed_folder, lent, serving
from tests.rig import Rig, wait_for
from tests.standin import server

HELD = ("movies", "movies2", "neo4j")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("several") / "rig", *HELD) as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    with lent(served) as rig:
        yield rig
    for name in HELD:
        server.start(served.data, name)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {result["database"]: result["state"] for result in document["results"]}


def ran(rig: Rig) -> list[str]:
    return [start["argv"][-1] for start in rig.invocations()]


def fail(database: str, **more: object) -> dict[str, object]:
    return {"fault": "fail", "database": database, "message": f"{database} was told to fail"} | more


def test_every_database_that_the_server_holds_gets_a_run_and_a_result_of_its_own(rig: Rig) -> None:
    rig.submit(rig.target.name, database=None)

    document = rig.wait_for_end(rig.target.name)

    assert document["request"]["database"] is None
    assert states(document) == dict.fromkeys((*HELD, "system"), "succeeded")
    assert ran(rig) == [*HELD, "system"]
    assert [result["artifact"] for result in document["results"]] == rig.artifacts()
    assert document["message"] == "4 databases were backed up"


def test_a_list_is_backed_up_in_its_order_and_each_name_once(rig: Rig) -> None:
    rig.submit(rig.target.name, database=["neo4j", "Movies", "NEO4J"])

    document = rig.wait_for_end(rig.target.name)

    assert list(states(document)) == ran(rig) == ["neo4j", "movies"]


def test_a_pattern_means_the_databases_here_that_match_it(rig: Rig) -> None:
    rig.submit(rig.target.name, database=["mov*", "neo4?"])

    assert list(states(rig.wait_for_end(rig.target.name))) == ran(rig) == ["movies", "movies2", "neo4j"]


def test_a_pattern_that_matches_nothing_fails_and_runs_nothing(rig: Rig) -> None:
    rig.submit(rig.target.name, database=["neo4j", "nothing*"])

    document = rig.wait_for_end(rig.target.name)

    assert (document["code"], document["exit_code"]) == ("configuration_error", 5)
    assert "nothing*" in document["message"]
    assert "neo4j" in document["message"], "it tells which there are"
    assert ran(rig) == []


def test_a_name_that_the_server_does_not_hold_is_told(rig: Rig) -> None:
    rig.submit(rig.target.name, database=["nosuch", "neo4j"])

    document = rig.wait_for_end(rig.target.name)

    assert states(document) == {"nosuch": "failed", "neo4j": "succeeded"}
    assert (document["state"], document["code"]) == ("failed", document["results"][0]["code"])
    assert "nosuch" in document["message"]


def test_one_that_fails_stops_no_other_and_the_request_names_it(rig: Rig) -> None:
    rig.set_knobs(faults=[fail("movies2")])
    rig.submit(rig.target.name, database=["movies", "movies2", "neo4j"])

    document = rig.wait_for_end(rig.target.name)

    assert states(document) == {"movies": "succeeded", "movies2": "failed", "neo4j": "succeeded"}
    assert (document["state"], document["code"], document["exit_code"]) == ("failed", "backup_failed", 3)
    assert "1 of 3 databases failed: movies2 (backup_failed)" in document["message"]
    assert len(rig.artifacts()) == 2


def test_where_several_fail_the_one_that_needs_a_person_decides(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "enospc", "database": "movies"}, "nothing"])
    rig.submit(rig.target.name, database=["movies", "neo4j"])

    document = rig.wait_for_end(rig.target.name)

    assert [result["code"] for result in document["results"]] == ["insufficient_space", "artifact_unverified"]
    assert (document["code"], document["exit_code"]) == ("artifact_unverified", 3)


def test_an_offline_database_that_nobody_named_is_skipped_with_the_reason(rig: Rig) -> None:
    server.stop(rig.data, "movies2")
    rig.submit(rig.target.name, database=None)

    document = rig.wait_for_end(rig.target.name)

    assert states(document) == {
        "movies": "succeeded",
        "movies2": "skipped",
        "neo4j": "succeeded",
        "system": "succeeded",
    }
    assert (document["state"], document["exit_code"]) == ("succeeded", 0)
    assert "skipped, since not online: movies2" in document["message"]
    assert "offline" in document["results"][1]["message"]


@pytest.mark.parametrize("named", [["movies2"], ["mov*", "movies2"]], ids=["alone", "beside a pattern"])
def test_an_offline_database_that_was_named_fails(rig: Rig, named: list[str]) -> None:
    server.stop(rig.data, "movies2")
    rig.submit(rig.target.name, database=named)

    document = rig.wait_for_end(rig.target.name)

    assert states(document)["movies2"] == "failed"
    assert (document["state"], document["code"]) == ("failed", "backup_failed")
    assert "isn't online" in document["message"]
    assert "START DATABASE" in document["hint"]


def test_where_all_that_a_pattern_means_are_offline_the_request_fails(rig: Rig) -> None:
    server.stop(rig.data, "movies")
    server.stop(rig.data, "movies2")
    rig.submit(rig.target.name, database="mov*")

    document = rig.wait_for_end(rig.target.name)

    assert set(states(document).values()) == {"skipped"}
    assert (document["state"], document["code"], document["exit_code"]) == ("failed", "configuration_error", 5)


def test_a_cancel_during_the_last_database_is_no_success(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "hang", "database": "neo4j"}])
    rig.submit(rig.target.name, database=["movies", "neo4j"])
    wait_for(lambda: ran(rig) == ["movies", "neo4j"], 10)

    rig.lines("cancel", rig.target.name)
    document = rig.wait_for_end(rig.target.name)

    assert states(document) == {"movies": "succeeded", "neo4j": "cancelled"}
    assert (document["state"], document["code"], document["exit_code"]) == ("cancelled", "backup_cancelled", 3)


def test_a_cancel_during_the_first_database_begins_no_other(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "hang", "database": "movies"}])
    rig.submit(rig.target.name, database=["movies", "neo4j"])
    wait_for(lambda: ran(rig) == ["movies"], 10)

    rig.lines("cancel", rig.target.name)
    document = rig.wait_for_end(rig.target.name)

    assert states(document) == {"movies": "cancelled", "neo4j": "cancelled"}
    assert document["results"][1]["message"].startswith("was not begun")
    assert document["state"] == "cancelled"
    assert ran(rig) == ["movies"]


@pytest.fixture
def deaf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A sidecar whose server takes no connection, so that each failed run is worth a retry."""
    nobody = {"NEO4J_BACKUP_FROM": "127.0.0.1:1", "NEO4J_BACKUP_SERVER_WAIT": "1s"}
    with serving(tmp_path_factory.mktemp("deaf") / "rig", *HELD, settings=nobody) as rig:
        yield rig


def test_a_jobs_retry_does_only_what_is_missing_and_the_third_is_the_last(deaf: Rig) -> None:
    rig = deaf
    rig.set_knobs(faults=[fail("movies")])

    rig.submit("uid-1", database=["neo4j", "movies"], job=True)
    first = rig.wait_for_end("uid-1")
    again = rig.submit("uid-1", database=["neo4j", "movies"], job=True)
    second = rig.wait_for_end("uid-1~2")
    rig.submit("uid-1", database=["neo4j", "movies"], job=True)
    third = rig.wait_for_end("uid-1~3")
    over = rig.submit("uid-1", database=["neo4j", "movies"], job=True)

    assert (first["code"], first["exit_code"], first["retryable"]) == ("server_unavailable", 14, True)
    assert (again["status"]["id"], again["attached"]) == ("uid-1~2", False)
    assert (second["code"], second["exit_code"], second["retryable"]) == ("server_unavailable", 14, True)
    assert (third["code"], third["exit_code"], third["retryable"]) == ("server_unavailable", 3, False)
    assert (over["status"]["id"], over["attached"]) == ("uid-1~3", True)
    assert ran(rig) == ["neo4j", "movies", "movies", "movies"]
    assert [states(each)["neo4j"] for each in (first, second, third)] == ["succeeded"] * 3
    assert third["results"][0]["artifact"] == first["results"][0]["artifact"]
    assert rig.lines("get", "uid-1")[0]["status"]["id"] == "uid-1~3"
    assert rig.lines("get", "uid-1~2")[0]["status"]["id"] == "uid-1~2"


def until_it_waits(rig: Rig) -> None:
    wait_for(lambda: "waiting for the server" in rig.log.read_text(), 10)
    # One that doesn't wait would have begun its run by then.
    time.sleep(1)


def test_a_retry_waits_for_a_server_that_is_still_starting(tmp_path: Path) -> None:
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{port.getsockname()[1]}"
        with serving(tmp_path / "rig", "neo4j", settings={"NEO4J_BACKUP_FROM": address}) as rig:
            rig.set_knobs(faults=[fail("neo4j", times=1)])
            rig.submit("starts", database="neo4j", job=True)
            first = rig.wait_for_end("starts")
            rig.submit("starts", database="neo4j", job=True)
            until_it_waits(rig)
            while_closed = ran(rig), (rig.document("starts~2") or {})["state"]

            port.listen()
            second = rig.wait_for_end("starts~2")

    assert first["code"] == "server_unavailable"
    assert while_closed == (["neo4j"], "running")
    assert second["state"] == "succeeded"


def test_a_retry_that_waits_for_its_server_can_be_cancelled(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j", settings={"NEO4J_BACKUP_FROM": "127.0.0.1:1"}) as rig:
        rig.set_knobs(faults=[fail("neo4j")])
        rig.submit("closed", database="neo4j", job=True)
        rig.wait_for_end("closed")
        rig.submit("closed", database="neo4j", job=True)
        until_it_waits(rig)

        rig.lines("cancel", "closed")
        document = rig.wait_for_end("closed~2")

        assert (document["state"], ran(rig)) == ("cancelled", ["neo4j"])


def test_a_retry_that_finds_the_rest_succeeds(deaf: Rig) -> None:
    rig = deaf
    rig.set_knobs(faults=[fail("movies", times=1)])
    rig.submit("uid-2", database=["neo4j", "movies"], job=True)
    assert rig.wait_for_end("uid-2")["retryable"]

    rig.submit("uid-2", database=["neo4j", "movies"], job=True)
    document = rig.wait_for_end("uid-2~2")

    assert (document["state"], document["exit_code"]) == ("succeeded", 0)
    assert states(document) == {"neo4j": "succeeded", "movies": "succeeded"}
    assert len(rig.artifacts()) == 2
    assert failed_folder(rig) == []


def test_without_databases_to_look_at_a_name_runs_and_every_database_is_refused(deaf: Rig) -> None:
    rig = deaf
    (rig.data / "databases").rename(rig.data / "elsewhere")

    rig.submit("every", database=None)
    rig.submit("named", database="neo4j")

    every, named = rig.wait_for_end("every"), rig.wait_for_end("named")
    assert (every["code"], every["exit_code"]) == ("configuration_error", 5)
    assert "name each database" in every["hint"]
    assert len(named["results"]) == 1
    assert ran(rig) == ["neo4j"]


def test_a_server_without_any_database_is_an_error(deaf: Rig) -> None:
    rig = deaf
    for name in (*HELD, "system"):
        server.drop(rig.data, name)

    rig.submit("every", database=None)

    document = rig.wait_for_end("every")
    assert (document["code"], document["exit_code"]) == ("configuration_error", 5)
    assert "holds no database" in document["message"]
