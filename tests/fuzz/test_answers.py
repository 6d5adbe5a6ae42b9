"""Whatever answers in a sidecar's place, the command says what it understood or raises an error of its own."""

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from random import Random
from typing import Any, TypeAlias

import pytest
from hypothesis import strategies as st

from shared.errors import ERRORS, BackupError, TransportError, error_line
from shared.wire import WireError, decode, encode
from tests.fakes.daemon import END, status, succeeded
from tests.fakes.time import FakeTime
from tests.fakes.transport import Exit, FakeTransport, Mutter, Say
from tests.fuzz.cases import BATCH, fuzzed
from tests.fuzz.corpus import TEXTS
from tests.fuzz.mutation import STRINGS, batches, changed_bytes, json_batches
from tests.fuzz.shown import drives, hold_text
from trigger.answers import Told, read_check, read_error, read_flag, read_line, read_status, read_text
from trigger.client import Client, Patience
from trigger.progress import Progress, changes, live
from trigger.report import tell_error, tell_status
from trigger.summary import databases, duration, headline, kind, moment, summary
from trigger.terminal import ERASE, Terminal, table
from trigger.transport.frames import Frames
from trigger.walk import shown, walk

PROGRESS = {"database": "neo4j", "stage": "recovering", "bytes": 1 << 30, "elapsed_seconds": 63.5}
TOLD = status(
    progress=PROGRESS,
    warnings=["the server is newer"],
    started_at="2026-11-23T02:15:00Z",
    cancel_requested=True,
    output_tail=["line"],
)
LINES: tuple[dict[str, Any], ...] = (
    TOLD,
    TOLD | {"attached": True},
    succeeded(),
    status(state="failed", code="backup_failed", message="m", hint="h", output_tail=["a", "b"], results=[PROGRESS]),
    {"text": "Finished artifact creation"},
    {"check": {"name": "server", "state": "ok", "message": "m", "hint": "h"}},
    {"probe": {"under_way": 1, "draining": False}},
    {"draining": {"under_way": 1}},
    END,
    *(error_line(error("m", hint="h")) for error in ERRORS),
    {"error": {"code": "transport_error", "message": "m", "hint": "", "exit_code": 12, "sent": False}},
)


class Screen(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


@contextmanager
def held_screen() -> Iterator[Screen]:
    """Give both of the command's streams, held to what a terminal may get."""
    screen = Screen()
    with redirect_stdout(screen), redirect_stderr(screen):
        yield screen
    written = screen.getvalue().replace(ERASE, "")
    assert drives(written.replace("\n", "")) == set(), written


@fuzzed(16_000, json_batches(st.sampled_from(LINES)), TEXTS)
def test_any_line_is_understood_or_refused_and_drives_no_terminal(case: bytes) -> None:
    try:
        line = read_line(case)
        error, told = read_error(line), read_status(line)
        check, text = read_check(line), read_text(line)
        read_flag(line, "attached")
    except TransportError as unfit:
        hold_text(unfit.message, unfit.hint)
        return
    assert text is None or isinstance(text, str)
    if error is not None:
        with held_screen():
            assert 0 < tell_error(error, "text") <= 255
    if check is not None:
        assert all(drives(each) == set() for each in shown(check, signs=True))
    if told is not None:
        hold_status(told)


def hold_status(told: Told) -> None:
    """Show a status wherever the command shows one."""
    found = told.status
    assert json.loads(json.dumps(told.document, allow_nan=False)) == told.document
    assert found.exit_code is None or 0 <= found.exit_code <= 255
    with held_screen() as screen:
        progress = Progress(Terminal(screen), FakeTime(), "nightly-1")
        progress.status(told)
        progress.trouble(TransportError(found.message), 60)
        progress.close()
        tell_status(told, "text")
    row = (headline(found), kind(found.request), databases(found.request), moment(found.accepted_at), duration(found))
    said = [*summary(found), *changes(None, found, stages=True), live(found, 1.5, 2.5, True), *table([row])]
    assert all(drives(each) == set() for each in said)


VERBS: tuple[Callable[[Client], object], ...] = (
    lambda client: client.submit("nightly-1", {"path": "/backups", "type": "FULL"}),
    lambda client: client.follow("nightly-1"),
    lambda client: client.cancel("nightly-1"),
    lambda client: client.list(5),
    lambda client: client.log("nightly-1"),
    lambda client: [line for check in walk(client, "/x", lambda: "the place") for line in shown(check, signs=True)],
)
Stream: TypeAlias = tuple[int, bytes, bytes, bytes]
"""The verb that is asked, what is answered in two pieces, and what stands on standard error between them."""


def streams(lines: tuple[bytes, ...], seed: int) -> tuple[Stream, ...]:
    """Make answers of several lines, cut anywhere, torn or without an end."""
    random = Random(seed)
    found = []
    for _ in range(BATCH):
        picked = [random.choice(lines) for _ in range(random.randrange(1, 5))]
        ended = [encode(END)] if random.random() < 0.7 else []
        data = b"\n".join((*picked, *ended)) + b"\n" * random.randrange(2)
        if random.random() < 0.3:
            data = changed_bytes(data, random)
        cut = random.randrange(len(data) + 1)
        found.append((random.randrange(len(VERBS)), data[:cut], data[cut:], random.randbytes(20)))
    return tuple(found)


STREAMS = st.builds(streams, json_batches(st.sampled_from(LINES)), st.integers(0, 1 << 64))


@fuzzed(5_000, STREAMS)
def test_any_answer_ends_in_something_that_can_be_told(case: Stream) -> None:
    verb, before, after, muttered = case
    time = FakeTime()
    transport = FakeTransport(time=time, script=lambda _: (Say(before), Mutter(muttered), Say(after), Exit(0)))

    with held_screen() as screen:
        progress = Progress(Terminal(screen), time, "nightly-1")
        client = Client(transport, progress, Patience(connect_for=1, reconnect_for=1, timeout=30), time)
        try:
            found = VERBS[verb](client)
        except BackupError as error:
            tell_error(error, "text", client.last)
        else:
            assert found is not None
        progress.close()

    assert transport.open == 0


def frames(payload: bytes, seed: int) -> tuple[bytes, ...]:
    random = Random(seed)
    made = b"".join(
        bytes([random.choice((0, 1, 2, 2, 3, 255))]) + b"\0\0\0" + len(payload).to_bytes(4, "big") + payload
        for _ in range(3)
    )
    return tuple(changed_bytes(made, random) for _ in range(BATCH))


@fuzzed(3_000, st.builds(frames, st.binary(max_size=40), st.integers(0, 1 << 64)))
def test_any_stream_of_docker_s_gives_its_payload_or_is_refused(case: bytes) -> None:
    taken = Frames()

    with suppress(TransportError):
        given = sum(len(payload) for _, payload in taken.feed(case))
        assert given <= len(case)


def texts(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(STRINGS) + text[at:]


@fuzzed(2_000, batches(st.text(max_size=60), texts))
def test_an_error_s_own_words_drive_no_terminal(case: str) -> None:
    error = type("Newer", (BackupError,), {"code": "newer", "exit_code": 3})

    with held_screen() as screen:
        tell_error(error(case, hint=case), "text")

    assert re.fullmatch(r"Error: .*\n(  .*\n)?", screen.getvalue())


@fuzzed(4_000, json_batches(st.sampled_from(LINES)), TEXTS)
def test_what_is_read_as_a_line_can_be_written_as_one(case: bytes) -> None:
    try:
        line = decode(case)
    except WireError as refusal:
        hold_text(str(refusal))
        return

    written = encode(line)

    assert written.isascii()
    assert decode(written) == line
