"""The daemon is killed before each of its calls that write, one run for each; after its restart the truth is told."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.matrix import Group, fault
from tests.faults.recording import Recorder
from tests.integration import crashing
from tests.rig import Rig, a_rig, wait_for

AT_ONCE = 4
NAME = "crash"


@dataclass(frozen=True)
class Scene:
    """One request that a daemon meets while it is killed before its ``at``-th call."""

    ask: Callable[[Rig], bool]
    """Asks, and says whether it was told that the request is accepted."""
    window: Callable[[list[str]], range]
    """Which calls to die before, of those that were counted: each scene has its own part of the way."""
    again: Callable[[Rig], None] = lambda rig: None
    """Asks again after the restart, since the answer may have been lost."""


def post(rig: Rig) -> bool:
    rig.post(NAME)
    return False


def post_several(rig: Rig) -> bool:
    rig.post(NAME, database=["neo4j", "movies"])
    return False


WORD = "a" * 16


def submit(rig: Rig) -> bool:
    return "status" in rig.submit(NAME, word=WORD)


def submit_again(rig: Rig) -> None:
    answer = rig.submit(NAME, word=WORD)
    assert "status" in answer, answer


def everything(calls: list[str]) -> range:
    return range(1, len(calls) + 1)


def until_the_first_run(calls: list[str]) -> range:
    return range(1, _spawns(calls)[0] + 1)


def from_the_first_proof_on(calls: list[str]) -> range:
    return range(_spawns(calls)[0] + 14, len(calls) + 1)


def _spawns(calls: list[str]) -> list[int]:
    return [number for number, call in enumerate(calls, 1) if " spawn " in call]


SCENES = {
    "from the mailbox": Scene(post, everything),
    "by a courier": Scene(submit, until_the_first_run, submit_again),
    "for two databases": Scene(post_several, from_the_first_proof_on),
}


def crashing_daemon(at: int, trace: Path | None = None, *, how: str = "kill") -> tuple[str, ...]:
    return (sys.executable, crashing.__file__, how, str(at), *([str(trace)] if trace else []))


def count_calls(folder: Path, scene: Scene) -> list[str]:
    """Give the calls that write from the daemon's start until it has ended by itself."""
    trace = folder / "trace"
    with a_rig(folder / "count", "neo4j", "movies") as rig:
        daemon = rig.start(crashing_daemon(0, trace))
        scene.ask(rig)
        rig.wait_for_end(NAME)
        rig.stop(daemon)
    return trace.read_text().splitlines()


def crash_and_recover(folder: Path, scene: Scene, at: int) -> str:
    """Kill the daemon before call ``at``, start another, and check every promise; give the state it ended in."""
    with a_rig(folder / f"at-{at}", "neo4j", "movies") as rig:
        daemon = rig.start(crashing_daemon(at), ready=False)
        told_accepted = _ask_or_crash(rig, daemon, scene)
        _end_or_crash(rig, daemon)
        seen = rig.document(NAME)
        assert not told_accepted or seen is not None, "told accepted, and nothing is on the disk"

        second = rig.start()
        scene.again(rig)
        document = rig.wait_for_end(NAME)
        rig.stop(second)

        _check(rig, document, seen)
        return str(document["state"])


def _ask_or_crash(rig: Rig, daemon: "subprocess.Popen[bytes]", scene: Scene) -> bool:
    try:
        rig.wait_until_ready(daemon)
    except AssertionError:
        if daemon.poll() is None:
            raise
    return scene.ask(rig)


def _end_or_crash(rig: Rig, daemon: "subprocess.Popen[bytes]") -> None:
    try:
        while daemon.poll() is None and (rig.document(NAME) or {}).get("state") not in ("succeeded", "failed"):
            daemon.wait(0.05)
    except subprocess.TimeoutExpired:
        _end_or_crash(rig, daemon)
        return
    if daemon.poll() is None:
        rig.stop(daemon)


def _check(rig: Rig, document: dict[str, Any], seen: dict[str, Any] | None) -> None:
    own = [found for found in rig.documents() if found["id"] == NAME]
    assert len(own) == len(rig.documents()) == 1, "more than one document for one request"
    if seen is not None and seen["exit_code"] is not None:
        assert document == seen, "a final document changed"
    assert json.loads((rig.requests / "backup.status").read_bytes()) == document
    good = [result["artifact"] for result in document["results"] if result["state"] == "succeeded"]
    if document["state"] == "succeeded":
        assert len(good) == len(document["request"]["database"])
    else:
        assert (document["state"], document["code"]) == ("failed", "backup_interrupted"), document["message"]
        assert document["retryable"]
        assert document["exit_code"] == 11
    ran = [start["argv"][-1] for start in rig.invocations()]
    assert len(ran) == len(set(ran)), f"ran twice: {ran}"
    assert len(ran) >= len(good)
    assert rig.artifacts() == sorted(good), "what isn't proven lies where a differential would look"
    assert rig.processes() == []
    assert rig.leftovers() == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SCENES)
def test_a_daemon_that_is_killed_at_any_step_ends_each_request_once_and_leaves_nothing(
    tmp_path: Path, name: str
) -> None:
    scene = SCENES[name]
    calls = count_calls(tmp_path, scene)
    assert len(calls) > 60, "the daemon's calls are no longer seen"

    def attempt(at: int) -> str:
        try:
            return crash_and_recover(tmp_path, scene, at)
        except Exception as error:
            raise AssertionError(f"killed before call {calls[at - 1]!r}: {error}") from error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        states = list(pool.map(attempt, scene.window(calls)))

    assert "succeeded" in states, "no crash was survived"
    assert name == "by a courier" or "failed" in states, "no crash hit the run"


def fail_and_go_on(folder: Path, at: int) -> str:
    """Have call ``at`` fail once for want of space, and check what may be promised then; give the state at the end."""
    with a_rig(folder / f"fail-{at}", "neo4j") as rig:
        daemon = rig.start(crashing_daemon(at, how="fail"), ready=False)
        rig.wait_until_ready(daemon)
        rig.post(NAME)
        document = rig.wait_for_end(NAME)
        rig.stop(daemon)

        assert len(rig.documents()) == 1, "more than one document for one request"
        assert document["code"] != "internal_error", document["message"]
        good = [result["artifact"] for result in document["results"] if result["state"] == "succeeded"]
        assert (document["state"] == "succeeded") == bool(good)
        assert rig.artifacts() == good, "what isn't proven lies where a differential would look"
        assert len(rig.invocations()) <= 1, "ran twice"
        assert rig.processes() == []
        return str(document["state"])


@pytest.mark.timeout(600)
def test_a_disk_that_is_full_for_a_moment_at_any_step_ends_each_request_once(tmp_path: Path) -> None:
    calls = count_calls(tmp_path, SCENES["from the mailbox"])
    first = next(number for number, call in enumerate(calls, 1) if " rename backup.request" in call)

    def attempt(at: int) -> str:
        try:
            return fail_and_go_on(tmp_path, at)
        except Exception as error:
            raise AssertionError(f"failing at call {calls[at - 1]!r}: {error}") from error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        states = list(pool.map(attempt, range(first, len(calls))))

    assert set(states) == {"succeeded", "failed"}


STANDS_BY = "another sidecar holds the lock: standing by"


@fault(Group.LOAD, "a second sidecar starts on the volume of one that works")
def test_a_second_daemon_on_one_volume_says_so_and_stands_by(tmp_path: Path, row: Recorder) -> None:
    with a_rig(tmp_path / "rig") as rig:
        first = rig.start()
        row.strike()
        second = rig.start(ready=False)
        rig.wait_for_output(STANDS_BY)
        row.logged(rig, STANDS_BY)
        rig.post("one")

        assert rig.wait_for_end("one")["state"] == "succeeded"
        assert len(rig.invocations()) == 1
        rig.stop(second)
        rig.stop(first)


@fault(Group.LOAD, "a second sidecar stands by, and the first one dies in mid-run")
def test_a_daemon_that_stands_by_takes_over_when_the_first_has_died(tmp_path: Path, row: Recorder) -> None:
    with a_rig(tmp_path / "rig") as rig:
        first = rig.start()
        second = rig.start(ready=False)
        rig.wait_for_output(STANDS_BY)
        rig.set_knobs(faults=[{"fault": "hang"}])
        rig.post("one")
        wait_for(lambda: len(rig.processes()) >= 2, 10)

        row.strike()
        rig.stop(first, signal.SIGKILL)
        document = rig.wait_for_end("one")
        row.ended(rig, document)
        rig.set_knobs()
        rig.wait_until_ready(second)
        rig.post("two")

        assert document["code"] == "backup_interrupted"
        assert rig.wait_for_end("two")["state"] == "succeeded"
        rig.stop(second)
        assert rig.processes() == []


@fault(Group.LOAD, "a second sidecar stands by, and the first one stands still for 5 s in mid-run")
def test_a_daemon_that_stands_by_leaves_alone_what_lives_however_slow_it_is(tmp_path: Path, row: Recorder) -> None:
    with a_rig(tmp_path / "rig") as rig:
        first = rig.start()
        second = rig.start(ready=False)
        rig.wait_for_output(STANDS_BY)
        rig.set_knobs(stage_delay=0.3)
        rig.post("one")
        wait_for(lambda: len(rig.processes()) >= 2, 10)

        row.strike()
        first.send_signal(signal.SIGSTOP)
        time.sleep(5)
        seen = rig.document("one") or {}
        first.send_signal(signal.SIGCONT)
        document = rig.wait_for_end("one")
        row.ended(rig, document)

        assert seen["state"] == "running", "who stands by has touched what isn't its own"
        assert document["state"] == "succeeded"
        assert "an earlier sidecar died" not in rig.log.read_text()
        rig.stop(second)
        rig.stop(first)


@fault(Group.KILLED, "the sidecar is killed in mid-run, and neo4j-admin ignores SIGTERM")
def test_a_run_that_outlives_its_killed_daemon_is_ended_before_its_end_is_told(tmp_path: Path, row: Recorder) -> None:
    with a_rig(tmp_path / "rig") as rig:
        rig.set_knobs(faults=[{"fault": "hang", "stage": "receive"}, "ignore_sigterm"])
        first = rig.start()
        rig.post("one")
        rig.wait_for_output("Start receiving store files")
        row.strike()
        rig.stop(first, signal.SIGKILL)
        assert rig.processes(), "the run did not outlive its daemon, and this shows nothing"

        second = rig.start()

        assert rig.processes() == []
        document = rig.wait_for_end("one")
        row.ended(rig, document)
        assert document["code"] == "backup_interrupted"
        assert (rig.artifacts(), rig.leftovers()) == ([], [])
        rig.stop(second)
