"""The command line: what it takes, what it refuses, which way it goes, and where its answers go."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from shared.errors import ERRORS, BackupError, TransportError, WaitTimedOut
from shared.protocol import BackupType
from tests.fakes.daemon import END, Answer, Line, ScriptedDaemon, scripted_daemon, status, succeeded
from trigger.cli import cli, run
from trigger.options import TYPES
from trigger.transport.docker import DockerTransport
from trigger.transport.kubernetes import KubernetesTransport
from trigger.transport.local import LocalTransport

ASK = ("trigger", "--path", "/backups/nightly")


class Sidecar:
    """A request volume with a daemon whose answers are set by verb."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.answers: dict[str, Answer] = {}
        self.daemon: ScriptedDaemon

    def script(self, asked: Line) -> Answer:
        return self.answers[asked["verb"]]

    def run(self, *arguments: str, **environment: str) -> Result:
        return call(arguments[0], "--local", self.folder, *arguments[1:], **environment)


def call(*arguments: str, **environment: str) -> Result:
    """Run the program as ``main`` does, without its exit."""
    entered = click.Command("neo4j-backup", callback=lambda: run(arguments))
    result = CliRunner().invoke(entered, env=dict(environment), standalone_mode=False)
    assert result.exception is None, result.exception
    return result


def code(result: Result) -> object:
    return result.return_value


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    made = Sidecar(tmp_path)
    made.answers = {
        "submit": [status("nightly-1", "queued") | {"attached": False}, END],
        "follow": [status(), succeeded(), END],
    }
    with scripted_daemon(tmp_path, made.script) as made.daemon:
        yield made


def submitted(sidecar: Sidecar) -> Line:
    found: Line = json.loads(next(asked for asked in sidecar.daemon.asked if asked["verb"] == "submit")["input"])
    return found


# trigger


def test_a_backup_is_asked_for_followed_and_told(sidecar: Sidecar) -> None:
    result = sidecar.run(*ASK, "--id", "nightly-1", "--type", "full", "--database", "neo4j", "--database", "a*")

    assert code(result) == 0
    assert sidecar.daemon.verbs() == ["submit", "follow"]
    assert submitted(sidecar)["request"] == {"path": "/backups/nightly", "type": "FULL", "database": ["neo4j", "a*"]}
    assert result.stdout.startswith("Backup nightly-1 succeeded in 3m05s\n")
    assert result.stderr.splitlines()[0] == "nightly-1: queued"


def test_every_database_is_asked_for_by_naming_none(sidecar: Sidecar) -> None:
    sidecar.run(*ASK, "--id", "nightly-1")

    assert submitted(sidecar)["request"] == {"path": "/backups/nightly", "type": "AUTO"}


def test_without_an_id_each_request_has_its_own(sidecar: Sidecar) -> None:
    sidecar.answers["submit"] = [{"error": {"code": "sidecar_busy", "message": "full"}}]

    sidecar.run(*ASK)
    sidecar.run(*ASK)

    first, second = (asked["id"] for asked in sidecar.daemon.asked)
    assert first != second


@pytest.mark.parametrize("exit_code", [0, 3, 5, 11, 14, 77])
def test_the_exit_code_is_the_one_that_the_sidecar_tells(sidecar: Sidecar, exit_code: int) -> None:
    sidecar.answers["follow"] = [status(state="new_state", exit_code=exit_code), END]

    assert code(sidecar.run(*ASK, "--id", "nightly-1")) == exit_code


@pytest.mark.parametrize("error", [e for e in ERRORS if e not in (TransportError, WaitTimedOut)])
def test_a_refusal_ends_with_its_own_exit_code(sidecar: Sidecar, error: type[BackupError]) -> None:
    sidecar.answers["submit"] = [{"error": {"code": error.code, "message": "m", "hint": "Do h.", "exit_code": 1}}]

    result = sidecar.run(*ASK)

    assert code(result) == error.exit_code
    assert result.stdout == ""
    assert result.stderr == f"Error: m [{error.code}]\n  Do h.\n"


def test_json_is_one_object_the_last_status_as_it_came(sidecar: Sidecar) -> None:
    sidecar.answers["follow"] = [status(), succeeded(a_new_key=[1]), END]

    result = sidecar.run(*ASK, "--id", "nightly-1", "--output", "json")

    assert json.loads(result.stdout) == succeeded(a_new_key=[1])["status"]
    assert result.stdout.count("\n") == 1


def test_json_of_a_refusal_is_one_object_with_the_error(sidecar: Sidecar) -> None:
    said = {"code": "sidecar_busy", "message": "full", "hint": "Later.", "retryable": True, "exit_code": 10}
    sidecar.answers["submit"] = [{"error": said}]

    result = sidecar.run(*ASK, "--output", "json")

    assert json.loads(result.stdout) == {"error": said}


def test_json_of_an_error_of_ours_is_the_last_status_with_the_error(sidecar: Sidecar) -> None:
    sidecar.answers["follow"] = [status("nightly-1"), 30.0]

    result = sidecar.run(*ASK, "--id", "nightly-1", "--output", "json", "--timeout", "1s")

    told = json.loads(result.stdout)
    assert code(result) == 6
    assert (told["state"], told["error"]["code"]) == ("running", "wait_timed_out")
    assert "the backup goes on" in told["error"]["message"]
    assert f"neo4j-backup status --follow nightly-1 --local {sidecar.folder}" in told["error"]["hint"]


def test_no_wait_ends_with_zero_once_accepted_and_tells_the_id(sidecar: Sidecar) -> None:
    result = sidecar.run(*ASK, "--id", "nightly-1", "--no-wait")

    assert code(result) == 0
    assert sidecar.daemon.verbs() == ["submit"]
    assert result.stdout == "nightly-1\n"
    assert f"neo4j-backup status --follow nightly-1 --local {sidecar.folder}" in result.stderr


def test_who_attaches_to_an_ended_request_is_told_its_end(sidecar: Sidecar) -> None:
    sidecar.answers["submit"] = [status("nightly-1", "failed", exit_code=5) | {"attached": True}, END]

    result = sidecar.run(*ASK, "--id", "nightly-1")

    assert code(result) == 5
    assert sidecar.daemon.verbs() == ["submit"]
    assert "was there already" in result.stderr


def test_an_attempt_is_followed_by_its_own_name(sidecar: Sidecar) -> None:
    sidecar.answers["submit"] = [status("nightly-1~2", "queued") | {"attached": True}, END]
    sidecar.answers["follow"] = [succeeded("nightly-1~2"), END]

    sidecar.run(*ASK, "--id", "nightly-1")

    assert [asked["id"] for asked in sidecar.daemon.asked] == ["nightly-1", "nightly-1~2"]


def test_no_sidecar_is_told_with_where_the_request_stands(tmp_path: Path) -> None:
    result = call(*ASK, "--local", str(tmp_path), "--connect-for", "1s", "--id", "nightly-1")

    assert code(result) == 12
    assert f"no sidecar is running on {tmp_path}" in result.stderr
    assert "The request nightly-1 " in result.stderr


def test_a_folder_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    result = call(*ASK, "--local", str(tmp_path / "nope"))

    assert code(result) == 12
    assert result.stderr.startswith(f"Error: there is no folder {tmp_path}/nope")
    assert "was not accepted" in result.stderr


def test_a_defect_of_ours_has_a_traceback_an_answer_and_exit_code_1(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("trigger.client.Client.submit", broken)

    result = sidecar.run(*ASK, "--output", "json")

    assert code(result) == 1
    assert "Traceback" in result.stderr
    assert json.loads(result.stdout)["error"]["code"] == "internal_error"


# usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("trigger", "--local", "."), "--path"),
        ((*ASK,), "--local or --docker"),
        ((*ASK, "--local", ".", "--docker", "x"), "--local or --docker"),
        ((*ASK, "--local", ""), "empty"),
        ((*ASK, "--docker", ""), "empty"),
        ((*ASK, "--local", ".", "--id", ""), "empty"),
        ((*ASK, "--local", ".", "--id", "../x"), "an id"),
        ((*ASK, "--local", ".", "--id", "a~2"), "an id"),
        ((*ASK, "--local", ".", "--id=--output"), "an id"),
        ((*ASK, "--local", ".", "--type", "HALF"), "HALF"),
        ((*ASK, "--local", ".", "--database", ""), "empty"),
        ((*ASK, "--local", ".", "--timeout", "soon"), "15m or 24h"),
        ((*ASK, "--local", ".", "--timeout", "0"), "longer than nothing"),
        (("trigger", "--local", ".", "--path", ""), "empty"),
        (("status", "--local", ".", "-x"), "-x"),
        (("status", "--local", ".", "../x"), "an id"),
        (("cancel", "--local", "."), "ID"),
        (("list", "--local", ".", "--limit", "0"), "limit"),
        (("backup",), "backup"),
        (("completion", "csh"), "csh"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_right(arguments: tuple[str, ...], words: str) -> None:
    result = call(*arguments)

    assert code(result) == 2
    assert result.stdout == ""
    assert words in result.stderr


@pytest.mark.parametrize(
    ("verb", "option", "value"),
    [
        ("trigger", "ID", ""),
        ("trigger", "DATABASE", ""),
        ("trigger", "DATABASE", " "),
        ("trigger", "TIMEOUT", ""),
        ("status", "TIMEOUT", ""),
    ],
)
def test_what_is_empty_in_the_environment_is_wrong_usage(sidecar: Sidecar, verb: str, option: str, value: str) -> None:
    result = sidecar.run(*(ASK if verb == "trigger" else (verb,)), **{f"NEO4J_BACKUP_{verb.upper()}_{option}": value})

    assert code(result) == 2
    assert f"NEO4J_BACKUP_{verb.upper()}_{option} is empty" in result.stderr
    assert sidecar.daemon.asked == []


def test_what_is_typed_goes_before_what_is_empty_in_the_environment(sidecar: Sidecar) -> None:
    empty = dict.fromkeys(["DATABASE", "ID", "TIMEOUT", "POD", "SELECTOR", "CONTEXT", "NAMESPACE"], "")

    result = sidecar.run(
        *(*ASK, "--id", "nightly-1", "--database", "neo4j", "--timeout", "1m", "--no-wait"),
        **{f"NEO4J_BACKUP_TRIGGER_{name}": value for name, value in empty.items()},
    )

    assert code(result) == 0, result.stderr


@pytest.mark.parametrize("verb", ["trigger", "status", "list", "logs", "cancel", "check"])
@pytest.mark.parametrize("option", ["CONTEXT", "NAMESPACE", "CONTAINER"])
def test_where_the_pod_is_is_not_left_to_an_empty_variable(verb: str, option: str) -> None:
    rest = {"trigger": ("--path", "/backups"), "cancel": ("nightly-1",)}.get(verb, ())

    result = call(verb, "--pod", "neo4j-0", *rest, **{f"NEO4J_BACKUP_{verb.upper()}_{option}": ""})

    assert code(result) == 2
    assert f"NEO4J_BACKUP_{verb.upper()}_{option} is empty" in result.stderr


@pytest.mark.parametrize("empty", ["POD", "SELECTOR", "DOCKER", "LOCAL"])
def test_an_empty_place_is_not_passed_over_for_another_of_the_environment(sidecar: Sidecar, empty: str) -> None:
    other = {"LOCAL": "DOCKER"}.get(empty, "LOCAL")
    given = {f"NEO4J_BACKUP_LIST_{empty}": "", f"NEO4J_BACKUP_LIST_{other}": sidecar.folder}

    result = call("list", **given)

    assert code(result) == 2
    assert f"NEO4J_BACKUP_LIST_{empty} is empty" in result.stderr
    assert sidecar.daemon.asked == []


def test_every_option_can_come_from_the_environment(sidecar: Sidecar) -> None:
    result = call(
        "trigger",
        NEO4J_BACKUP_TRIGGER_LOCAL=sidecar.folder,
        NEO4J_BACKUP_TRIGGER_PATH="/backups",
        NEO4J_BACKUP_TRIGGER_TYPE="diff",
        NEO4J_BACKUP_TRIGGER_DATABASE="neo4j system",
        NEO4J_BACKUP_TRIGGER_ID="nightly-1",
        NEO4J_BACKUP_TRIGGER_WAIT="false",
        NEO4J_BACKUP_TRIGGER_TIMEOUT="5m",
        NEO4J_BACKUP_TRIGGER_OUTPUT="json",
    )

    assert code(result) == 0
    assert submitted(sidecar)["request"] == {"path": "/backups", "type": "DIFF", "database": ["neo4j", "system"]}
    assert json.loads(result.stdout)["state"] == "queued"
    assert sidecar.daemon.verbs() == ["submit"]


def test_the_help_tells_every_option_s_variable() -> None:
    for name, verb in cli.commands.items():
        shown = call(name, "--help").stdout.replace("\n", "").replace(" ", "")

        for parameter in verb.params:
            if isinstance(parameter, click.Option) and parameter.name not in (None, "help"):
                assert f"NEO4J_BACKUP_{name.upper()}_{str(parameter.name).upper()}" in shown


def test_what_is_typed_goes_before_the_environment(sidecar: Sidecar) -> None:
    result = sidecar.run(*ASK, "--id", "nightly-1", "--no-wait", NEO4J_BACKUP_TRIGGER_DOCKER="elsewhere")

    assert code(result) == 0


def test_the_types_are_those_of_the_protocol() -> None:
    assert list(TYPES) == list(BackupType)


def test_ways_open_what_they_say() -> None:
    from trigger.reach import WAYS

    options = {str(parameter.name) for parameter in cli.commands["check"].params}
    opened = {way.option: way.open({**dict.fromkeys(options), way.option: "x"}, []) for way in WAYS}

    assert isinstance(opened["local"], LocalTransport)
    assert isinstance(opened["docker"], DockerTransport)
    assert isinstance(opened["pod"], KubernetesTransport)
    assert isinstance(opened["selector"], KubernetesTransport)
    assert set(opened) <= options


# status, list, logs, cancel, check


def test_status_tells_how_a_backup_ended_and_exits_with_0(sidecar: Sidecar) -> None:
    sidecar.answers["get"] = [status("nightly-1", "failed", code="backup_failed", message="it broke"), END]

    result = sidecar.run("status", "nightly-1")

    assert code(result) == 0
    assert result.stdout.startswith("Backup nightly-1 failed: backup_failed\n")
    assert "it broke" in result.stdout


def test_status_without_an_id_is_that_of_the_newest(sidecar: Sidecar) -> None:
    sidecar.answers["list"] = [status("newest"), END]
    sidecar.answers["get"] = [status("newest"), END]

    result = sidecar.run("status", "--output", "json")

    assert json.loads(result.stdout)["id"] == "newest"
    assert json.loads(sidecar.daemon.asked[0]["input"]) == {"limit": 1}


def test_status_where_nothing_was_asked_for_says_so(sidecar: Sidecar) -> None:
    sidecar.answers["list"] = [END]

    result = sidecar.run("status")

    assert code(result) == 4
    assert "nothing has been asked for yet" in result.stderr


@pytest.mark.parametrize("flag", ["--follow", "--wait"])
def test_status_follows_to_the_end_and_exits_with_the_backup_s_code(sidecar: Sidecar, flag: str) -> None:
    sidecar.answers["follow"] = [status(), status(state="failed", exit_code=14), END]

    result = sidecar.run("status", flag, "nightly-1")

    assert code(result) == 14
    assert result.stdout.startswith("Backup nightly-1 failed")


@pytest.mark.parametrize("words", [(), ("nightly-1",)], ids=["the newest", "an id"])
def test_a_timeout_before_anything_is_known_of_a_request_is_an_error_of_the_way_there(
    sidecar: Sidecar, words: tuple[str, ...]
) -> None:
    sidecar.answers |= {"list": [30.0], "follow": [30.0]}
    began = time.monotonic()

    result = sidecar.run("status", "--follow", *words, "--timeout", "1s")

    assert code(result) == 12
    assert "did not answer what it was asked within 1s" in result.stderr
    assert "goes on" not in result.stderr
    assert time.monotonic() - began < 8


def test_of_the_newest_request_the_whole_timeout_is_no_longer_than_asked(sidecar: Sidecar) -> None:
    sidecar.answers |= {"list": [2.0, status("nightly-1"), END], "follow": [status(), 30.0]}
    began = time.monotonic()

    result = sidecar.run("status", "--follow", "--timeout", "3s")

    assert code(result) == 6
    assert time.monotonic() - began < 4.5


def test_status_of_an_id_that_nobody_knows_is_refused(sidecar: Sidecar) -> None:
    sidecar.answers["get"] = [
        {"error": {"code": "request_rejected", "message": "no such request", "hint": "See list."}}
    ]

    result = sidecar.run("status", "nope")

    assert code(result) == 4
    assert result.stderr == "Error: no such request [request_rejected]\n  See list.\n"


def test_list_is_a_table(sidecar: Sidecar) -> None:
    sidecar.answers["list"] = [status("b", request={"path": "/x", "type": "AUTO"}), succeeded("a"), END]

    result = sidecar.run("list", "--limit", "7")

    assert json.loads(sidecar.daemon.asked[0]["input"]) == {"limit": 7}
    assert result.stdout == (
        "ID  STATE      TYPE  DATABASES  ACCEPTED              TOOK   CODE\n"
        "b   running    AUTO  all        2026-11-23 02:15:00Z\n"
        "a   succeeded  FULL  neo4j      2026-11-23 02:15:00Z  3m05s\n"
    )


def test_list_as_json_is_one_array(sidecar: Sidecar) -> None:
    sidecar.answers["list"] = [status("b"), succeeded("a"), END]

    result = sidecar.run("list", "--output", "json")

    assert [found["id"] for found in json.loads(result.stdout)] == ["b", "a"]


def test_logs_are_printed_with_nothing_that_drives_a_terminal(sidecar: Sidecar) -> None:
    sidecar.answers["log"] = [{"text": "one\x1b[2J"}, {"text": "zwei ü"}, END]

    text = sidecar.run("logs", "nightly-1")
    document = sidecar.run("logs", "nightly-1", "--output", "json")

    assert text.stdout == "one\\x1b[2J\nzwei ü\n"
    assert json.loads(document.stdout) == {"id": "nightly-1", "lines": ["one\x1b[2J", "zwei ü"]}


def test_a_cancel_is_told_once_it_is_on_the_disk(sidecar: Sidecar) -> None:
    sidecar.answers["cancel"] = [status(cancel_requested=True), END]

    result = sidecar.run("cancel", "nightly-1")

    assert code(result) == 0
    assert result.stdout == "Backup nightly-1 is running, a cancel is asked for\n"


def test_a_cancel_that_comes_too_late_says_so(sidecar: Sidecar) -> None:
    sidecar.answers["cancel"] = [succeeded(), END]

    result = sidecar.run("cancel", "nightly-1")

    assert code(result) == 0
    assert result.stdout == "Backup nightly-1 succeeded in 3m05s\n"
    assert result.stderr == "It had ended before: nothing was cancelled.\n"


CHECKS: list[Line] = [
    {"check": {"name": "neo4j-admin", "state": "ok", "message": "5.26.8", "hint": ""}},
    {"check": {"name": "licence", "state": "failed", "message": "not accepted", "hint": "Accept it."}},
]


def test_check_walks_to_what_the_sidecar_looks_at(sidecar: Sidecar) -> None:
    sidecar.answers |= {"probe": [{"probe": {"under_way": 1, "draining": True}}, END], "facts": [*CHECKS, END]}

    result = sidecar.run("check", "--path", "/backups")

    assert code(result) == 5
    assert json.loads(sidecar.daemon.asked[1]["input"]) == {"path": "/backups"}
    assert result.stdout.splitlines() == [
        f"✓ transport: the folder {sidecar.folder} can be reached",
        "✓ daemon: it answers, 1 under way, draining: it starts nothing more until its restart",
        "✓ neo4j-admin: 5.26.8",
        "✗ licence: not accepted",
        "  Accept it.",
    ]


def test_check_ends_with_0_where_none_failed(sidecar: Sidecar) -> None:
    sidecar.answers |= {"probe": [{"probe": {}}, END], "facts": [CHECKS[0], END]}

    assert code(sidecar.run("check")) == 0


def test_check_as_json_is_one_object(sidecar: Sidecar) -> None:
    sidecar.answers |= {"probe": [{"probe": {}}, END], "facts": [*CHECKS, END]}

    result = sidecar.run("check", "--output", "json")

    told = json.loads(result.stdout)
    assert [check["name"] for check in told["checks"]] == ["transport", "daemon", "neo4j-admin", "licence"]
    assert told["exit_code"] == 5


def test_check_tells_a_folder_without_a_daemon_from_no_folder(tmp_path: Path) -> None:
    no_daemon = call("check", "--local", str(tmp_path))
    no_folder = call("check", "--local", str(tmp_path / "nope"))

    assert (code(no_daemon), code(no_folder)) == (12, 12)
    assert [line[0] for line in no_daemon.stdout.splitlines()] == ["✓", "✗", " "]
    assert [line[0] for line in no_folder.stdout.splitlines()] == ["✗", " "]


def test_check_of_a_daemon_that_dies_in_the_middle_fails(sidecar: Sidecar) -> None:
    sidecar.answers |= {"probe": [{"probe": {}}, END], "facts": [CHECKS[0]]}

    assert code(sidecar.run("check")) == 12


# completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(shell: str) -> None:
    result = call("completion", shell)

    assert code(result) == 0
    assert "_NEO4J_BACKUP_COMPLETE" in result.stdout


def test_a_shell_completes_verbs_options_and_values() -> None:
    def complete(words: str) -> list[str]:
        environment = {
            "_NEO4J_BACKUP_COMPLETE": "zsh_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split(" ")) - 1),
        }
        with pytest.MonkeyPatch.context() as patched:
            for name, value in environment.items():
                patched.setenv(name, value)
            result = CliRunner().invoke(cli, prog_name="neo4j-backup")
        return result.stdout.split("\n")

    assert "trigger" in complete("neo4j-backup tr")
    assert "--reconnect-for" in complete("neo4j-backup trigger --re")
    assert "FULL" in [word.upper() for word in complete("neo4j-backup trigger --type F")]


def test_help_brings_in_nothing_heavy() -> None:
    import subprocess
    import sys

    look = (
        "import sys; from trigger.cli import run; run(sys.argv[1:]); "
        "print(sorted({'pydantic', 'tenacity', 'docker', 'kubernetes', 'asyncio', 'requests'} & set(sys.modules)))"
    )

    shown = subprocess.run(
        [sys.executable, "-c", look, "trigger", "--help"], capture_output=True, text=True, check=True, timeout=30
    )
    local = subprocess.run(
        [sys.executable, "-c", look, "list", "--local", "/nope"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=os.environ | {"NEO4J_BACKUP_LIST_CONNECT_FOR": "1"},
    )

    assert shown.stdout.splitlines()[-1] == "[]"
    assert local.stdout.splitlines()[-1] == "['pydantic', 'tenacity']"
