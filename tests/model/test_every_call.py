"""One life with much in it, ended before each of its calls that write: by a crash, and by a power cut."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from sidecar.volume import Volume
from tests.model.life import Life, Line
from tests.model.promises import Promises
from tests.model.turns import Turn, told_by
from tests.model.world import Fate, World, a_world
from tests.model.writers import How, Writers

WORD = "word0001"
Survives = Callable[[int], bool]


def nothing(change: int) -> bool:
    return False


def every_other(change: int) -> bool:
    return change % 2 == 1


class Story:
    """A volume and what is done with it, the same each time, as far as a daemon gets."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.writers = Writers(world.requests, world.target, world.disk)
        self.promises = Promises(world, self.writers)

    def live(self, calls: int | None = None) -> Life:
        """Have a daemon do it all, or die before its call after so many that write."""
        self.world.disk.revive()
        self.world.disk.arm(calls)
        life = Life(self.world)
        for step in (self._backups, self._letters, self._failures, self._cancel):
            step(life)
        return life

    def die(self, life: Life) -> None:
        """End a daemon that hasn't died before."""
        if not life.dead:
            life.kill()
        self.writers.give_up()

    def lose_power(self, survives: Survives) -> None:
        """Leave on the disk what a power cut does; ``survives`` is asked with the number of each unflushed change."""
        changes = iter(range(1 << 30))
        self.writers.power_cut()
        self.world.disk.ledger.cut(lambda: survives(next(changes)))
        self.promises.power_cut()
        self.world.reboot()

    def recover(self, calls: int | None = None) -> None:
        """Start another daemon; where it lives, ask again, since answers may have been lost, and check all promises."""
        life = self._restart(calls)
        try:
            self._submit(life, "one", "FULL", "base1")
            self._submit(life, "two", "AUTO", "base1", "base2")
            self._pass(life, 12.0)
            self._pass(life, 12.0)
            if not life.dead:
                self.promises.check_end()
        finally:
            self.die(life)

    def ask_how_it_is(self) -> None:
        """Have another daemon live just long enough to be asked for what is there."""
        life = self._restart()
        self._tell(life, ("get", "one", ""))
        self._tell(life, ("get", "two", ""))
        self.die(life)

    def _restart(self, calls: int | None = None) -> Life:
        self.world.disk.revive()
        self.world.disk.arm(calls)
        self.world.decide(Fate.GOOD)
        return Life(self.world)

    def _backups(self, life: Life) -> None:
        self.world.decide(Fate.GOOD)
        self._submit(life, "one", "FULL", "base1")
        self._submit(life, "two", "AUTO", "base1", "base2")
        self._pass(life, 10.0)

    def _letters(self, life: Life) -> None:
        self.writers.write(How.RENAMED, "three")
        self._pass(life, 4.0)
        self.writers.write(How.SLOW, None)
        self._pass(life, 5.0)

    def _failures(self, life: Life) -> None:
        self.world.decide(Fate.BAD)
        self._submit(life, "four", "FULL", "base4")
        self._pass(life, 3.0)

    def _cancel(self, life: Life) -> None:
        self.world.decide(Fate.SLOW)
        self._submit(life, "five", "FULL", "base5")
        self._pass(life, 1.0)
        if not life.dead:
            life.ask([("cancel", "five", "")])
            self._pass(life, 2.0)

    def _submit(self, life: Life, name: str, kind: str, *databases: str) -> None:
        if life.dead:
            return
        request = {"path": str(self.world.target), "type": kind, "database": list(databases)}
        for line in self._tell(life, ("submit", name, {"request": request, "word": WORD})):
            assert "error" not in line, line

    def _tell(self, life: Life, question: tuple[str, str, object]) -> list[Line]:
        (answer,) = life.ask([question])
        for line in answer:
            if "status" in line:
                self.promises.tell(line["status"])
        return answer

    def _pass(self, life: Life, seconds: float) -> None:
        if not life.dead:
            life.pass_time(seconds)
            self.promises.look(living=not life.dead)


@pytest.fixture
def calls(tmp_path: Path) -> list[str]:
    """The calls of a life that nothing ends early."""
    with a_world(tmp_path / "whole") as world:
        story = Story(world)
        story.die(story.live())
        return [call.replace(str(world.folder), "") for call in world.disk.calls]


def each_call(
    folder: Path, calls: list[str], end: Callable[[Story, int], None], only: Iterable[int] | None = None
) -> None:
    """Live once for each call (``only`` for some), die before it, and go on as ``end`` does."""
    for number in range(len(calls)) if only is None else only:
        with a_world(folder / str(number)) as world:
            story = Story(world)
            try:
                life = story.live(number)
                story.die(life)
                story.promises.look(living=False)
                end(story, number)
            except AssertionError as error:
                raise AssertionError(f"ended before call {number}, {calls[number]!r}: {error}") from error


pytestmark = [
    pytest.mark.timeout(600),
    # A dead daemon closes nothing; its sockets go when Python finds them.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("quiet"),
]


def test_the_life_has_calls_of_every_kind(calls: list[str]) -> None:
    kinds = {call.partition(" ")[0] for call in calls}

    assert kinds == {
        "open", "write", "pwrite", "fsync", "rename", "unlink", "mkdir", "rmdir", "ftruncate", "chmod", "spawn"
    }  # fmt: skip


def test_the_life_has_a_full_backup_and_a_differential_that_continues_it(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        story = Story(world)
        story.die(story.live())
        documents = story.promises.look(living=False)

        assert Turn.CONTINUES in told_by(documents["two"], world.backups)


def test_after_a_crash_before_any_call_what_was_told_holds(tmp_path: Path, calls: list[str]) -> None:
    def end(story: Story, number: int) -> None:
        story.world.orphans_go_on()
        story.recover()

    each_call(tmp_path, calls, end)


def test_after_a_power_cut_before_any_call_what_was_told_holds(tmp_path: Path, calls: list[str]) -> None:
    def end(story: Story, number: int) -> None:
        story.lose_power(every_other if number % 3 == 0 else nothing)
        story.recover()

    each_call(tmp_path, calls, end)


def test_what_a_crash_left_and_a_courier_was_told_is_there_also_after_a_power_cut(
    tmp_path: Path, calls: list[str]
) -> None:
    def end(story: Story, number: int) -> None:
        story.ask_how_it_is()
        story.lose_power(nothing)
        story.recover()

    # Those names of documents are there, and not on the disk.
    unflushed = [number for number, call in enumerate(calls) if call == "fsync /requests/status"]
    each_call(tmp_path, calls, end, only=unflushed)


def test_a_folder_that_a_dead_daemon_made_is_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    with a_world(tmp_path) as world:
        os.mkdir(str(world.requests / "status"))

        Volume.open(str(world.requests)).close()

        world.disk.ledger.cut(lambda: False)
        assert (world.requests / "status").is_dir()


def test_a_recovery_that_is_cut_off_before_any_call_is_gone_through_again(tmp_path: Path, calls: list[str]) -> None:
    _, differential, *_ = (number for number, call in enumerate(calls) if call == "spawn")
    for number in range(40):
        with a_world(tmp_path / str(number)) as world:
            story = Story(world)
            story.die(story.live(differential + 1))
            story.world.orphans_go_on()
            story.recover(number)
            story.recover()
