"""A soak from its start to its figures: rounds of load and faults, each judged at rest."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.disks import a_disk
from tests.integration.serving import serving
from tests.rig import Rig, wait_for
from tests.soak import faults
from tests.soak.books import Books
from tests.soak.databases import DATABASES
from tests.soak.databases import faults as databases_faults
from tests.soak.faults import Faults, let_rest
from tests.soak.judging import Findings, Judge
from tests.soak.load import Load
from tests.soak.watching import Watcher
from tests.weight import Weight, weigh

FAULT_SECONDS = 5.0
LONGEST_ROUND_SECONDS = 180.0
LEAST_ROUND_SECONDS = 25.0
"""Also where the machine is so slow that the time is over."""
WIND_DOWN_SECONDS = 8.0
"""How long before a round's end nothing more is asked for: what waits has to end in the round."""
REST_SECONDS = 240.0
SETTLE_SECONDS = 20.0
GROWTH_KIB = 4 * 1024
"""What the daemon of the second half may have grown by between its first rest and its last."""
KEPT = 1000
"""Ended requests that are kept, as promised."""


@dataclass(frozen=True)
class Figures:
    """What a soak counted; ``first`` and ``last`` weigh one daemon, which lived through the second half."""

    seconds: float
    struck: Counter[str]
    faulty_runs: int
    states: Counter[str]
    refused: Counter[str]
    commands: int
    findings: Findings
    defects: list[str]
    first: Weight
    last: Weight
    weighed_apart: float

    @property
    def problems(self) -> list[str]:
        """Give everything that a soak must not find."""
        found = [*self.findings.all(), *self.defects]
        if self.last.holds != self.first.holds:
            found.append(f"at first the daemon held {self.first.holds}, at last {self.last.holds}")
        if self.last.resident_kib - self.first.resident_kib >= GROWTH_KIB:
            found.append(f"it grew from {self.first.resident_kib} to {self.last.resident_kib} KiB")
        return found


def soak(folder: Path, seconds: float) -> Figures:
    """Soak for so long. In the first half the daemon is restarted as well; that of the second half lives through it."""
    with _rig(folder) as (rig, kinds):
        return _Soak(rig, kinds).run(seconds)


class _Soak:
    def __init__(self, rig: Rig, kinds: tuple[str, ...]) -> None:
        self._rig = rig
        self._survived = kinds
        self._books = Books()
        self._watcher = Watcher(rig, self._books)
        self._judge = Judge(rig, self._books)
        self._commands = 0
        self._rounds = 0

    def run(self, seconds: float) -> Figures:
        began = time.monotonic()
        half = max(1, round(seconds / 2 / LONGEST_ROUND_SECONDS))
        self._rest_after(began + seconds / 2, half, (*faults.RESTARTING, *self._survived))
        lives = self._rig.daemons[-1]
        # The first of these rounds is its warm-up: from then on nothing may grow.
        rounds = max(2, half)
        now = time.monotonic()
        self._rest_after(now + (began + seconds - now) / rounds, 1, self._survived)
        first, since = weigh(lives.pid), time.monotonic()
        self._rest_after(began + seconds, rounds - 1, self._survived)
        # What a talk held goes a moment after it; what stays is told with all other figures.
        with suppress(AssertionError):
            wait_for(lambda: weigh(lives.pid).holds == first.holds, SETTLE_SECONDS)
        last, until = weigh(lives.pid), time.monotonic()
        assert lives is self._rig.daemons[-1]
        assert lives.poll() is None
        return self._figures(until - began, first, last, until - since)

    def _rest_after(self, until: float, rounds: int, kinds: tuple[str, ...]) -> None:
        """Make so many rounds up to that monotonic time."""
        for left in range(rounds, 0, -1):
            now = time.monotonic()
            self._round(max(now + LEAST_ROUND_SECONDS, now + (until - now) / left), kinds)

    def _round(self, until: float, kinds: tuple[str, ...]) -> None:
        self._rounds += 1
        until -= WIND_DOWN_SECONDS
        load = Load(self._rig, self._books, self._rounds, until)
        with self._watcher.watching(), ThreadPoolExecutor() as asking:
            asked = [asking.submit(asker) for asker in load.askers]
            Faults(self._rig, self._books, kinds).strike(FAULT_SECONDS, until)
            for each in asked:
                each.result()
            let_rest(self._rig, REST_SECONDS)
        kept = self._watcher.look()
        self._commands += len(self._books.exits)
        ended = sum(count for state, count in self._states().items() if state != "rejected")
        if kept < min(KEPT, ended):
            self._judge.findings.lost.append(f"only {kept} documents are there of {ended}")
        self._judge.judge()

    def _states(self) -> Counter[str]:
        return Counter(str(seen.document["state"]) for seen in self._books.seen.values())

    def _figures(self, seconds: float, first: Weight, last: Weight, apart: float) -> Figures:
        failing = {name for name, (given, _) in DATABASES.items() if given}
        results = [result for seen in self._books.seen.values() for result in seen.document["results"]]
        log = self._rig.log.read_text(errors="replace").splitlines()
        return Figures(
            seconds=seconds,
            struck=Counter(each.kind for each in self._books.struck),
            faulty_runs=sum(result["database"] in failing for result in results),
            states=self._states(),
            refused=self._books.refused,
            commands=self._commands,
            findings=self._judge.findings,
            defects=[line for line in log if "defect" in line or "Traceback" in line],
            first=first,
            last=last,
            weighed_apart=apart,
        )


@contextmanager
def _rig(folder: Path) -> Iterator[tuple[Rig, tuple[str, ...]]]:
    """Give a sidecar, and the faults of those that it survives that can be had on this machine."""
    kinds: tuple[str, ...] = faults.SURVIVED
    with serving(folder, *DATABASES, settings={"NEO4J_BACKUP_TIMEOUT": "20s"}) as rig, ExitStack() as opened:
        try:
            # A disk of its own, small enough to be filled.
            opened.enter_context(a_disk(rig.backups, size="192m"))
        except pytest.skip.Exception:
            kinds = tuple(kind for kind in kinds if kind != faults.RESERVE)
        rig.set_knobs(faults=databases_faults(), stage_delay=0.02)
        yield rig, kinds
