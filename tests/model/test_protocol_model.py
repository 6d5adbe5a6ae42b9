"""Random lives of a request volume: submitters, mailbox writers, cancels, crashes, power cuts and clocks, in any order.

What runs is the product's own Session on a real folder, in an event loop whose time is ours. The folder lies in memory
where the machine has such a place. NEO4J_BACKUP_MODEL_EXAMPLES asks for more lives than CI has time for.
"""

import json
import os
import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.model import drawn
from tests.model.course import Course
from tests.model.drawn import CALLS, CALLS_OF, DATABASES, IDS, SECONDS, SURVIVING, TYPES, Asked, Differential, There
from tests.model.turns import FREQUENT, Turn
from tests.model.world import Fate
from tests.model.writers import How

EXAMPLES = "NEO4J_BACKUP_MODEL_EXAMPLES"
IN_CI = 150
MANY = 1000
"""So many lives come to each turn."""
STEPS = 30
MEMORY = Path("/dev/shm")


def alive(machine: "Protocol") -> bool:
    return machine.course.life is not None


def down(machine: "Protocol") -> bool:
    return machine.course.life is None


def a_job_may_try_again(machine: "Protocol") -> bool:
    return alive(machine) and machine.failed_job() is not None


class Protocol(RuleBasedStateMachine):
    """One volume and what happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.mkdtemp(
            prefix="neo4j-backup-model-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None
        )
        self.course = Course(Path(self._folder))
        self.world = self.course.world
        self._flooded = 0
        self._words = 0
        self._jobs: dict[str, Asked] = {}

    def failed_job(self) -> str | None:
        """Name a Job that has failed in a way that is worth retrying."""
        for name in self._jobs:
            attempts = [self.course.promises.seen.get(f"{name}{suffix}") for suffix in ("~3", "~2", "")]
            newest = next((json.loads(attempt) for attempt in attempts if attempt), None)
            if newest is not None and newest["state"] == "failed" and newest["retryable"]:
                return name
        return None

    @initialize(found=drawn.FOUND)
    def find_backups_and_start(self, found: dict[str, bool]) -> None:
        for database, whole in found.items():
            self.world.find(database, whole=whole)
        self.course.start()

    @precondition(down)
    @rule()
    def start(self) -> None:
        self.course.start()

    @precondition(down)
    @rule(calls=CALLS, kind=CALLS_OF)
    def start_and_die(self, calls: int, kind: str) -> None:
        self.course.start(calls, kind)

    @precondition(alive)
    @rule(batch=drawn.BATCHES, seconds=SECONDS)
    def submit(self, batch: drawn.Batch, seconds: float) -> None:
        before = set(self.course.promises.seen)
        answers = self.course.ask([self._submission(name, asked, word) for name, asked, word in batch])
        new = [answer[0]["status"]["id"] for answer in answers if answer and answer[0].get("attached") is False]
        assert len(new) == len(set(new)), "one id is accepted twice"
        assert not before.intersection(new), "accepted what was there before"
        self.course.pass_time(seconds)

    @precondition(alive)
    @rule(fate=st.sampled_from(Fate), kind=TYPES, database=st.sampled_from(DATABASES), seconds=SECONDS)
    def submit_what_comes_to(self, fate: Fate, kind: str, database: str, seconds: float) -> None:
        self.world.decide(fate, database)
        self._submit_another(kind, database, seconds)

    @precondition(alive)
    @rule(kind=TYPES, away=st.sampled_from(DATABASES), seconds=SECONDS)
    def submit_a_job_that_fails_in_part(self, kind: str, away: str, seconds: float) -> None:
        self.world.decide(Fate.GOOD)
        self.world.decide(Fate.AWAY, away)
        word = self._word()
        self.submit([(f"job-{word}", Asked(kind, DATABASES), word)], 5.0)
        self.course.look()
        if a_job_may_try_again(self):
            self.submit_a_failed_job_again(seconds)

    @precondition(a_job_may_try_again)
    @rule(seconds=SECONDS)
    def submit_a_failed_job_again(self, seconds: float) -> None:
        name = self.failed_job()
        assert name is not None
        self.submit([(name, self._jobs[name], self._word())], seconds)

    @precondition(alive)
    @rule(asked=drawn.ASKED)
    def submit_more_than_may_wait(self, asked: Asked) -> None:
        self._flooded += 1
        names = [f"flood-{self._flooded}-{number}" for number in range(18)]
        answers = self.course.ask([self._submission(name, asked, "word0001") for name in names])
        told = [answer[0]["status"] for answer in answers if answer and "status" in answer[0]]
        assert len(told) <= 17
        # They would take long to run.
        if not self.course.living().dead:
            self.course.ask([("cancel", status["id"], "") for status in told[2:]])

    @precondition(alive)
    @rule(name=IDS)
    def cancel(self, name: str) -> None:
        for answer in self.course.ask([("cancel", name, "")]):
            self.world.starts.cancelled.update(line["status"]["id"] for line in answer if "status" in line)

    @precondition(alive)
    @rule(name=IDS)
    def ask_how_it_is(self, name: str) -> None:
        self.course.ask([("get", name, "")])

    @rule(how=st.sampled_from(How), name=st.one_of(st.none(), IDS), kind=TYPES, seconds=SECONDS)
    def write_a_letter(self, how: How, name: str | None, kind: str, seconds: float) -> None:
        self.course.writers.write(how, name, kind)
        self.course.pass_time(seconds)

    @rule()
    def finish_a_slow_letter(self) -> None:
        self.course.writers.finish()

    @precondition(alive)
    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: float) -> None:
        self.course.pass_time(seconds)

    @rule(fate=st.sampled_from(Fate), database=st.one_of(st.none(), st.sampled_from(DATABASES)))
    def decide_what_runs_come_to(self, fate: Fate, database: str | None) -> None:
        self.world.decide(fate, database)

    @rule(days=st.sampled_from([-1, 0, 365]), asleep=st.sampled_from([0, 7]))
    def move_the_clocks(self, days: int, asleep: int) -> None:
        self.world.clock.wall += timedelta(days=days)
        if asleep:
            self.world.clock.seconds += asleep * 3600
            self.course.promises.suspended = True

    @precondition(alive)
    @rule(calls=CALLS, kind=CALLS_OF, orphans_go_on=st.booleans())
    def die_soon(self, calls: int, kind: str, orphans_go_on: bool) -> None:
        self.course.die_after(calls, kind, self.world.orphans_go_on if orphans_go_on else lambda: None)

    @precondition(alive)
    @rule(how=st.sampled_from([How.RENAMED, How.IN_PLACE]), calls=CALLS, kind=CALLS_OF)
    def die_while_a_letter_is_taken(self, how: How, calls: int, kind: str) -> None:
        self.course.die_after(calls, kind)
        self.course.writers.write(how, None, "FULL")
        self.course.pass_time(5.0)

    @precondition(alive)
    @rule(differential=drawn.DIFFERENTIALS, goes_on=st.booleans(), surviving=SURVIVING)
    def die_during_a_differential(self, differential: Differential, goes_on: bool, surviving: int) -> None:
        self._run_differential(differential, Fate.SLOW)
        if alive(self):
            power = partial(self.course.lose_power, surviving)
            self.course.kill(self.world.orphans_go_on if goes_on else power)

    @precondition(alive)
    @rule(differential=drawn.DIFFERENTIALS, surviving=SURVIVING)
    def lose_power_after_a_differential(self, differential: Differential, surviving: int) -> None:
        self._run_differential(differential, Fate.GOOD)
        if alive(self):
            self.course.kill(partial(self.course.lose_power, surviving))

    @precondition(alive)
    @rule(calls=CALLS, kind=CALLS_OF, surviving=SURVIVING)
    def lose_power_soon(self, calls: int, kind: str, surviving: int) -> None:
        self.course.die_after(calls, kind, lambda: self.course.lose_power(surviving))

    @precondition(alive)
    @rule(orphans_go_on=st.booleans())
    def kill(self, orphans_go_on: bool) -> None:
        self.course.kill(self.world.orphans_go_on if orphans_go_on else lambda: None)

    @precondition(alive)
    @rule()
    def stop(self) -> None:
        self.course.living().stop()

    @rule(surviving=SURVIVING)
    def lose_power(self, surviving: int) -> None:
        if self.course.life is not None:
            self.course.kill()
            self.course.life = None
        self.course.lose_power(surviving)

    @invariant()
    def every_promise_holds(self) -> None:
        self.course.look()

    def teardown(self) -> None:
        try:
            self.course.settle()
        finally:
            self.course.close()
            shutil.rmtree(self._folder)

    def _run_differential(self, differential: Differential, fate: Fate) -> None:
        match differential.there:
            case There.MADE:
                self.world.decide(Fate.GOOD)
                self._submit_another("FULL", differential.database, 5.0)
            case There.COPIED:
                self.world.find(differential.database, whole=True)
            case There.WHATEVER:
                pass
        self.world.decide(fate)
        self._submit_another(differential.kind, differential.database, 5.0)
        self.course.look()

    def _submit_another(self, kind: str, database: str, seconds: float) -> None:
        if not self.course.living().dead:
            word = self._word()
            self.submit([(word, Asked(kind, (database,)), word)], seconds)

    def _submission(self, name: str, asked: Asked, word: str) -> tuple[str, str, object]:
        job = name.startswith("job")
        if job:
            # Its pods all ask for the same.
            asked = self._jobs.setdefault(name, asked)
        request = {"path": str(self.world.target), "type": asked.kind, "database": asked.databases}
        return "submit", name, {"request": request, "word": word, "job": job}

    def _word(self) -> str:
        """Give the word of a process that hasn't asked before."""
        self._words += 1
        return f"another{self._words:04}"


@pytest.mark.timeout(0)
# A dead daemon closes nothing, its sockets go when Python finds them, and its threads die of its death.
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
    "ignore::pytest.PytestUnhandledThreadExceptionWarning",
)
@pytest.mark.usefixtures("quiet")
def test_whatever_happens_each_accepted_request_ends_once_and_in_the_truth() -> None:
    asked = os.environ.get(EXAMPLES)
    lives = Counter(dict.fromkeys(Turn, 0))

    class Counted(Protocol):
        def teardown(self) -> None:
            super().teardown()
            lives.update(self.world.turns)

    run_state_machine_as_test(
        Counted,
        settings=settings(
            max_examples=int(asked or IN_CI),
            stateful_step_count=STEPS,
            derandomize=asked is None,
            database=None,
            deadline=None,
            # Without explaining a failure: that takes longer than to find it.
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )

    # Of few lives one in a hundred may miss a rare turn: which are drawn changes with every release of Hypothesis.
    needed = list(Turn) if asked and int(asked) >= MANY else FREQUENT
    assert all(lives[turn] for turn in needed), f"how many lives come to each turn: {lives}"
