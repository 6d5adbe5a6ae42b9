"""What the soak breaks while the load goes on, one fault each few seconds, and never the same one twice in a row."""

import json
import os
import random
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from tests.integration.disks import fill
from tests.integration.waits import start_courier
from tests.rig import Rig, wait_for
from tests.soak.asking import Asking
from tests.soak.books import Books, Struck

RESTART_SECONDS = 120.0
KILL = "the daemon is killed (SIGKILL)"
TERM = "the daemon is asked to end (SIGTERM)"
TAKEOVER = "a second daemon stands by and takes over from one that is killed"
STOP = "the daemon stands still for 1 to 4 s"
LAUNCHER = "neo4j-admin's launcher is killed"
WORKER = "neo4j-admin's second process is killed"
COURIER = "a courier is killed in mid-answer"
RESERVE = "the disk runs into its reserve for 1.5 s"
MOVED = "the request folder is moved away for 1 to 3 s"
RESTARTING = (KILL, TERM, TAKEOVER)
SURVIVED = (STOP, LAUNCHER, WORKER, COURIER, RESERVE, MOVED)
_IN_MID_RUN = 0.7
"""The share of restarts that wait for a run to cut off."""
_LEFT_FREE = 256 * 1024
"""Bytes: less than the rig's reserve of 1 MiB."""
_MISS_SECONDS = 3.0
_AFTERMATH_SECONDS = 1.0
_AWAY_SECONDS = 35.0
"""How long a daemon may take to find a folder that was moved: what it then ends was hit by that."""


class Faults:
    """Strikes a rig; ``books`` get each fault that really struck. ``kinds`` are those of this round."""

    def __init__(self, rig: Rig, books: Books, kinds: tuple[str, ...]) -> None:
        self._rig = rig
        self._books = books
        self._asking = Asking(rig, books)
        self._kinds = kinds
        self._chance = random.Random()
        self._bag: list[str] = []

    def strike(self, every: float, until: float) -> None:
        """Break something each ``every`` seconds until that monotonic time; all stands again when this returns."""
        due = time.monotonic() + every
        while due < until:
            time.sleep(max(0.0, due - time.monotonic()))
            self._strike_once()
            due = max(due + every, time.monotonic())

    def _strike_once(self) -> None:
        if not self._bag:
            self._bag = self._chance.sample(self._kinds, len(self._kinds))
        kind = self._bag.pop()
        if kind in RESTARTING and self._chance.random() < _IN_MID_RUN:
            self._await_run()
        began = time.time()
        acts: dict[str, Callable[[], bool]] = {
            KILL: self._kill,
            TERM: self._term,
            TAKEOVER: self._take_over,
            STOP: self._stop,
            LAUNCHER: lambda: self._kill_run("bin/neo4j-admin"),
            WORKER: lambda: self._kill_run("lib/standin-worker"),
            COURIER: self._cut_courier,
            RESERVE: self._reserve,
            MOVED: self._move,
        }
        if acts[kind]():
            aftermath = _AWAY_SECONDS if kind == MOVED else _AFTERMATH_SECONDS
            with self._books.lock:
                self._books.struck.append(Struck(kind, began, time.time() + aftermath))

    def _await_run(self) -> None:
        """Wait for a run, and for some moment of it."""
        until = time.monotonic() + _MISS_SECONDS
        while not self._rig.processes() and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(self._chance.uniform(0, 0.4))

    def _kill(self) -> bool:
        self._rig.stop(self._rig.daemons[-1], signal.SIGKILL)
        self._start()
        return True

    def _term(self) -> bool:
        ending = self._rig.daemons[-1]
        ending.terminate()
        ending.wait(RESTART_SECONDS)
        self._start()
        return True

    def _take_over(self) -> bool:
        before = self._rig.daemons[-1]
        second = self._rig.start(ready=False)
        time.sleep(1)
        assert before.poll() is None, "the first has ended"
        self._rig.stop(before, signal.SIGKILL)
        self._rig.wait_until_ready(second, RESTART_SECONDS)
        return True

    def _start(self) -> None:
        self._rig.wait_until_ready(self._rig.start(ready=False), RESTART_SECONDS)

    def _stop(self) -> bool:
        daemon = self._rig.daemons[-1]
        daemon.send_signal(signal.SIGSTOP)
        time.sleep(self._chance.uniform(1, 4))
        daemon.send_signal(signal.SIGCONT)
        return True

    def _kill_run(self, program: str) -> bool:
        until = time.monotonic() + _MISS_SECONDS
        while time.monotonic() < until:
            for pid in self._rig.processes():
                if program in _command(pid):
                    try:
                        os.kill(pid, signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                    return True
            time.sleep(0.02)
        return False

    def _cut_courier(self) -> bool:
        """Kill a courier that submits, at any moment, and find out by its word what became of its request."""
        name, word = f"cut-{secrets.token_hex(4)}", secrets.token_hex(8)
        request = {"path": str(self._rig.backups / name), "type": "FULL", "database": ["neo4j"]}
        self._books.ask(name, request)
        given = json.dumps({"request": request, "word": word}).encode() + b"\n"
        with start_courier(self._rig, "submit", name, given=given) as courier:
            time.sleep(self._chance.uniform(0, 0.1))
            courier.kill()
            courier.communicate()
        if "status" in self._asking.submit(name, request, word=word):
            with start_courier(self._rig, "follow", name, given=b"{}\n", ends=False) as following:
                time.sleep(self._chance.uniform(0, 0.3))
                following.kill()
                following.communicate()
        return True

    def _reserve(self) -> bool:
        until = time.monotonic() + _MISS_SECONDS
        while time.monotonic() < until:
            try:
                # Runs write meanwhile: what was free a moment ago may not be.
                filler = fill(self._rig.backups, leave=_LEFT_FREE)
            except OSError:
                continue
            time.sleep(1.5)
            filler.unlink()
            return True
        return False

    def _move(self) -> bool:
        away = self._rig.folder / "away"
        self._rig.requests.rename(away)
        with suppress(FileExistsError):
            # A hint: without one the daemon looks only each 30 s, and the folder is back by then.
            os.close(os.open(away / "backup.request", os.O_CREAT | os.O_EXCL, 0o644))
            (away / "backup.request").unlink(missing_ok=True)
        time.sleep(self._chance.uniform(1, 3))
        away.rename(self._rig.requests)
        self._rig.wait_until_ready(self._rig.daemons[-1], RESTART_SECONDS)
        return True


def let_rest(rig: Rig, seconds: float) -> None:
    """Return once nothing is asked for, under way or lying about any more."""

    def rests() -> bool:
        try:
            lines = rig.lines("probe")
        except (OSError, subprocess.TimeoutExpired):
            return False
        idle = bool(lines) and lines[0].get("probe", {}).get("under_way") == 0
        return idle and not rig.leftovers() and not rig.processes()

    wait_for(rests, seconds, lambda: f"{rig.leftovers()} {rig.processes()} {rig.log.read_text()[-3000:]}")


def _command(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
