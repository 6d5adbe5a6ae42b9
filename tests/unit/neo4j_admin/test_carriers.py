"""The processes of a run are found by its word, and ended wherever they are."""

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sidecar.neo4j_admin.carriers import Family, end_carriers
from sidecar.neo4j_admin.proc import Process, read_environment, read_process
from tests.unit.neo4j_admin.programs import HANGS, PYTHON, carrying, in_a_loop, is_alive, until

Start = Callable[..., int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program with an environment, and return its pid when it runs."""
    started: list[subprocess.Popen[bytes]] = []

    def start(environment: dict[str, str], program: str = HANGS) -> int:
        process = subprocess.Popen([*PYTHON, program], env=environment, start_new_session=True)
        started.append(process)
        return process.pid

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def word() -> str:
    return secrets.token_hex(8)


def test_carriers_are_found_by_the_whole_word(start: Start, word: str) -> None:
    carriers = {start({"A": "1", "NEO4J_BACKUP_RUN": word, "Z": "1"}), start({"NEO4J_BACKUP_RUN": word})}
    start({"NEO4J_BACKUP_RUN": word + "x"})
    start({"NEO4J_BACKUP_RUN": "x" + word})
    start({"OTHER_NEO4J_BACKUP_RUN": word, "OTHER": f"NEO4J_BACKUP_RUN={word}"})

    found = carrying(word)

    assert set(found) == carriers


def test_a_process_does_not_find_itself(word: str) -> None:
    program = f"from sidecar.neo4j_admin.carriers import Family\nprint(Family({word!r}).living())"

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NEO4J_BACKUP_RUN": word},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "()\n"


@pytest.mark.parametrize("word", ["", "a\0b"])
def test_a_word_that_could_mean_others_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="word can't be"):
        carrying(word)


def test_carriers_are_ended_and_others_are_not(start: Start, word: str) -> None:
    carriers = [start({"NEO4J_BACKUP_RUN": word}) for _ in range(3)]
    other = start({"NEO4J_BACKUP_RUN": word + "x"})

    left = asyncio.run(end_carriers(word, 5))

    assert left == ()
    assert not any(is_alive(pid) for pid in carriers)
    assert is_alive(other)


def test_nothing_to_end_takes_no_time(word: str) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        before = loop.time()

        left = await end_carriers(word, 60)

        assert left == ()
        assert loop.time() - before < 2

    in_a_loop(run)


def test_carriers_may_finish_within_the_grace(start: Start, word: str, tmp_path: Path) -> None:
    program = f"""
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), open({str(tmp_path / "done")!r}, "w"), os._exit(0)))
open({str(tmp_path / "up")!r}, "w")
time.sleep(60)
"""
    start({"NEO4J_BACKUP_RUN": word}, program)
    until((tmp_path / "up").exists)

    asyncio.run(end_carriers(word, 10))

    assert (tmp_path / "done").exists()


def test_a_carrier_that_ignores_sigterm_and_forks_on_and_on_is_ended(start: Start, word: str, tmp_path: Path) -> None:
    program = f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open({str(tmp_path / "up")!r}, "w")
end = time.monotonic() + 8
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    os.setsid()
    time.sleep(0.03)
"""
    start({"NEO4J_BACKUP_RUN": word}, program)
    until((tmp_path / "up").exists)

    left = asyncio.run(end_carriers(word, 0.1))

    assert left == ()
    assert carrying(word) == ()


def test_a_carrier_that_one_look_misses_is_ended(start: Start, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it executes another program, the kernel shows a process without an environment."""
    carrier = start({"NEO4J_BACKUP_RUN": word})
    looks: list[int] = []

    def none_at_first(pid: int) -> bytes:
        if pid == carrier:
            looks.append(pid)
        return b"" if len(looks) == 1 else read_environment(pid)

    monkeypatch.setattr("sidecar.neo4j_admin.carriers.read_environment", none_at_first)

    asyncio.run(end_carriers(word, 5))

    assert not is_alive(carrier)


def test_a_carrier_that_cannot_be_ended_is_reported(start: Start, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = start({"NEO4J_BACKUP_RUN": word})
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda *_: None)

    left = asyncio.run(Family(word).end(lambda: 0, patience=0.1))

    assert left == (carrier,)


def test_carriers_are_ended_where_pidfd_is_refused(start: Start, word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise PermissionError("seccomp says no")

    carrier = start({"NEO4J_BACKUP_RUN": word})
    monkeypatch.setattr(os, "pidfd_open", refuse)

    left = asyncio.run(end_carriers(word, 5))

    assert left == ()
    assert not is_alive(carrier)


def test_a_pid_that_is_another_process_by_now_gets_no_signal(start: Start, word: str) -> None:
    stranger = start({})
    as_seen_before = Process(stranger, parent=1, group=stranger, session=stranger, started=1, ended=False)

    Family(word).kill([as_seen_before])
    time.sleep(0.1)

    assert is_alive(stranger)


def test_a_group_that_is_not_the_launchers_is_not_signalled_as_a_whole(start: Start, word: str) -> None:
    beside = start(
        {}, f"import os, subprocess; subprocess.run({[*PYTHON, HANGS]!r}, env={{'NEO4J_BACKUP_RUN': {word!r}}})"
    )
    until(lambda: bool(carrying(word)))

    asyncio.run(Family(word).end(lambda: 0))
    status = os.waitid(os.P_PID, beside, os.WEXITED | os.WNOWAIT)

    assert carrying(word) == ()
    assert status is not None
    assert status.si_code == os.CLD_EXITED  # it saw its child's end and went on


def test_a_process_whose_main_thread_alone_has_ended_is_not_taken_for_a_zombie(start: Start) -> None:
    program = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); "
    program += "ctypes.CDLL(None).syscall(60, 0)"  # exit(2), of this thread
    pid = start({}, program)

    until(lambda: not is_alive(pid))  # as its state says

    process = read_process(pid)
    assert process is not None
    assert not process.ended


def test_a_process_is_told_from_its_zombie(start: Start) -> None:
    pid = start({})
    alive = read_process(pid)

    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    zombie = read_process(pid)

    assert alive is not None
    assert (alive.parent, alive.group, alive.session, alive.ended) == (os.getpid(), pid, pid, False)
    assert zombie is not None
    assert (zombie.started, zombie.ended) == (alive.started, True)


def test_a_process_with_a_hostile_name_is_read_right(start: Start, tmp_path: Path) -> None:
    program = f"open('/proc/self/comm', 'w').write(') Z 1 1 (\\n'); open({str(tmp_path / 'up')!r}, 'w'); " + HANGS
    pid = start({}, program)
    until((tmp_path / "up").exists)

    process = read_process(pid)

    assert process is not None
    assert (process.group, process.ended) == (pid, False)


def test_a_process_that_is_not_there_is_none() -> None:
    assert read_process(2**22 + 1) is None
