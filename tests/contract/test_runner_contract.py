"""What every runner promises: held against the real one, which starts processes, and the fake."""

import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest

from shared.errors import ConfigurationError
from sidecar.neo4j_admin.processes import ProcessRunner
from sidecar.neo4j_admin.runner import LINE_LIMIT, Exit, Launch, Running
from tests.fakes.runner import (
    FOREVER,
    KILLED,
    SIGKILL,
    SIGTERM,
    SUCCESS,
    TERMINATED,
    Do,
    FakeRunner,
    Pause,
    Print,
    Script,
)

READY = Print(b"ready\n")

# Plays a script as a program. What it prints is in latin-1, so that any byte can be told in JSON.
PLAYER = """
import json, os, signal, sys, time
steps, status, signum, on_sigterm = json.load(open(sys.argv[1]))
if on_sigterm is None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif on_sigterm[0] is not None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(on_sigterm[0]))
for kind, value in steps:
    if kind == "print":
        data = value.encode("latin-1")
        while data:
            data = data[os.write(1, data):]
    else:
        time.sleep(value)
if signum is not None:
    os.kill(os.getpid(), signum)
os._exit(status)
"""


class Subject(Protocol):
    """A runner under test, which plays scripts."""

    def start(self, script: Script, on_line: Callable[[bytes], None]) -> Running: ...
    def start_what_is_not_there(self) -> Running: ...


class Real:
    def __init__(self, folder: Path) -> None:
        self._runner = ProcessRunner()
        self._folder = folder

    def start(self, script: Script, on_line: Callable[[bytes], None]) -> Running:
        steps: list[tuple[str, object]] = []
        for step in script.steps:
            match step:
                case Print(data):
                    steps.append(("print", data.decode("latin-1")))
                case Pause(seconds):
                    steps.append(("pause", seconds))
                case Do():
                    raise AssertionError("only the fake acts for neo4j-admin")
        on_sigterm = None if script.on_sigterm is None else (script.on_sigterm.status, script.on_sigterm.signal)
        played = self._folder / "script.json"
        played.write_text(json.dumps((steps, script.exit.status, script.exit.signal, on_sigterm)))
        return self._runner.start(self._launch(sys.executable, "-I", "-S", "-c", PLAYER, str(played)), on_line)

    def start_what_is_not_there(self) -> Running:
        return self._runner.start(self._launch(str(self._folder / "neo4j-admin")), lambda _: None)

    def _launch(self, *arguments: str) -> Launch:
        return Launch(arguments, {"PATH": "/usr/bin:/bin"}, str(self._folder), word=secrets.token_hex(8))


class Fake:
    def start(self, script: Script, on_line: Callable[[bytes], None]) -> Running:
        return FakeRunner([script]).start(Launch(("neo4j-admin",), {}, "/", "word"), on_line)

    def start_what_is_not_there(self) -> Running:
        error = ConfigurationError("there is no program neo4j-admin", hint="set it")
        return FakeRunner([error]).start(Launch(("neo4j-admin",), {}, "/", "word"), lambda _: None)


@pytest.fixture(params=["real", "fake"])
def subject(request: pytest.FixtureRequest, tmp_path: Path) -> Subject:
    return Real(tmp_path) if request.param == "real" else Fake()


def play(subject: Subject, script: Script, lines: list[bytes] | None = None) -> Exit:
    heard = [] if lines is None else lines

    async def run() -> Exit:
        return await subject.start(script, heard.append).wait()

    return asyncio.run(run())


async def started(subject: Subject, script: Script) -> Running:
    """Start a script that prints READY first, and return when it has."""
    heard = asyncio.Event()
    running = subject.start(script, lambda _: heard.set())
    await heard.wait()
    return running


def in_a_loop(coroutine: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(20):
            await coroutine()

    asyncio.run(run())


def test_lines_arrive_in_order_and_whole(subject: Subject) -> None:
    script = Script((Print(b"one\ntw"), Pause(0.05), Print(b"o\n\nfour\n"), Pause(0.05), Print(b"five")))
    lines: list[bytes] = []

    play(subject, script, lines)

    assert lines == [b"one", b"two", b"", b"four", b"five"]


def test_lines_are_bytes_whatever_they_hold(subject: Subject) -> None:
    data = bytes(byte for byte in range(256) if byte != ord("\n"))
    lines: list[bytes] = []

    play(subject, Script((Print(data + b"\n\xc3\x28\n"),)), lines)

    assert lines == [data, b"\xc3\x28"]


def test_lines_arrive_while_it_runs(subject: Subject) -> None:
    async def run() -> None:
        running = await started(subject, Script((READY, Pause(FOREVER))))

        await running.end(5)

    in_a_loop(run)


def test_a_line_that_is_too_long_is_cut_and_says_so(subject: Subject) -> None:
    lines: list[bytes] = []

    play(subject, Script((Print(b"x" * 150_000 + b"\nnext\n"),)), lines)

    assert len(lines) == 2
    assert len(lines[0]) <= LINE_LIMIT
    assert lines[0].startswith(b"x" * 65_000)
    kept = lines[0].count(b"x")
    assert lines[0].endswith(b" [%d more bytes of this line are left out]" % (150_000 - kept))
    assert lines[1] == b"next"


def test_a_line_of_exactly_the_limit_is_whole(subject: Subject) -> None:
    lines: list[bytes] = []

    play(subject, Script((Print(b"x" * LINE_LIMIT + b"\n"),)), lines)

    assert lines == [b"x" * LINE_LIMIT]


@pytest.mark.parametrize("status", [0, 1, 64, 137])
def test_the_exit_status_is_told(subject: Subject, status: int) -> None:
    how = play(subject, Script(exit=Exit(status=status, signal=None)))

    assert how == Exit(status=status, signal=None)


@pytest.mark.parametrize("signum", [SIGKILL, SIGTERM, 6])
def test_the_signal_that_ended_it_is_told(subject: Subject, signum: int) -> None:
    how = play(subject, Script(exit=Exit(status=None, signal=signum)))

    assert how == Exit(status=None, signal=signum)


def test_all_lines_have_been_handed_over_when_wait_returns(subject: Subject) -> None:
    printed = b"".join(b"%d\n" % number for number in range(5_000))
    lines: list[bytes] = []

    play(subject, Script((Print(printed),)), lines)

    assert lines == printed.splitlines()


def test_an_exception_of_on_line_stops_nothing(subject: Subject, caplog: pytest.LogCaptureFixture) -> None:
    lines: list[bytes] = []

    def take(line: bytes) -> None:
        lines.append(line)
        raise ValueError("no room for this line")

    async def run() -> Exit:
        return await subject.start(Script((Print(b"one\ntwo\n"),)), take).wait()

    how = asyncio.run(run())

    assert (how, lines) == (SUCCESS, [b"one", b"two"])
    assert "no room for this line" in caplog.text


def test_wait_tells_the_same_to_all_and_again(subject: Subject) -> None:
    async def run() -> None:
        running = subject.start(Script(exit=Exit(status=3, signal=None)), lambda _: None)

        told = await asyncio.gather(running.wait(), running.wait())
        again = await running.wait()

        assert {*told, again} == {Exit(status=3, signal=None)}

    in_a_loop(run)


def test_it_goes_on_when_a_wait_is_cancelled(subject: Subject) -> None:
    async def run() -> None:
        running = await started(subject, Script((READY, Pause(0.2)), Exit(status=7, signal=None)))

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(running.wait(), 0.01)

        assert await running.wait() == Exit(status=7, signal=None)

    in_a_loop(run)


def test_end_ends_it_by_sigterm(subject: Subject) -> None:
    async def run() -> None:
        running = await started(subject, Script((READY, Pause(FOREVER))))

        await running.end(10)

        assert await running.wait() == TERMINATED

    in_a_loop(run)


def test_it_may_choose_its_status_on_sigterm(subject: Subject) -> None:
    script = Script((READY, Pause(FOREVER)), on_sigterm=Exit(status=143, signal=None))

    async def run() -> None:
        running = await started(subject, script)

        await running.end(10)

        assert await running.wait() == Exit(status=143, signal=None)

    in_a_loop(run)


def test_what_ignores_sigterm_is_killed_after_the_grace_and_not_before(subject: Subject) -> None:
    async def run() -> None:
        running = await started(subject, Script((READY, Pause(FOREVER)), on_sigterm=None))
        loop = asyncio.get_running_loop()
        asked = loop.time()

        await running.end(0.3)

        assert 0.29 <= loop.time() - asked < 3
        assert await running.wait() == KILLED

    in_a_loop(run)


def test_the_grace_lets_it_finish(subject: Subject) -> None:
    async def run() -> None:
        running = await started(subject, Script((READY, Pause(0.2)), on_sigterm=None))

        await running.end(10)

        assert await running.wait() == SUCCESS

    in_a_loop(run)


@pytest.mark.parametrize("graces", [(FOREVER, 0.1), (0.1, FOREVER)], ids=["the second", "the first"])
def test_of_two_ends_the_earlier_kill_holds(subject: Subject, graces: tuple[float, float]) -> None:
    async def run() -> None:
        running = await started(subject, Script((READY, Pause(FOREVER)), on_sigterm=None))
        first = asyncio.create_task(running.end(graces[0]))
        await asyncio.sleep(0.02)

        await running.end(graces[1])

        await first
        assert await running.wait() == KILLED

    in_a_loop(run)


def test_it_is_killed_also_when_the_one_who_ended_it_is_cancelled(subject: Subject) -> None:
    async def run() -> None:
        running = await started(subject, Script((READY, Pause(FOREVER)), on_sigterm=None))

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(running.end(0.2), 0.05)

        assert await running.wait() == KILLED

    in_a_loop(run)


def test_end_at_once_after_the_start_ends_it(subject: Subject) -> None:
    async def run() -> None:
        running = subject.start(Script((Pause(FOREVER),)), lambda _: None)

        await running.end(10)

        assert await running.wait() == TERMINATED

    in_a_loop(run)


def test_end_while_another_waits_returns_to_both(subject: Subject) -> None:
    async def run() -> None:
        running = await started(subject, Script((READY, Pause(FOREVER))))
        waiting = asyncio.create_task(running.wait())
        await asyncio.sleep(0)

        await asyncio.gather(running.end(10), running.end(10))

        assert await waiting == TERMINATED

    in_a_loop(run)


def test_end_after_the_end_changes_nothing(subject: Subject) -> None:
    async def run() -> None:
        running = subject.start(Script(exit=Exit(status=5, signal=None)), lambda _: None)
        await running.wait()

        await running.end(0)
        await running.end(0)

        assert await running.wait() == Exit(status=5, signal=None)

    in_a_loop(run)


def test_what_cannot_be_started_is_an_error_that_says_what_to_do(subject: Subject) -> None:
    async def run() -> None:
        with pytest.raises(ConfigurationError, match="there is no program") as caught:
            subject.start_what_is_not_there()

        assert caught.value.hint

    in_a_loop(run)
