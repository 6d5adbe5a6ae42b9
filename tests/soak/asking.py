"""Asking the daemon, whatever happens to it meanwhile; all that is asked and answered goes into the books."""

import json
import secrets
import time
from typing import Any

from tests.integration.serving import asked, talk
from tests.rig import Rig
from tests.soak.books import Books, Json

ANSWER_SECONDS = 30.0
PATIENCE_SECONDS = 120.0
"""How long an answer may stay away in all: a daemon's restart on a slow machine, and more."""


class Unanswered(Exception):
    """The daemon couldn't be reached for longer than any fault lasts."""


class Asking:
    """One who asks. Whole answers are noted in the books; of one that was cut off nothing is believed."""

    def __init__(self, rig: Rig, books: Books) -> None:
        self.rig = rig
        self.books = books

    def once(self, verb: str, name: str | None = None, given: Any = "") -> list[Json] | None:
        """Give the lines of one whole answer; None where there was none, or it was cut off."""
        try:
            lines = talk(self.rig, asked(verb, name, given), ANSWER_SECONDS)
        except (OSError, ValueError):
            return None
        if not lines or not ({"end", "error"} & lines[-1].keys()):
            return None
        for line in lines:
            self.books.hear(line)
        return lines

    def until_answered(self, verb: str, name: str | None = None, given: Any = "") -> list[Json]:
        """Ask until there is a whole answer, as a trigger does."""
        until = time.monotonic() + PATIENCE_SECONDS
        while (lines := self.once(verb, name, given)) is None:
            if time.monotonic() > until:
                raise Unanswered(f"{verb} {name}")
            time.sleep(0.3)
        return lines

    def submit(self, name: str, request: Json, *, job: bool = False, word: str | None = None) -> Json:
        """Hand over a request until it is answered, each time under the same word; give the answer."""
        self.books.ask(name, request)
        submission = {"request": request, "word": word or secrets.token_hex(8), "job": job}
        return self.until_answered("submit", name, submission)[0]

    def cancel(self, name: str) -> None:
        """Have a request cancelled."""
        self.books.cancel(name)
        self.until_answered("cancel", name)

    def by_a_courier(self, *words: str, given: Any = None) -> None:
        """Run a real courier to its end and note what it printed, where that is whole."""
        said = self.rig.ask(*words, given=given)
        lines = [json.loads(line) for line in said.stdout.splitlines()]
        own = [line for line in lines if "sent" in line.get("error", {})]
        for line in [] if own else lines:
            self.books.hear(line)
