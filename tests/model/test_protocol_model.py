"""Random lives of a request volume: submitters, mailbox writers, cancels, crashes, power cuts and clocks, in any order.

What runs is the product's own Session on a real folder, in an event loop whose time is ours. The folder lies in memory
where the machine has such a place. NEO4J_BACKUP_MODEL_EXAMPLES asks for more lives than CI has time for.
"""

import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.model.life import Defects, Life, Line
from tests.model.promises import Promises
from tests.model.world import Fate, World, a_world
from tests.model.writers import How, Writers

EXAMPLES = "NEO4J_BACKUP_MODEL_EXAMPLES"
IN_CI = 150
STEPS = 30
MEMORY = Path("/dev/shm")
REFUSALS = {"id_taken", "sidecar_busy"}

IDS = st.sampled_from(["one", "two", "three", "job-1", "job-2"])
SUBMISSIONS = st.tuples(
    IDS, st.sampled_from([["base1"], ["base2", "base3"]]), st.sampled_from(["word0001", "word0002"])
)
CALLS = st.integers(0, 12)
KINDS = st.sampled_from(["", "open", "fsync", "rename", "unlink", "spawn"])
"""Before which call that writes the daemon dies: after so many of a kind, or of any."""
SECONDS = st.sampled_from([0.0, 0.06, 1.0, 2.1, 5.0, 30.0])
SURVIVING = st.one_of(st.just(0), st.just(-1), st.integers(0, 2**40))
"""What of a disk's unflushed changes survives a power cut, a bit for each: none, all, or some."""


def alive(machine: "Protocol") -> bool:
    return machine.life is not None


def down(machine: "Protocol") -> bool:
    return machine.life is None


class Protocol(RuleBasedStateMachine):
    """One volume and what happens to it."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        folder = Path(
            tempfile.mkdtemp(prefix="neo4j-backup-model-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
        )
        self._stack.callback(shutil.rmtree, folder)
        self.world: World = self._stack.enter_context(a_world(folder))
        self.writers = Writers(self.world.requests, self.world.target, self.world.disk)
        self._stack.callback(self.writers.give_up)
        self.promises = Promises(self.world, self.writers)
        self.defects = Defects(lambda: self.world.disk.dead)
        logging.getLogger("sidecar").addHandler(self.defects)
        self._stack.callback(logging.getLogger("sidecar").removeHandler, self.defects)
        self.life: Life | None = None
        self._at_death: Callable[[], None] = lambda: None
        self._flooded = 0
        self.start()

    @precondition(down)
    @rule()
    def start(self) -> None:
        self.world.disk.revive()
        self._at_death = lambda: None
        self._live()

    @precondition(down)
    @rule(calls=CALLS, kind=KINDS)
    def start_and_die(self, calls: int, kind: str) -> None:
        self.world.disk.revive()
        self._at_death = lambda: None
        self.world.disk.arm(calls, kind)
        self._live()

    @precondition(alive)
    @rule(batch=st.lists(SUBMISSIONS, min_size=1, max_size=3), seconds=SECONDS)
    def submit(self, batch: list[tuple[str, list[str], str]], seconds: float) -> None:
        before = set(self.promises.seen)
        answers = self._ask(
            [("submit", name, self._submission(name, databases, word)) for name, databases, word in batch]
        )
        new = [answer[0]["status"]["id"] for answer in answers if answer and answer[0].get("attached") is False]
        assert len(new) == len(set(new)), "one id is accepted twice"
        assert not before.intersection(new), "accepted what was there before"
        self._pass(seconds)

    @precondition(alive)
    @rule()
    def submit_more_than_may_wait(self) -> None:
        self._flooded += 1
        names = [f"flood-{self._flooded}-{number}" for number in range(18)]
        answers = self._ask([("submit", name, self._submission(name, ["base1"], "word0001")) for name in names])
        told = [answer[0]["status"] for answer in answers if answer and "status" in answer[0]]
        assert len(told) <= 17
        # They would take long to run.
        if not self._living().dead:
            self._ask([("cancel", status["id"], "") for status in told[2:]])

    @precondition(alive)
    @rule(name=IDS)
    def cancel(self, name: str) -> None:
        for answer in self._ask([("cancel", name, "")]):
            self.world.cancelled.update(line["status"]["id"] for line in answer if "status" in line)

    @precondition(alive)
    @rule(name=IDS)
    def ask_how_it_is(self, name: str) -> None:
        self._ask([("get", name, "")])

    @rule(how=st.sampled_from(How), name=st.one_of(st.none(), IDS), seconds=SECONDS)
    def write_a_letter(self, how: How, name: str | None, seconds: float) -> None:
        self.writers.write(how, name)
        self._pass(seconds)

    @rule()
    def finish_a_slow_letter(self) -> None:
        self.writers.finish()

    @precondition(alive)
    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: float) -> None:
        self._pass(seconds)

    @rule(fate=st.sampled_from(Fate))
    def decide_what_runs_come_to(self, fate: Fate) -> None:
        self.world.fate = fate

    @rule(days=st.sampled_from([-1, 0, 365]), asleep=st.sampled_from([0, 7]))
    def move_the_clocks(self, days: int, asleep: int) -> None:
        self.world.clock.wall += timedelta(days=days)
        if asleep:
            self.world.clock.seconds += asleep * 3600
            self.promises.suspended = True

    @precondition(alive)
    @rule(calls=CALLS, kind=KINDS, orphans_go_on=st.booleans())
    def die_soon(self, calls: int, kind: str, orphans_go_on: bool) -> None:
        self.world.disk.arm(calls, kind)
        self._at_death = self.world.orphans_go_on if orphans_go_on else lambda: None

    @precondition(alive)
    @rule(how=st.sampled_from([How.RENAMED, How.IN_PLACE]), calls=CALLS, kind=KINDS)
    def die_while_a_letter_is_taken(self, how: How, calls: int, kind: str) -> None:
        self.world.disk.arm(calls, kind)
        self._at_death = lambda: None
        self.writers.write(how, None)
        self._pass(5.0)

    @precondition(alive)
    @rule(calls=CALLS, kind=KINDS, surviving=SURVIVING)
    def lose_power_soon(self, calls: int, kind: str, surviving: int) -> None:
        self.world.disk.arm(calls, kind)
        self._at_death = lambda: self._cut(surviving)

    @precondition(alive)
    @rule(orphans_go_on=st.booleans())
    def kill(self, orphans_go_on: bool) -> None:
        self._at_death = self.world.orphans_go_on if orphans_go_on else lambda: None
        self._living().kill()

    @precondition(alive)
    @rule()
    def stop(self) -> None:
        self._living().stop()

    @rule(surviving=SURVIVING)
    def lose_power(self, surviving: int) -> None:
        self._at_death = lambda: None
        if self.life is not None:
            self.life.kill()
            self.life = None
        self._cut(surviving)

    @invariant()
    def every_promise_holds(self) -> None:
        if self.life is not None and self.life.dead:
            self.life = None
            self._at_death()
        self.promises.look(living=self.life is not None)
        assert not self.defects.found, self.defects.found

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            if self.life is not None and not self.life.dead:
                self.life.kill()
            self._stack.close()

    def _settle(self) -> None:
        """Let a daemon that nothing disturbs bring all to its end."""
        self.every_promise_holds()
        self.world.disk.arm(None)
        self.world.fate = Fate.GOOD
        self.writers.give_up()
        if self.life is None:
            self.start()
        self._living().pass_time(4.5)
        self._living().pass_time(2000.0, lambda: not self._under_way())
        self._living().pass_time(4.5)
        self._living().pass_time(2000.0, lambda: not self._under_way())
        self._living().pass_time(2.5)
        self.promises.check_end()
        assert not self.defects.found, self.defects.found

    def _under_way(self) -> bool:
        documents = (self.world.requests / "status").glob("[!.]*.json")
        return any(b'"exit_code":null' in path.read_bytes() for path in documents)

    def _live(self) -> None:
        self.life = Life(self.world)

    def _pass(self, seconds: float) -> None:
        if self.life is not None and not self.life.dead:
            self.life.pass_time(seconds)

    def _living(self) -> Life:
        assert self.life is not None
        return self.life

    def _ask(self, questions: list[tuple[str, str, object]]) -> list[list[Line]]:
        answers = self._living().ask(questions)
        for answer in answers:
            for line in answer:
                if "status" in line:
                    self.promises.tell(line["status"])
                elif "error" in line:
                    assert line["error"]["code"] in REFUSALS or "no request" in line["error"]["message"], line
        return answers

    def _submission(self, name: str, databases: list[str], word: str) -> dict[str, object]:
        request = {"path": str(self.world.target), "type": "FULL", "database": databases}
        return {"request": request, "word": word, "job": name.startswith("job")}

    def _cut(self, surviving: int) -> None:
        position = itertools.count()
        self.writers.power_cut()
        with self.world.disk.outside():
            self.world.disk.ledger.cut(lambda: bool(surviving >> next(position) & 1))
        self.world.reboot()
        self.promises.power_cut()


@pytest.mark.timeout(0)
# A dead daemon closes nothing; its sockets go when Python finds them.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("quiet")
def test_whatever_happens_each_accepted_request_ends_once_and_in_the_truth() -> None:
    asked = os.environ.get(EXAMPLES)

    run_state_machine_as_test(
        Protocol,
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
