"""What couriers promise, beside a daemon that works, one that is gone and one that stands still."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from tests.fakes.daemon import END, scripted_daemon
from tests.faults.matrix import Group, fault, faults
from tests.faults.recording import Recorder, Seen, describe
from tests.integration.serving import asked, connected, lent, read_all, serving, talk
from tests.integration.waits import Followed, Told, start_courier
from tests.rig import Rig, a_rig, wait_for

SUBMISSION = {"request": {"path": "/backups", "type": "FULL"}, "word": "0123456789abcdef"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("couriers") / "rig", "neo4j") as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    with lent(served) as rig:
        yield rig


LEFT = {"no sidecar has run": "nothing", "no sidecar runs any more, and its socket is there": "a socket"}


@pytest.mark.parametrize("name", faults(Group.LOAD, LEFT))
def test_without_a_daemon_a_courier_says_so_at_once(tmp_path: Path, name: str, row: Recorder) -> None:
    with a_rig(tmp_path / "rig") as rig:
        if LEFT[name] == "a socket":
            rig.stop(rig.start(), signal.SIGKILL)
        began = time.monotonic()
        row.strike()

        said = rig.ask("list")

        assert time.monotonic() - began < 5
        (line,) = said.stdout.splitlines()
        error = json.loads(line)["error"]
        row.refused(rig, error)
        assert (said.returncode, error["code"], error["exit_code"]) == (12, "transport_error", 12)
        assert "no sidecar is running" in error["message"]
        assert error["message"] in said.stderr.decode()


def test_without_a_folder_a_courier_says_so(tmp_path: Path) -> None:
    with a_rig(tmp_path / "rig") as rig:
        rig.requests.rmdir()

        said = rig.ask("probe")

        assert said.returncode == 12
        assert "can't be entered" in said.stderr.decode()


def test_spaces_around_the_folder_s_name_are_none_of_it_for_a_courier_either(tmp_path: Path) -> None:
    with scripted_daemon(tmp_path, lambda asked: [END]):
        said = subprocess.run(
            [sys.executable, "-I", "-m", "sidecar", "probe"],
            env={"PATH": os.environ["PATH"], "NEO4J_BACKUP_REQUESTS": f" {tmp_path}/ "},
            input=b"{}\n",
            capture_output=True,
            check=False,
        )

    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("last", [b'{"end": {"exit_code": 1e999}}', b"[" * 100_000, b'{"error": 7}', b"\xff"])
def test_an_answer_whose_end_is_none_was_cut_off(tmp_path: Path, last: bytes) -> None:
    with scripted_daemon(tmp_path, lambda asked: [last + b"\n"]):
        environment = {"PATH": os.environ["PATH"], "NEO4J_BACKUP_REQUESTS": str(tmp_path)}
        said = subprocess.run(
            [sys.executable, "-I", "-m", "sidecar", "probe"],
            env=environment,
            input=b"{}\n",
            capture_output=True,
            check=False,
        )

    assert said.returncode == 12
    assert b"was cut off" in said.stderr
    assert b"Traceback" not in said.stderr


@pytest.mark.parametrize("words", [[], ["nothing"], ["get"], ["list", "x"], ["get", "a", "b"], ["--help", "x"]])
def test_wrong_usage_is_told_as_such(rig: Rig, words: list[str]) -> None:
    said = rig.ask(*words)

    assert said.returncode == 2
    assert said.stdout == b""
    assert b"usage: neo4j-backup-sidecar run" in said.stderr


def test_a_courier_imports_nothing_that_it_does_not_need(rig: Rig) -> None:
    look = (
        "import sys\nbefore = set(sys.modules)\nfrom sidecar import main\ncode = main._main(['probe'])\n"
        "sys.stderr.write(' '.join(set(sys.modules) - before))\nsys.exit(code)"
    )

    said = subprocess.run(
        [sys.executable, "-I", "-c", look], env=rig.environment, input=b"{}\n", capture_output=True, check=True
    )

    imported = set(said.stderr.decode().split())
    ours = {name for name in imported if name.partition(".")[0] in ("sidecar", "shared", "trigger")}
    assert ours == {
        "shared",
        "shared.errors",
        "shared.wire",
        "sidecar",
        "sidecar.main",
        "sidecar.courier",
        "sidecar.folder_setting",
    }
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names | {"sidecar", "shared"}
    heavy = {"asyncio", "argparse", "dataclasses", "logging", "pathlib", "pydantic", "subprocess", "tempfile"}
    assert imported & heavy == set()


def test_follow_tells_each_change_and_ends_with_the_request(rig: Rig) -> None:
    rig.set_knobs(stage_delay=0.1)
    rig.submit("changes")

    with start_courier(rig, "follow", "changes", ends=False) as courier:
        assert courier.stdout is not None
        lines = [json.loads(line) for line in courier.stdout]

    states = [line["status"]["state"] for line in lines[:-1]]
    assert states[-1] == "succeeded"
    assert set(states) <= {"queued", "running", "succeeded"}
    stages = [line["status"]["progress"]["stage"] for line in lines[:-1] if "progress" in line["status"]]
    assert {"receiving store files", "receiving transactions"} <= set(stages)
    assert lines[-1] == {"end": {"exit_code": 0}}
    assert courier.returncode == 0


def test_follow_exits_as_the_request_ends(rig: Rig) -> None:
    rig.set_knobs(faults=["fail"])
    rig.submit("fails")
    rig.wait_for_end("fails")

    assert rig.ask("follow", "fails").returncode in (0, 3), "its input ends at once, so it may be done before"
    assert talk(rig, asked("follow", "fails"))[-1] == {"end": {"exit_code": 3}}


def test_follow_ends_with_its_standard_input_and_leaves_no_connection(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "hang"}])
    rig.submit("hangs")
    wait_for(lambda: len(rig.processes()) >= 2, 10)
    before = open_files(rig)
    with start_courier(rig, "follow", "hangs", ends=False) as courier:
        assert courier.stdin is not None
        assert courier.stdout is not None
        assert json.loads(courier.stdout.readline())["status"]["id"] == "hangs"

        courier.stdin.close()

        assert courier.wait(5) == 0
    wait_for(lambda: open_files(rig) <= before, 5)
    rig.lines("cancel", "hangs")
    rig.wait_for_end("hangs")


@pytest.mark.parametrize("how", ["it is killed", "nobody reads it"])
def test_a_follow_that_is_cut_leaves_nothing(rig: Rig, how: str) -> None:
    rig.set_knobs(faults=[{"fault": "hang"}])
    name = "cut-" + how.split(maxsplit=1)[0]
    rig.submit(name)
    wait_for(lambda: len(rig.processes()) >= 2, 10)
    before = open_files(rig)
    with start_courier(rig, "follow", name, ends=False) as courier:
        assert courier.stdout is not None
        courier.stdout.readline()
        if how == "it is killed":
            courier.kill()
        else:
            courier.stdout.close()
            rig.lines("cancel", name)
        courier.wait(10)
        wait_for(lambda: open_files(rig) <= before, 10)
    rig.lines("cancel", name)
    rig.wait_for_end(name)


def open_files(rig: Rig) -> int:
    return len(os.listdir(f"/proc/{rig.daemons[-1].pid}/fd"))


def test_a_submit_whose_answer_is_lost_attaches_by_its_word(rig: Rig) -> None:
    submission = SUBMISSION | {"request": {"path": str(rig.target), "type": "FULL", "database": "neo4j"}}
    with connected(rig) as connection:
        connection.sendall(asked("submit", "lost", submission))
        wait_for(lambda: rig.document("lost") is not None, 5)
    rig.wait_for_end("lost")

    same = talk(rig, asked("submit", "lost", submission))
    another = talk(rig, asked("submit", "lost", submission | {"word": "fedcba9876543210"}))

    assert (same[0]["attached"], same[0]["status"]["state"]) == (True, "succeeded")
    assert another[0]["error"]["code"] == "id_taken"
    assert len(rig.invocations()) == 1


@fault(Group.LOAD, "two ids differ in case only: the second")
def test_ids_that_differ_in_case_are_different_requests(rig: Rig, row: Recorder) -> None:
    row.strike()
    for name in ("Case", "case"):
        assert not rig.submit(name)["attached"]

    ended = [rig.wait_for_end(name) for name in ("Case", "case")]
    row.ended(rig, ended[-1])
    assert {document["state"] for document in ended} == {"succeeded"}
    assert len(rig.artifacts()) == 2


@fault(Group.LOAD, "two triggers ask with one id at the same time: the second")
def test_two_that_ask_with_one_id_at_the_same_time_follow_one_backup(rig: Rig, row: Recorder) -> None:
    submission = SUBMISSION | {"request": {"path": str(rig.target), "type": "FULL", "database": "neo4j"}}
    row.strike()
    with connected(rig) as first, connected(rig) as second:
        first.sendall(asked("submit", "one", submission | {"word": "word000000000001"}))
        second.sendall(asked("submit", "one", submission | {"word": "word000000000002"}))
        answers = [json.loads(read_all(each).splitlines()[0]) for each in (first, second)]
    document = rig.wait_for_end("one")
    row.ended(rig, document)

    assert sorted(answer["attached"] for answer in answers) == [False, True]
    assert document["state"] == "succeeded"
    assert len(rig.invocations()) == 1


@fault(Group.LOAD, "two triggers ask for different things with one id: the second")
def test_another_request_with_an_id_that_is_under_way_is_refused(rig: Rig, row: Recorder) -> None:
    rig.set_knobs(faults=[{"fault": "hang"}])
    rig.submit("one-of-two")
    row.strike()

    refused = rig.submit("one-of-two", "DIFF")
    row.told()

    assert (refused["error"]["code"], refused["error"]["exit_code"]) == ("id_taken", 4)
    rig.lines("cancel", "one-of-two")
    rig.wait_for_end("one-of-two")
    row.refused(rig, refused["error"])


UNFIT = {"an id of 4 KiB": "a" * 4096, "an id that holds `/`": "nightly/1", "an id that leads elsewhere": "../x"}


@pytest.mark.parametrize("name", faults(Group.LOAD, UNFIT))
def test_an_id_that_is_none_is_refused(rig: Rig, name: str, row: Recorder) -> None:
    row.strike()

    refused = rig.submit(UNFIT[name])
    row.refused(rig, refused["error"])

    assert (refused["error"]["code"], refused["error"]["exit_code"]) == ("request_rejected", 4)
    assert rig.invocations() == []


@fault(Group.LOAD, "500 requests at once: those that find no room")
def test_500_submissions_at_once_are_each_told_the_truth(rig: Rig, row: Recorder) -> None:
    rig.set_knobs(faults=[{"fault": "hang"}])
    submission = SUBMISSION | {"request": {"path": str(rig.target), "type": "FULL", "database": "neo4j"}}
    with ExitStack() as opened:
        connections = [opened.enter_context(connected(rig)) for _ in range(500)]
        row.strike()
        for number, connection in enumerate(connections):
            connection.sendall(asked("submit", f"many-{number % 250}", submission | {"word": f"word{number:08}"}))
        answers = [json.loads(read_all(connection).splitlines()[0]) for connection in connections]

    accepted = {answer["status"]["id"] for answer in answers if "status" in answer}
    refused = [answer["error"]["code"] for answer in answers if "error" in answer]
    row.told()
    assert accepted == {document["id"] for document in rig.documents() if document["id"].startswith("many-")}
    assert 16 <= len(accepted) <= 17
    assert set(refused) == {"sidecar_busy"}
    waiting_first = sorted(accepted, key=lambda name: int((rig.document(name) or {})["number"]), reverse=True)
    for name in waiting_first:
        rig.lines("cancel", name)
    wait_for(lambda: all((rig.document(name) or {})["state"] == "cancelled" for name in accepted), 30)
    row.refused(rig, next(answer["error"] for answer in answers if "error" in answer))
    assert len(rig.invocations()) == 1


@fault(Group.LOAD, "300 follow one backup: the last to hear of its end")
def test_300_followers_hear_the_end(rig: Rig, row: Recorder) -> None:
    rig.set_knobs(stage_delay=0.2)
    rig.submit("followed")
    before = open_files(rig)
    with ExitStack() as opened:
        connections = [opened.enter_context(connected(rig)) for _ in range(300)]
        for connection in connections:
            connection.sendall(asked("follow", "followed"))
        ended = rig.wait_for_end("followed")
        row.strike()
        told = [read_all(connection).splitlines() for connection in connections]
        row.ended(rig, ended)

    assert all(json.loads(lines[-1]) == {"end": {"exit_code": 0}} for lines in told)
    assert all(json.loads(lines[-2])["status"]["state"] == "succeeded" for lines in told)
    wait_for(lambda: open_files(rig) <= before, 10)


STRANGERS = {
    "garbage": b"\x00\xff\xfe garbage\n",
    "an empty line": b"\n",
    "no object": b'["verb"]\n',
    "no verb": b"{}\n",
    "a verb that isn't known": b'{"verb": "format", "id": null, "input": ""}\n',
    "a verb of another type": b'{"verb": {"a": [1]}, "id": 7, "input": []}\n',
    "a verb without end": b'{"verb": "' + b"v" * 100_000 + b'"}\n',
    "control characters": b'{"verb": "\\u001b[31mred\\n"}\n',
    "a key twice": b'{"verb": "list", "verb": "drain"}\n',
    "half a line": b'{"verb": "lis',
    "half a character": b'{"verb": "get", "id": "\\ud800"}\n',
    "nesting": b'{"verb": ' + b"[" * 50_000 + b"\n",
    "5 MiB": b'{"verb": "' + b"x" * (5 << 20) + b'"}\n',
    "an id that is none": asked("get", "../../etc/passwd"),
    "an id of 4 KiB": asked("get", "a" * 4096),
    "an id of another type": b'{"verb": "cancel", "id": ["x"], "input": ""}\n',
    "input of another type": b'{"verb": "submit", "id": "x", "input": {"request": {}}}\n',
    "input that is no JSON": asked("submit", "x", "{"),
    "input that is too long": asked("submit", "x", " " * 70_000),
    "a submission without a word": asked("submit", "x", {"request": {"path": "/backups", "type": "FULL"}}),
    "a submission with more": asked("submit", "x", SUBMISSION | {"state": "succeeded"}),
    "a word with a slash": asked("submit", "x", SUBMISSION | {"word": "../../../x"}),
    "a limit that is none": asked("list", None, {"limit": "many"}),
    "a limit that is too low": asked("list", None, {"limit": -1}),
    "a limit that is no number": asked("list", None, {"limit": True}),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_whatever_a_stranger_says_is_refused_in_one_line(rig: Rig, name: str) -> None:
    with connected(rig) as connection:
        try:
            connection.sendall(STRANGERS[name])
            connection.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            assert name == "5 MiB", "only what is far too long is cut off while it's sent"
        (answer,) = read_all(connection).splitlines()

    error = json.loads(answer)["error"]
    assert (error["code"], error["exit_code"]) == ("request_rejected", 4)
    assert len(answer) < 2000
    assert error["message"].isprintable()
    assert rig.document("x") is None


def test_one_who_connects_and_says_nothing_holds_up_nobody(rig: Rig) -> None:
    with connected(rig), connected(rig) as half:
        half.sendall(b'{"verb"')

        assert talk(rig, asked("probe"), 5)[0]["probe"]["draining"] is False


def test_one_who_asks_and_never_reads_holds_up_nobody(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "long_line", "bytes": 60_000}] * 20)
    rig.submit("log")
    rig.wait_for_end("log")
    before = open_files(rig)

    with ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(connected(rig)).sendall(asked("log", "log"))
        whole = talk(rig, asked("log", "log"), 10)
        assert len(whole) > 20
        with connected(rig) as slow:
            slow.sendall(asked("log", "log"))
            time.sleep(1)
            assert read_all(slow).count(b"\n") == len(whole), "one who reads slowly hears it all"
        assert talk(rig, asked("probe"), 5)[-1] == {"end": {"exit_code": 0}}

    wait_for(lambda: open_files(rig) <= before, 10)


def test_a_fifo_in_the_place_of_a_log_holds_up_nobody(rig: Rig) -> None:
    rig.submit("fifo")
    rig.wait_for_end("fifo")
    (rig.requests / "logs/fifo.log").unlink()
    os.mkfifo(rig.requests / "logs/fifo.log")

    told = talk(rig, asked("log", "fifo"), 5)

    assert told[0]["error"]["code"] == "configuration_error"
    assert "not a plain file" in told[0]["error"]["message"]


def test_a_log_without_a_line_s_end_is_told_in_pieces(rig: Rig) -> None:
    rig.submit("endless")
    rig.wait_for_end("endless")
    os.truncate(rig.requests / "logs/endless.log", 0)
    os.truncate(rig.requests / "logs/endless.log", 3 << 20)

    told = talk(rig, asked("log", "endless"))

    assert sum(len(line["text"]) for line in told[:-1]) == 3 << 20
    assert max(len(line["text"]) for line in told[:-1]) <= 512 * 1024


def test_list_tells_the_newest_first_and_no_more_than_asked_for(rig: Rig) -> None:
    for number in range(3):
        rig.submit(f"list-{number}")
    rig.wait_for_end("list-2")

    told = rig.lines("list", given={"limit": 2})

    assert [line["status"]["id"] for line in told[:-1]] == ["list-2", "list-1"]


def test_facts_walk_from_the_daemon_to_the_target(rig: Rig) -> None:
    rig.target.mkdir()
    told = rig.lines("facts", given={"path": str(rig.target)})

    checks = {line["check"]["name"]: line["check"]["state"] for line in told[:-1]}
    assert list(checks) == [
        *("sidecar", "request volume", "neo4j-admin", "licence", "server", "databases", "memory", "target"),
        "artifacts",
    ]
    assert set(checks.values()) == {"ok"}, told


def test_facts_take_a_target_that_is_still_to_be_made_for_what_it_is(rig: Rig) -> None:
    new = rig.target / "not" / "yet"
    told = rig.lines("facts", given={"path": str(new)})

    check = told[-2]["check"]
    assert (check["name"], check["state"]) == ("target", "ok"), check
    assert check["message"].startswith(f"{new} isn't there yet and will be made; ")
    assert not new.exists()


def test_a_follower_hears_at_least_every_10_s(followed: Followed) -> None:
    time.sleep(max(0.0, followed.since + 12 - time.monotonic()))
    heard = b""
    followed.following.setblocking(False)
    with suppress(BlockingIOError):
        while chunk := followed.following.recv(1 << 16):
            heard += chunk
    now = talk(followed.rig, asked("get", "runs"))[0]

    lines = [json.loads(line) for line in heard.splitlines()]
    assert all(line["status"]["state"] == "running" for line in lines)
    elapsed = [line["status"]["progress"]["elapsed_seconds"] for line in (*lines, now)]
    assert elapsed[-1] > 10
    assert max(after - before for before, after in pairwise(elapsed)) <= 10


@fault(Group.LOAD, "the sidecar stands still: who asks for a status")
def test_a_daemon_that_stands_still_is_told_within_20_s(stopped: dict[str, "Future[Told]"], row: Recorder) -> None:
    for name, hearing in stopped.items():
        told = hearing.result(60)

        error = told.lines[-1]["error"]
        assert (told.exit_code, error["code"]) == (12, "transport_error"), name
        assert "slow or stuck" in error["message"], name
        assert told.seconds < 25, name
        if name == "get":
            row.record(Seen.of({"state": "refused"} | error), describe(0, 0, []), told.seconds)
