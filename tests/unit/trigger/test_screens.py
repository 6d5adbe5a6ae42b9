"""What a person sees: the live line, a line for each change, the summary, the table, the checks."""

import io

import pytest

from shared.errors import TransportError
from shared.protocol import Check, Result, Status
from tests.fakes.daemon import Line, status, succeeded
from tests.fakes.time import FakeTime
from trigger.answers import Told, read_status
from trigger.progress import Asking, Progress
from trigger.summary import databases, headline, summary
from trigger.terminal import ERASE, Terminal, cells, fit, table
from trigger.walk import shown, verdict


class Stream(io.StringIO):
    """A text stream that may be a terminal."""

    def __init__(self, *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal = terminal
        self._encoding = encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a StringIO has none of its own
        return self._encoding


class Gone(Stream):
    """A stream that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def told(line: Line) -> Told:
    found = read_status(line)
    assert found is not None
    return found


def running(stage: str = "copying", size: int | None = 0, elapsed: float = 0.0, **keys: object) -> Told:
    progress = {"database": "neo4j", "stage": stage, "bytes": size, "elapsed_seconds": elapsed}
    return told(status("nightly-1", "running", progress=progress, **keys))


# a line for each change


def test_without_a_terminal_each_change_is_one_line() -> None:
    stream, time = Stream(), FakeTime()
    progress = Progress(Terminal(stream), time, "nightly-1")

    for heard in (
        told(status(state="queued")),
        told(status(state="queued")),
        running("checking the connection"),
        running("copying", 1024),
        running("copying", 4096),
        told(status(cancel_requested=True, warnings=["the server is newer"])),
        told(succeeded(cancel_requested=True, warnings=["the server is newer"])),
    ):
        progress.status(heard)
        progress.waiting()

    assert stream.getvalue().splitlines() == [
        "nightly-1: queued",
        "nightly-1: running",
        "nightly-1: neo4j: checking the connection",
        "nightly-1: neo4j: copying",
        "nightly-1: a cancel is asked for",
        "nightly-1: warning: the server is newer",
        "nightly-1: neo4j succeeded FULL 1.2 GiB neo4j-2026-11-23T02-15-01.backup up to tx 48213",
        "nightly-1: succeeded",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_peer_sends_drives_no_terminal(terminal: bool) -> None:
    stream = Stream(terminal=terminal)
    progress = Progress(Terminal(stream), FakeTime(), "nightly-1")
    evil = "\x1b[2J\x07\r\n\x9b31m\u202e"
    document = {"database": evil, "state": evil, "artifact": evil, "message": evil, "code": evil}

    progress.status(running(evil, warnings=[evil], results=[document]))
    progress.trouble(TransportError(evil), 30)
    ended = told(status(state=evil, exit_code=3, code=evil, message=evil, hint=evil, results=[document]))
    progress.status(ended)
    written = stream.getvalue() + "\n".join(summary(ended.status))

    assert set(written.replace(ERASE, "")) & {"\x1b", "\x07", "\x9b", "\r", "\u202e"} == set()


# the live line


def test_on_a_terminal_one_line_is_rewritten_and_taken_away_at_the_end() -> None:
    stream, time = Stream(terminal=True), FakeTime()
    progress = Progress(Terminal(stream), time, "nightly-1")

    progress.status(running(size=1288490189, elapsed=65))
    time.pass_by(2)
    progress.waiting()
    progress.close()

    assert stream.getvalue().split(ERASE) == [
        "",
        "nightly-1: neo4j: copying · 1m05s · 1.2 GiB",
        "nightly-1: neo4j: copying · 1m07s · 1.2 GiB",
        "",
    ]


def test_the_live_line_counts_the_databases_that_are_done() -> None:
    stream = Stream(terminal=True)
    progress = Progress(Terminal(stream), FakeTime(), "n")
    results = [{"database": "a", "state": "failed"}, {"database": "b", "state": "running"}]

    progress.status(running(size=None, results=results))

    assert stream.getvalue().split(ERASE)[-1] == "n: neo4j: copying · 0s · 1 of 2 done"


def test_a_queued_request_shows_how_long_it_waits() -> None:
    stream, time = Stream(terminal=True), FakeTime()
    progress = Progress(Terminal(stream), time, "n")

    progress.status(told(status(state="queued")))
    time.pass_by(61)
    progress.status(told(status(state="queued")))

    assert stream.getvalue().split(ERASE)[-1] == "n: queued · 1m01s"


@pytest.mark.parametrize("columns", [20, 33, 80])
def test_the_live_line_fits_the_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Stream(terminal=True)
    progress = Progress(Terminal(stream), FakeTime(), "a-long-name-of-a-request")

    progress.status(running("写真をコピーしています" * 5))

    shown_last = stream.getvalue().split(ERASE)[-1]
    assert cells(shown_last) <= max(columns - 1, 20)
    assert shown_last.endswith("…")


def test_a_dumb_terminal_gets_lines() -> None:
    stream = Stream(terminal=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TERM", "dumb")
        terminal = Terminal(stream)

    terminal.rewrite("live")
    terminal.line("stays")

    assert stream.getvalue() == "stays\n"


def test_who_can_not_be_written_to_does_not_end_the_wait() -> None:
    progress = Progress(Terminal(Gone(terminal=True)), FakeTime(), "n")

    progress.status(running())
    progress.close()


# outages


def test_a_stream_that_is_found_again_at_once_is_not_worth_a_line() -> None:
    stream, time = Stream(), FakeTime()
    progress = Progress(Terminal(stream), time, "n")
    progress.status(told(status()))

    for _ in range(5):
        time.pass_by(3)
        progress.trouble(TransportError("cut"), 0.5)
        progress.status(told(status()))

    assert stream.getvalue() == "n: running\n".replace("n:", "nightly-1:")


def test_an_outage_is_told_its_repetition_is_not_and_its_end_is() -> None:
    stream, time = Stream(), FakeTime()
    progress = Progress(Terminal(stream), time, "n")
    progress.status(told(status()))

    for _ in range(8):
        time.pass_by(10)
        progress.trouble(TransportError("the network is down"), 5)
    progress.status(told(status()))

    assert stream.getvalue().splitlines()[1:] == [
        "No contact: the network is down; asking again",
        "No contact: the network is down; asking again",
        "In contact again after 1m20s",
    ]


def test_what_is_in_the_way_of_the_first_contact_is_told_at_once() -> None:
    stream = Stream()

    Progress(Terminal(stream), FakeTime(), "n").trouble(TransportError("no sidecar is running"), 0.3)
    asking = Asking(Terminal(stream), FakeTime())
    asking.trouble(TransportError("no sidecar is running"), 0.3)
    asking.trouble(TransportError("no sidecar is running"), 0.3)

    assert stream.getvalue() == "No contact: no sidecar is running; asking again\n" * 2


def test_the_live_line_shows_an_outage() -> None:
    stream, time = Stream(terminal=True), FakeTime()
    progress = Progress(Terminal(stream), time, "n")
    progress.status(told(status()))
    time.pass_by(42)

    progress.trouble(TransportError("the network is down"), 5)

    assert stream.getvalue().split(ERASE)[-1] == "n: no contact for 42s: the network is down"


# the summary


def test_a_success_tells_each_artifact_and_its_recovery_point() -> None:
    assert summary(told(succeeded()).status) == [
        "Backup nightly-1 succeeded in 3m05s",
        "  asked for  FULL of neo4j",
        "  target     /backups/nightly",
        "  accepted   2026-11-23 02:15:00Z",
        "  neo4j  succeeded  FULL  1.2 GiB  neo4j-2026-11-23T02-15-01.backup  up to tx 48213",
    ]


def test_a_failure_tells_why_what_to_do_and_the_last_output() -> None:
    result = {"database": "neo4j", "state": "failed", "code": "server_unavailable", "message": "no answer", "hint": "h"}
    line = status(
        state="failed",
        code="server_unavailable",
        message="1 of 2 databases failed",
        hint="See each.",
        retryable=True,
        exit_code=14,
        results=[result, {"database": "system", "state": "succeeded"}],
        output_tail=["Connecting\x1b[0m", "Refused"],
    )

    assert summary(told(line).status)[4:] == [
        "  1 of 2 databases failed",
        "  See each.",
        "  neo4j   failed     server_unavailable",
        "  system  succeeded",
        "  neo4j: no answer",
        "  h",
        "  The last lines of neo4j-admin:",
        "    | Connecting\\x1b[0m",
        "    | Refused",
        "  A retry as it stands is safe.",
    ]


def test_of_one_database_the_reason_is_told_once() -> None:
    result = {"database": "neo4j", "state": "failed", "message": "no space"}

    lines = summary(told(status(state="failed", message="no space", results=[result])).status)

    assert sum("no space" in line for line in lines) == 1


def test_a_state_that_is_not_known_is_shown_as_it_is() -> None:
    assert headline(told(status(state="levitated", code="new", exit_code=17)).status) == (
        "Backup nightly-1 levitated: new"
    )


def test_a_request_under_way_tells_what_it_does() -> None:
    heard = running(size=2048, elapsed=61, cancel_requested=True)

    assert headline(heard.status) == (
        "Backup nightly-1 is running, a cancel is asked for: neo4j: copying, 1m01s, 2.0 KiB"
    )


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        ("neo4j", "neo4j"),
        (["a", "b*"], "a,b*"),
        (None, "all"),
        ([], "all"),
        ({"a": 1}, "all"),
        ([1, "\n"], "1,\\n"),
        (["d" * 99], "d" * 39 + "…"),
    ],
)
def test_the_databases_of_a_request_are_told_whatever_they_are(database: object, expected: str) -> None:
    assert databases({"database": database}) == expected


def test_a_status_of_nothing_but_its_id_and_state_is_told() -> None:
    assert summary(Status(id="n", state="queued")) == ["Backup n is queued"]
    assert summary(Status(id="n", state="succeeded", exit_code=0, results=(Result(database="a", state="succeeded"),)))


# the checks


@pytest.mark.parametrize(
    ("signs", "state", "expected"),
    [
        (True, "ok", ["✓ memory: enough"]),
        (True, "failed", ["✗ memory: enough", "  Set more."]),
        (True, "unknown", ["? memory: enough", "  Set more."]),
        (True, "dubious", ["? memory: enough", "  Set more."]),
        (False, "ok", ["ok     memory: enough"]),
        (False, "failed", ["FAILED memory: enough", "       Set more."]),
    ],
)
def test_a_check_is_a_line_and_what_to_do(signs: bool, state: str, expected: list[str]) -> None:
    check = Check(name="memory", state=state, message="enough", hint="Set more.")

    assert shown(check, signs=signs) == expected


@pytest.mark.parametrize(
    ("failed", "exit_code"), [([], 0), (["memory"], 5), (["transport"], 12), (["memory", "daemon"], 12)]
)
def test_the_verdict_of_a_walk(failed: list[str], exit_code: int) -> None:
    checks = [Check(name=name, state="failed", message="") for name in failed]

    assert verdict(
        [Check(name="a", state="ok", message=""), Check(name="b", state="dubious", message=""), *checks]
    ) == (exit_code)


# columns


def test_columns_line_up_also_with_wide_characters() -> None:
    assert table([("写真", "a"), ("x", "b"), ("e\u0301", "")]) == ["写真  a", "x     b", "e\u0301"]
    assert table([]) == []


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("写真", 4, "写真"), ("写真写", 5, "写真…"), ("写真写", 4, "写…")],
)
def test_text_is_cut_to_columns(text: str, width: int, expected: str) -> None:
    assert fit(text, width, "…") == expected
