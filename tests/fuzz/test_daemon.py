"""A daemon that thousands of hostile letters and lines have reached answers, backs up, and is as large as before."""

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from shared.wire import LINE_LIMIT, Verb
from sidecar.listener import ASK_LIMIT
from sidecar.mailbox import KEEP_REFUSED_FILES
from sidecar.records import KEEP_ENDED, KEEP_REFUSED
from tests.fuzz.cases import promise, ran, times
from tests.fuzz.corpus import REQUEST, TEXTS
from tests.fuzz.mutation import STRINGS, changed_bytes, changed_json, dumped
from tests.fuzz.shown import drives
from tests.integration.serving import asked, connected, read_all, serving, talk
from tests.rig import FINAL, Rig, wait_for

LETTERS = 500
TALKS = 2_400
ENDLESS = 40
MEMORY_KIB = 24 << 10
VOLUME_BYTES = 16 << 20
SEED = 20261123


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("fuzz") / "rig", "neo4j") as rig:
        (rig.folder / "outside").mkdir()
        (rig.backups / "link").symlink_to(rig.folder / "outside")
        yield rig


def letter(rig: Rig, random: Random) -> bytes:
    """Make a mailbox file, most of them no request."""
    if random.random() < 0.1:
        return random.choice(TEXTS)
    path = random.choice((str(rig.target), str(rig.backups / "link"), "/etc", f"{rig.backups}/../outside", "s3://x/"))
    request: Any = {"path": path, "type": random.choice(("FULL", "diff", "--help")), "database": "-x"}
    return dumped(changed_json(request, random), random)


def line(rig: Rig, random: Random) -> bytes:
    """Make what a stranger sends to the socket, but for a drain, after which nothing runs."""
    if random.random() < 0.1:
        return random.choice(TEXTS)[:LINE_LIMIT] + b"\n"
    given = {"request": {"path": str(rig.target), "type": "FULL", "database": "-x"}, "word": "0123456789abcdef"}
    said = dumped(changed_json(given, random), random).decode("utf-8", "replace")
    verb = random.choice([*(set(Verb) - {Verb.DRAIN}), "run", "", "DRAIN"])
    sent = asked(verb, random.choice(("n-1", "x", *STRINGS[:20])), said)
    torn = changed_bytes(sent, random) if random.random() < 0.3 else sent
    return torn.replace(b"drain", b"") + b"\n"


def held(rig: Rig) -> tuple[int, int]:
    """Give how many files and threads the daemon has."""
    process = Path(f"/proc/{rig.daemons[-1].pid}")
    return len(os.listdir(process / "fd")), len(os.listdir(process / "task"))


def resident_kib(rig: Rig) -> int:
    status = Path(f"/proc/{rig.daemons[-1].pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def size(rig: Rig) -> int:
    return sum(path.lstat().st_size for path in rig.requests.rglob("*"))


def hold_commands(rig: Rig) -> None:
    """Hold each start of neo4j-admin to options of ours, a target below the root, and one plain name behind them."""
    for event in rig.invocations():
        words = event["argv"][event["argv"].index("backup") + 1 :]
        options = dict(word.partition("=")[::2] for word in words[:-1])
        assert set(options) == {"--from", "--to-path", "--temp-path", "--type", "--pagecache"}
        assert options["--from"] == rig.environment["NEO4J_BACKUP_FROM"]
        assert options["--to-path"] == str(rig.target)
        assert words[-1] in ("neo4j", "system")


def hold_bounds(rig: Rig, before: tuple[tuple[int, int], int]) -> None:
    """Hold the daemon and its volume, once it has settled, to what they were."""
    wait_for(lambda: all(document["state"] in FINAL for document in rig.documents()), 60)
    hold_commands(rig)
    assert talk(rig, asked("probe"))[-1] == {"end": {"exit_code": 0}}
    wait_for(lambda: rig.leftovers() == [], 30, lambda: str(rig.leftovers()))
    wait_for(
        lambda: all(now <= then + 2 for now, then in zip(held(rig), before[0], strict=True)),
        30,
        lambda: f"{held(rig)}, before {before[0]}",
    )
    assert resident_kib(rig) - before[1] < MEMORY_KIB
    assert size(rig) < VOLUME_BYTES
    assert len(os.listdir(rig.requests / "refused")) <= KEEP_REFUSED_FILES
    assert len(os.listdir(rig.requests / "status")) <= KEEP_REFUSED + KEEP_ENDED + 40
    assert os.listdir(rig.folder / "outside") == []
    said = rig.log.read_text()
    assert "defect" not in said
    assert all(drives(each) == set() for each in said.split("\n"))


def hold_backup(rig: Rig, name: str) -> None:
    rig.submit(name)
    assert rig.wait_for_end(name, 60)["state"] == "succeeded"


promise("test_thousands_of_hostile_letters_leave_a_daemon_that_backs_up", LETTERS)


def test_thousands_of_hostile_letters_leave_a_daemon_that_backs_up(rig: Rig) -> None:
    hold_backup(rig, "before-letters")
    before = held(rig), resident_kib(rig)
    random, slot = Random(SEED if times() == 1 else None), rig.requests / "backup.request"

    for _ in range(LETTERS * times()):
        (rig.folder / "mine").write_bytes(letter(rig, random))
        (rig.folder / "mine").rename(slot)
        # What isn't taken within a moment is no request, and another writer replaces it.
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not slot.exists(), 0.03)
        ran["test_thousands_of_hostile_letters_leave_a_daemon_that_backs_up"] += 1
    slot.write_bytes(REQUEST.replace(b"/backups/nightly", b"/nowhere"))
    wait_for(lambda: not slot.exists(), 30)

    hold_bounds(rig, before)
    hold_backup(rig, "after-letters")


promise("test_thousands_of_hostile_talks_leave_a_daemon_that_backs_up", TALKS)


def test_thousands_of_hostile_talks_leave_a_daemon_that_backs_up(rig: Rig) -> None:
    hold_backup(rig, "before-talks")
    before = held(rig), resident_kib(rig)
    random = Random(SEED if times() == 1 else None)

    for _ in range(TALKS * times()):
        with connected(rig) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(line(rig, random))
                connection.shutdown(socket.SHUT_WR)
            for said in read_all(connection).splitlines():
                assert said.isascii()
                assert len(said) < LINE_LIMIT
        ran["test_thousands_of_hostile_talks_leave_a_daemon_that_backs_up"] += 1

    hold_bounds(rig, before)
    hold_backup(rig, "after-talks")


def test_many_who_send_a_line_without_an_end_cost_bounded_memory(rig: Rig) -> None:
    before = resident_kib(rig)
    with contextlib.ExitStack() as opened:
        for length in (ASK_LIMIT - 1, LINE_LIMIT - 1) * ENDLESS:
            endless = opened.enter_context(connected(rig))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                endless.sendall(b"x" * length)

        assert talk(rig, asked("probe"))[-1] == {"end": {"exit_code": 0}}
        assert resident_kib(rig) - before < 2 * MEMORY_KIB
