"""The course of things on a volume: daemons that live on it one after the other, and what their couriers are told."""

import itertools
import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.model.life import Defects, Life, Line
from tests.model.promises import Promises
from tests.model.turns import told_by
from tests.model.world import Fate, a_world
from tests.model.writers import Writers

REFUSALS = {"id_taken", "sidecar_busy"}


class Course:
    """A volume in ``folder``. ``life`` is the daemon there, None while there is none."""

    def __init__(self, folder: Path) -> None:
        self.life: Life | None = None
        self._stack = ExitStack()
        self.world = self._stack.enter_context(a_world(folder))
        self.writers = Writers(self.world.requests, self.world.target, self.world.disk)
        self._stack.callback(self.writers.give_up)
        self.promises = Promises(self.world, self.writers)
        self._defects = Defects(lambda: self.world.disk.dead)
        logging.getLogger("sidecar").addHandler(self._defects)
        self._stack.callback(logging.getLogger("sidecar").removeHandler, self._defects)
        self._at_death: Callable[[], None] = lambda: None

    def start(self, calls: int | None = None, kind: str = "") -> None:
        """Begin a daemon's life; it dies before its call that writes after so many of that kind, None not at all."""
        self.world.disk.revive()
        self.die_after(calls, kind)
        self.life = Life(self.world)

    def die_after(self, calls: int | None, kind: str = "", then: Callable[[], None] = lambda: None) -> None:
        """Have the daemon die before a later call, as above, and what comes ``then`` happen after that."""
        self.world.disk.arm(calls, kind)
        self._at_death = then

    def kill(self, then: Callable[[], None] = lambda: None) -> None:
        """End the daemon here and now."""
        self._at_death = then
        self.living().kill()

    def living(self) -> Life:
        """Give the daemon."""
        assert self.life is not None
        return self.life

    def pass_time(self, seconds: float) -> None:
        """Let the daemon, if there is one, live on for some seconds."""
        if self.life is not None and not self.life.dead:
            self.life.pass_time(seconds)

    def ask(self, questions: list[tuple[str, str, object]]) -> list[list[Line]]:
        """Put questions at once; give what was told, and hold the daemon to it from here on."""
        answers = self.living().ask(questions)
        for answer in answers:
            for line in answer:
                if "status" in line:
                    self.promises.tell(line["status"])
                elif "error" in line:
                    assert line["error"]["code"] in REFUSALS or "no request" in line["error"]["message"], line
        return answers

    def lose_power(self, surviving: int) -> None:
        """Leave on the disk what a power cut does; each bit of ``surviving`` says it of one change."""
        position = itertools.count()
        self.writers.power_cut()
        with self.world.disk.outside():
            self.world.disk.ledger.cut(lambda: bool(surviving >> next(position) & 1))
        self.promises.power_cut()
        self.world.reboot()

    def look(self) -> None:
        """Mourn a daemon that has died, and check all promises."""
        if self.life is not None and self.life.dead:
            self.life = None
            self._at_death()
        self.promises.look(living=self.life is not None)
        self._check_defects()

    def settle(self) -> None:
        """Let a daemon that nothing disturbs bring all to its end."""
        self.look()
        self.world.disk.arm(None)
        self.world.decide(Fate.GOOD)
        self.writers.give_up()
        if self.life is None:
            self.start()
        self.pass_time(4.5)
        self.living().pass_time(2000.0, lambda: not self._under_way())
        self.pass_time(4.5)
        self.living().pass_time(2000.0, lambda: not self._under_way())
        self.pass_time(2.5)
        for document in self.promises.check_end():
            self.world.turns |= told_by(document, self.world.backups)
        self._check_defects()

    def close(self) -> None:
        """End all of it."""
        if self.life is not None and not self.life.dead:
            self.life.kill()
        self._stack.close()

    def _under_way(self) -> bool:
        documents = (self.world.requests / "status").glob("[!.]*.json")
        return any(b'"exit_code":null' in path.read_bytes() for path in documents)

    def _check_defects(self) -> None:
        assert not self._defects.found, self._defects.found
