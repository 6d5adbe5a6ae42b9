"""The local transport: what it starts, and that nothing of it stays, however its courier behaves."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from shared.errors import TransportError
from tests.peers import couriers_here, until_none
from trigger.transport import local
from trigger.transport.local import LocalTransport
from trigger.transport.protocol import Misdirected

PATIENCE = 15.0


def python(folder: Path, program: str) -> LocalTransport:
    """Give a transport whose courier is a Python program."""
    return LocalTransport(str(folder), [sys.executable, "-I", "-c", program])


def test_the_courier_is_told_its_folder_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requests").mkdir()
    monkeypatch.chdir(tmp_path)

    with LocalTransport("requests", ["/bin/sh", "-c", 'echo "$NEO4J_BACKUP_REQUESTS" "$@"', "sh"]).run(["list"]) as it:
        assert it.read_line(PATIENCE) == f"{tmp_path}/requests list".encode()


def test_the_sidecar_s_own_courier_is_what_runs(tmp_path: Path) -> None:
    with LocalTransport(str(tmp_path)).run(["get", "nightly-1"]) as exchange:
        exchange.send(b"{}\n")
        line = exchange.read_line(PATIENCE)

    assert line is not None
    assert b"no sidecar is running" in line


def test_a_folder_that_is_not_there_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(Misdirected, match="there is no folder"):
        LocalTransport(str(tmp_path / "nope")).run(["list"])


def test_a_courier_that_can_not_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="the courier /nope can't be started") as caught:
        LocalTransport(str(tmp_path), ["/nope"]).run(["list"])

    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_ctrl_c_on_the_terminal_is_not_for_the_courier(tmp_path: Path) -> None:
    with python(tmp_path, "import os; print(os.getpgid(0), flush=True); input()").run([]) as exchange:
        assert exchange.read_line(PATIENCE) != str(os.getpgid(0)).encode()


def test_a_courier_that_stays_is_ended_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "END_SECONDS", 0.3)
    mark = f"stays-in-{tmp_path.name}"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', '{mark}'])"
    exchange = python(tmp_path, program).run([mark])
    deadline = time.monotonic() + PATIENCE
    while len(couriers_here(mark)) < 2:
        assert time.monotonic() < deadline

    exchange.close()

    assert until_none(lambda: couriers_here(mark)) == []


def test_a_signal_in_mid_close_leaves_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "END_SECONDS", PATIENCE)
    mark = f"held-in-{tmp_path.name}"
    # It is the courier that signals, once its standard input has ended: then the close is under way.
    program = "import os, signal, sys, time; print(1, flush=True); sys.stdin.read(); "
    program += "time.sleep(0.2); os.kill(os.getppid(), signal.SIGUSR1); time.sleep(60)"
    exchange = python(tmp_path, program).run([mark])
    exchange.read_line(PATIENCE)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            exchange.close()
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert couriers_here(mark) == []


def test_a_courier_that_talks_before_it_reads_blocks_nobody(tmp_path: Path) -> None:
    program = (
        "import sys; sys.stderr.write('e' * 300_000); print('x' * 300_000); "
        "print(len(sys.stdin.readline()), flush=True)"
    )

    with python(tmp_path, program).run([]) as exchange:
        exchange.send(b"y" * 300_000 + b"\n")

        assert exchange.read_line(PATIENCE) == b"x" * 300_000
        assert exchange.read_line(PATIENCE) == b"300001"


def test_a_courier_that_reads_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(local, "END_SECONDS", 0.2)

    with (
        python(tmp_path, "import time; time.sleep(60)").run([]) as exchange,
        pytest.raises(TransportError, match="has read nothing"),
    ):
        exchange.send(b"y" * 1_000_000)


def test_an_exit_status_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "END_SECONDS", 0.2)

    with python(tmp_path, "import os, time; os.close(1); time.sleep(60)").run([]) as exchange:
        assert exchange.read_line(PATIENCE) is None
        assert exchange.exit_status is None
