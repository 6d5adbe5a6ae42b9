"""Streams that are closed or can't be written: the exit code is the verdict's all the same."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.daemon import END, Answer, Line, scripted_daemon, status, succeeded

ANSWERS: dict[str, Answer] = {
    "submit": [status("nightly-1", "queued") | {"attached": False}, END],
    "follow": [succeeded(), END],
    "probe": [{"probe": {}}, END],
    "facts": [{"check": {"name": "licence", "state": "failed", "message": "not accepted", "hint": ""}}, END],
}
ASK = ("trigger", "--path", "/backups", "--id", "nightly-1")
UNWRITTEN = "The answer could not be written to standard output: No space left on device\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Give a request volume whose daemon makes a backup at once."""

    def script(asked: Line) -> Answer:
        return ANSWERS[asked["verb"]]

    with scripted_daemon(tmp_path, script):
        yield tmp_path


def run(folder: Path, streams: str, verb: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the command with its streams as a shell writes them."""
    command = [sys.executable, "-m", "trigger", verb, "--local", str(folder), *options]
    return subprocess.run(
        ["sh", "-c", f'"$@" {streams}', "sh", *command], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_success_is_one_on_a_full_disk_too_and_that_is_told(folder: Path, output: str) -> None:
    done = run(folder, "> /dev/full", *ASK, "--output", output)

    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith(UNWRITTEN)
    assert "Traceback" not in done.stderr


def test_what_can_not_be_written_is_told_once(folder: Path) -> None:
    done = run(folder, "> /dev/full", "check")

    assert (done.returncode, done.stderr) == (5, UNWRITTEN)


@pytest.mark.parametrize("streams", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2> /dev/full", "> /dev/full 2>&1"])
@pytest.mark.parametrize("output", ["text", "json"])
def test_closed_streams_change_no_verdict(folder: Path, streams: str, output: str) -> None:
    done = run(folder, streams, *ASK, "--output", output)

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("streams", [">&-", "2>&-", "2> /dev/full", "> /dev/full"])
def test_an_error_s_exit_code_is_its_own_too(folder: Path, streams: str) -> None:
    nowhere = run(folder / "nope", streams, *ASK, "--output", "json")
    wrong = run(folder, streams, "trigger")

    assert (nowhere.returncode, wrong.returncode) == (12, 2)


def test_a_reader_that_goes_is_told_of_nothing(folder: Path) -> None:
    done = run(folder, "| true", *ASK, "--output", "json")

    assert "written" not in done.stderr
    assert "Broken" not in done.stderr
