"""The command as a process: on a terminal, under signals, killed; with a real courier to a scripted daemon."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.daemon import END, Answer, Line, ScriptedDaemon, scripted_daemon, status, succeeded, until
from tests.peers import couriers_here, until_none
from trigger.watching import CANCEL_PATIENCE

PROGRAM = (sys.executable, "-m", "trigger")
HOLD = 60.0


class Sidecar:
    """A request volume whose daemon accepts, says that the backup runs, and holds on until it is stopped."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.answers: dict[str, Answer] = {}
        self.daemon: ScriptedDaemon

    def script(self, asked: Line) -> Answer:
        return self.answers[asked["verb"]]

    def command(self, *options: str) -> list[str]:
        return [*PROGRAM, "trigger", "--local", self.folder, "--path", "/backups", "--id", "nightly-1", *options]

    def start(self, *options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


@pytest.fixture
def sidecar(tmp_path: Path) -> Iterator[Sidecar]:
    made = Sidecar(tmp_path)
    made.answers = {
        "submit": [status("nightly-1", "queued") | {"attached": False}, END],
        "follow": [status(), HOLD],
        "cancel": [status(cancel_requested=True), END],
    }
    with scripted_daemon(tmp_path, made.script) as made.daemon:
        yield made


def wait_until_running(trigger: "subprocess.Popen[str]") -> None:
    """Read what the trigger says until it says that the backup runs."""
    assert trigger.stderr is not None
    for line in trigger.stderr:
        if line == "nightly-1: running\n":
            return
    raise AssertionError("it ended before")


class Screen:
    """A program on a pseudo-terminal."""

    def __init__(self, command: list[str], columns: int = 60) -> None:
        self.text = ""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            try:
                os.environ["TERM"] = "xterm"
                os.environ.pop("COLUMNS", None)
                os.execv(command[0], command)
            finally:
                os._exit(99)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def read_until(self, pattern: str, seconds: float = 15.0) -> str:
        deadline = time.monotonic() + seconds
        while re.search(pattern, self.text) is None:
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.text!r}"
            self._read(0.1)
        return self.text

    def type(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def end(self, seconds: float = 15.0) -> int:
        """Read to the program's end and give its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(0.1):
            assert time.monotonic() < deadline, f"it does not end: {self.text!r}"
        _, waited = os.waitpid(self._pid, 0)
        self._pid = 0
        return os.waitstatus_to_exitcode(waited)

    def close(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._terminal)

    def _read(self, timeout: float) -> bool:
        if select.select([self._terminal], [], [], timeout)[0]:
            try:
                data = os.read(self._terminal, 65536)
            except OSError:
                return False
            self.text += data.decode()
            return bool(data)
        return True


def shown(text: str) -> list[str]:
    """Give the lines that stay on a terminal after ``text``."""
    lines = [""]
    for part in re.split(r"(\r\n|\r\x1b\[K)", text):
        if part == "\r\n":
            lines.append("")
        elif part == "\r\x1b[K":
            lines[-1] = ""
        else:
            lines[-1] += part
    return lines


def test_on_a_terminal_a_live_line_moves_fits_and_is_gone_at_the_end(sidecar: Sidecar) -> None:
    progress = {"database": "neo4j", "stage": "copying the store", "bytes": 1288490189, "elapsed_seconds": 63}
    sidecar.answers["follow"] = [status(progress=progress), 4.5, succeeded(), END]

    with closing(Screen(sidecar.command(), columns=60)) as screen:
        exit_code = screen.end()

    assert exit_code == 0
    live = [part for part in screen.text.split("\r\x1b[K") if part.startswith("nightly-1: ")]
    assert "nightly-1: neo4j: copying the store · 1m03s · 1.2 GiB" in live
    assert any(f"nightly-1: neo4j: copying the store · 1m0{second}s · 1.2 GiB" in live for second in (5, 6, 7))
    assert all(len(part) < 60 for part in live)
    assert shown(screen.text) == [
        "Backup nightly-1 succeeded in 3m05s",
        "  asked for  FULL of neo4j",
        "  target     /backups/nightly",
        "  accepted   2026-11-23 02:15:00Z",
        "  neo4j  succeeded  FULL  1.2 GiB  neo4j-2026-11-23T02-15-01.backup  up to tx 48213",
        "",
    ]


def test_ctrl_c_says_that_the_backup_goes_on_and_how_to_follow_it(sidecar: Sidecar) -> None:
    with closing(Screen(sidecar.command())) as screen:
        screen.read_until("running")
        screen.type(b"\x03")
        exit_code = screen.end()

    assert exit_code == 130
    assert shown(screen.text) == [
        "Interrupted. The backup nightly-1 goes on.",
        f"  Follow it:  neo4j-backup status --follow nightly-1 --local {sidecar.folder}",
        f"  Cancel it:  neo4j-backup cancel nightly-1 --local {sidecar.folder}",
        "",
    ]
    assert "cancel" not in sidecar.daemon.verbs()


def test_sigterm_says_the_same_and_ends_with_143(sidecar: Sidecar) -> None:
    with sidecar.start("--output", "json") as trigger:
        wait_until_running(trigger)
        trigger.terminate()
        out, err = trigger.communicate(timeout=15)

    assert trigger.returncode == 143
    assert "Asked to end (SIGTERM). The backup nightly-1 goes on." in err
    told = json.loads(out)
    assert (told["id"], told["state"]) == ("nightly-1", "running")
    assert (told["error"]["code"], told["error"]["exit_code"]) == ("interrupted", 143)


def test_a_signal_before_the_answer_says_that_it_may_have_been_accepted(sidecar: Sidecar) -> None:
    sidecar.answers["submit"] = [HOLD]

    with sidecar.start() as trigger:
        until(lambda: "submit" in sidecar.daemon.verbs())
        trigger.send_signal(signal.SIGINT)
        out, err = trigger.communicate(timeout=15)

    assert trigger.returncode == 130
    assert out == ""
    assert err.splitlines()[0] == "Interrupted. The request nightly-1 may have been accepted."
    assert "neo4j-backup status --follow nightly-1" in err


def test_a_cancel_on_interrupt_cancels_and_tells_how_that_went(sidecar: Sidecar) -> None:
    cancelled = status(state="cancelled", code="backup_cancelled", cancel_requested=True)

    with sidecar.start("--cancel-on-interrupt") as trigger:
        wait_until_running(trigger)
        sidecar.answers["follow"] = [status(cancel_requested=True), 0.2, cancelled, END]
        trigger.terminate()
        _, err = trigger.communicate(timeout=15)

    assert trigger.returncode == 143
    assert sidecar.daemon.verbs() == ["submit", "follow", "cancel", "follow"]
    assert "Asked to end (SIGTERM). The request nightly-1 is being cancelled." in err
    assert err.splitlines()[-1] == "The request nightly-1 ended as cancelled."


def test_the_end_of_a_cancelled_request_drives_no_terminal(sidecar: Sidecar) -> None:
    with sidecar.start("--cancel-on-interrupt") as trigger:
        wait_until_running(trigger)
        sidecar.answers["follow"] = [status(state="\x1b[2Jgone", exit_code=3), END]
        trigger.terminate()
        _, err = trigger.communicate(timeout=15)

    assert err.splitlines()[-1] == r"The request nightly-1 ended as \x1b[2Jgone."


def test_a_cancel_that_fails_is_told(sidecar: Sidecar) -> None:
    sidecar.answers["cancel"] = [{"error": {"code": "internal_error", "message": "a \x1b[2Jdefect", "hint": ""}}]

    with sidecar.start("--cancel-on-interrupt") as trigger:
        wait_until_running(trigger)
        trigger.terminate()
        _, err = trigger.communicate(timeout=15)

    assert trigger.returncode == 143
    assert r"It could not be cancelled: a \x1b[2Jdefect" in err
    assert "neo4j-backup cancel nightly-1" in err


def test_a_second_ctrl_c_ends_at_once(sidecar: Sidecar) -> None:
    sidecar.answers["cancel"] = [HOLD]

    with closing(Screen(sidecar.command("--cancel-on-interrupt"))) as screen:
        screen.read_until("running")
        screen.type(b"\x03")
        screen.read_until("being cancelled")
        began = time.monotonic()
        screen.type(b"\x03")
        exit_code = screen.end()
        took = time.monotonic() - began

    assert exit_code == 130
    assert took < (CANCEL_PATIENCE.timeout or 0) / 2, "it doesn't wait for the cancel, which isn't answered"


def test_a_signal_that_is_ignored_from_the_start_stays_ignored(sidecar: Sidecar) -> None:
    sidecar.answers["follow"] = [status(), 1.5, succeeded(), END]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        trigger = sidecar.start()
    finally:
        signal.signal(signal.SIGINT, before)

    with trigger:
        until(lambda: "follow" in sidecar.daemon.verbs())
        trigger.send_signal(signal.SIGINT)
        trigger.communicate(timeout=15)

    assert trigger.returncode == 0


def test_a_trigger_that_is_killed_leaves_no_courier_behind(sidecar: Sidecar) -> None:
    program = "sidecar\0follow\0nightly-1"

    with sidecar.start() as trigger:
        until(lambda: bool(couriers_here(program)))
        trigger.kill()
        trigger.communicate(timeout=15)

    assert until_none(lambda: couriers_here(program)) == []


def test_a_daemon_that_is_gone_for_a_moment_is_found_again(sidecar: Sidecar, tmp_path: Path) -> None:
    sidecar.answers["follow"] = [status()]

    with sidecar.start() as trigger:
        until(lambda: sidecar.daemon.verbs().count("follow") > 1)
        sidecar.daemon.stop()
        (tmp_path / "sidecar.sock").unlink()
        time.sleep(0.5)
        sidecar.answers["follow"] = [succeeded(), END]
        with scripted_daemon(tmp_path, sidecar.script):
            out, _ = trigger.communicate(timeout=30)

    assert trigger.returncode == 0
    assert out.startswith("Backup nightly-1 succeeded")


@pytest.mark.parametrize("options", [(), ("--output", "json")])
def test_a_reader_that_has_gone_changes_no_verdict(sidecar: Sidecar, options: tuple[str, ...]) -> None:
    sidecar.answers["follow"] = [status(state="failed", exit_code=14), END]

    with sidecar.start(*options) as trigger:
        assert trigger.stdout is not None
        trigger.stdout.close()
        trigger.wait(timeout=15)
        assert trigger.stderr is not None
        err = trigger.stderr.read()

    assert trigger.returncode == 14
    assert "Traceback" not in err
    assert "BrokenPipe" not in err


def test_an_encoding_without_the_signs_gets_words(sidecar: Sidecar) -> None:
    sidecar.answers |= {"probe": [{"probe": {}}, END]}
    check = {"name": "target", "state": "ok", "message": "/backups/grün", "hint": ""}
    sidecar.answers["facts"] = [{"check": check}, END]

    done = subprocess.run(
        [*PROGRAM, "check", "--local", sidecar.folder],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
        timeout=30,
    )

    assert done.stdout.splitlines()[-1] == b"ok     target: /backups/gr\\xfcn"
