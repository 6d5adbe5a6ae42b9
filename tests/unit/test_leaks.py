"""The guard that holds every test to leaving nothing behind can say no."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.leaks import Snapshot

ROOT = Path(__file__).parents[2]


def test_nothing_left_is_no_leak() -> None:
    before = Snapshot.take()

    with tempfile.TemporaryFile():
        pass
    subprocess.run(["/bin/true"], check=True)
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()

    assert before.leaks() == []


def test_what_needs_a_moment_to_go_is_no_leak() -> None:
    before = Snapshot.take()

    timer = threading.Timer(0.1, lambda: None)
    timer.start()

    assert before.leaks() == []


def test_a_thread_is_a_leak() -> None:
    before = Snapshot.take()
    over = threading.Event()
    thread = threading.Thread(target=over.wait, name="left behind")
    thread.start()

    leaks = before.leaks(patience=0)

    over.set()
    thread.join()
    assert len(leaks) == 1
    assert "left behind" in leaks[0]


@pytest.mark.parametrize("state", ["running", "zombie"])
def test_a_child_process_is_a_leak(state: str) -> None:
    before = Snapshot.take()
    child = subprocess.Popen(["/bin/sleep", "60"])
    if state == "zombie":
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    leaks = before.leaks(patience=0)

    child.kill()
    child.wait()
    assert len(leaks) == 1
    assert leaks[0].startswith(f"a child process: {child.pid} ")


def test_a_child_of_another_thread_is_a_leak() -> None:
    before = Snapshot.take()
    started: list[subprocess.Popen[bytes]] = []
    up, over = threading.Event(), threading.Event()

    def run() -> None:
        started.append(subprocess.Popen(["/bin/sleep", "60"]))
        up.set()
        over.wait()

    thread = threading.Thread(target=run)
    thread.start()
    up.wait()

    leaks = before.leaks(patience=0)

    over.set()
    thread.join()
    started[0].kill()
    started[0].wait()
    assert any(leak.startswith(f"a child process: {started[0].pid} ") for leak in leaks)


def test_an_open_file_is_a_leak(tmp_path: Path) -> None:
    before = Snapshot.take()

    with (tmp_path / "open").open("w"):
        leaks = before.leaks(patience=0)

    assert len(leaks) == 1
    assert leaks[0].endswith(str(tmp_path / "open"))


@pytest.mark.parametrize("where", ["current", "temporary"])
def test_a_file_is_a_leak(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path if where == "current" else Path(tempfile.gettempdir())
    before = Snapshot.take()
    (folder / "left").write_text("")

    leaks = before.leaks(patience=0)

    (folder / "left").unlink()
    assert leaks == [f"a file: {folder / 'left'}"]


def test_a_test_that_leaves_something_behind_fails(tmp_path: Path) -> None:
    leaky = tmp_path / "test_leaky.py"
    leaky.write_text("import os\ndef test_leaks() -> None:\n    os.open('/dev/null', os.O_RDONLY)\n")
    options = ["-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "--basetemp", str(tmp_path / "base")]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(leaky)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "1 passed, 1 error" in done.stdout
    assert "/dev/null" in done.stdout
