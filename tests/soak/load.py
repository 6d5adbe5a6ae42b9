"""The mixed load: each kind of asker in a thread of its own, until the round's time is over."""

import itertools
import json
import random
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.rig import FINAL, Rig
from tests.soak.asking import PATIENCE_SECONDS, Asking
from tests.soak.books import Books, Exited, Json
from tests.soak.databases import choose

BURST = 24
"""More than the queue holds."""
TRIGGER_SECONDS = 300.0
HALF_WRITTEN_SECONDS = 1.0
"""A letter that took longer than this may have looked still for the 2 s after which a half is refused."""


class Load:
    """One round's askers; every name has the round's number in it."""

    def __init__(self, rig: Rig, books: Books, number: int, until: float) -> None:
        self._rig = rig
        self._books = books
        self._until = until
        self._round = number
        self._count = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def askers(self) -> list[Callable[[], None]]:
        """Give what has to run at once; each ends soon after the round's time is over."""
        return [self.couriers, self.couriers, self.letters, self.jobs, self.triggers, self.readers]

    def couriers(self) -> None:
        """Submit, follow, cancel, and ask again in all the ways that have to be refused."""
        chance, asking = random.Random(), Asking(self._rig, self._books)
        while self._goes_on(chance, 1.0, 3.0):
            if chance.random() < 0.02:
                self._burst(asking)
                continue
            name, request = self._made("courier", chance)
            word = secrets.token_hex(8)
            answer = asking.submit(name, request, word=word)
            if "error" in answer:
                continue
            drawn = chance.random()
            if "stuck" in request["database"] or drawn < 0.08:
                time.sleep(chance.uniform(0, 3))
                asking.cancel(name)
            elif drawn < 0.4:
                asking.once("follow", name)
            elif drawn < 0.5:
                asking.submit(name, request, word=word)
            elif drawn < 0.6:
                asking.submit(name, request)
                asking.submit(name, request | {"type": "AUTO", "path": request["path"] + "/other"})
            elif drawn < 0.65:
                asking.until_answered("submit", "no/id", {"request": request, "word": word})
                outside = {"request": request | {"path": "/etc"}, "word": word}
                asking.until_answered("submit", f"{name}-outside", outside)
            elif drawn < 0.72:
                asking.by_a_courier("follow", name)

    def letters(self) -> None:
        """Put requests into the mailbox, whole, slowly, and such as are none; each once the one before is taken."""
        chance, mailbox = random.Random(), self._rig.requests / "backup.request"
        before: list[str] = []
        while self._goes_on(chance, 0.5, 2.0):
            name, request = self._made("letter", chance)
            if before and chance.random() < 0.05:
                name = chance.choice(before)
            body = json.dumps({"id": name, **request})
            drawn = chance.random()
            if drawn < 0.1:
                name, body = "", '{"path": ' if drawn < 0.05 else "no request"
            elif drawn < 0.2:
                body = json.dumps({"id": name, **request, "unknown": 1} if drawn < 0.15 else {"id": name, "path": "/"})
            else:
                self._books.ask(name, request)
                before.append(name)
            if self._post(mailbox, name, body, slowly=chance.random() < 0.3):
                self._await_taken(mailbox)

    def jobs(self) -> None:
        """Retry what failed and is worth it as a Job does, until it ends otherwise or is exhausted."""
        chance, asking = random.Random(), Asking(self._rig, self._books)
        while self._goes_on(chance, 1.0, 3.0):
            name, request = self._made("job", chance)
            for _ in range(4):
                answer = asking.submit(name, request, job=True)
                if "error" in answer:
                    break
                told: Json = answer["status"]
                while told["state"] not in FINAL:
                    lines = asking.until_answered("follow", told["id"])
                    told = next((line["status"] for line in reversed(lines) if "status" in line), told)
                if not told["retryable"]:
                    break

    def triggers(self) -> None:
        """Run the real command, in its own process, and note how it ended."""
        chance, folder = random.Random(), str(self._rig.requests)
        while self._goes_on(chance, 2.0, 5.0):
            name, request = self._made("command", chance)
            command = [sys.executable, "-m", "trigger", "trigger", "--local", folder, "--output", "json"]
            command += ["--path", request["path"], "--type", request["type"]]
            command += [word for database in request["database"] for word in ("--database", database)]
            if chance.random() < 0.3:
                command += ["--job-name", name, "--job-uid", "1"]
                name = f"{name}-1"
            else:
                command += ["--id", name]
            self._books.ask(name, request)
            if "stuck" in request["database"]:
                threading.Timer(3, self._cancel, [name]).start()
            ran = subprocess.run(command, capture_output=True, check=False, timeout=TRIGGER_SECONDS)
            assert ran.stdout, ran.stderr.decode()
            answer = json.loads(ran.stdout)
            with self._books.lock:
                self._books.exits.append(Exited(name, ran.returncode, answer.get("id")))
            if "schema" in answer:
                self._books.hear({"status": answer})

    def readers(self) -> None:
        """Look at what there is, with whole and with broken questions."""
        chance, asking = random.Random(), Asking(self._rig, self._books)
        while self._goes_on(chance, 0.3, 1.0):
            with self._books.lock:
                names = list(self._books.seen)[-50:]
            name = chance.choice(names or ["none"])
            match chance.randrange(7):
                case 0:
                    asking.once("list", None, {"limit": chance.choice([1, 20, 2000])})
                case 1:
                    asking.once("get", name)
                case 2:
                    asking.once("log", name)
                case 3:
                    asking.once("facts", None, {"path": str(self._rig.backups)})
                case 4:
                    asking.once("get", "nobody knows this one")
                case 5:
                    asking.by_a_courier(chance.choice(["list", "probe"]))
                case _:
                    asking.once("garbage", name, "[" * 1000)

    def _goes_on(self, chance: random.Random, least: float, most: float) -> bool:
        time.sleep(chance.uniform(least, most))
        return time.monotonic() < self._until

    def _made(self, kind: str, chance: random.Random) -> tuple[str, Json]:
        """Make a request: in a target of its own, or one of the round's chains."""
        with self._lock:
            name = f"{kind}-{self._round}-{next(self._count)}"
        databases = choose(chance)
        chain = chance.random() < 0.3 and databases[0] in ("neo4j", "movies")
        target = self._rig.backups / (f"chain-{self._round}-{chance.randrange(3)}" if chain else name)
        type_ = chance.choice(["AUTO", "DIFF", "FULL"]) if chain else "FULL"
        return name, {"path": str(target), "type": type_, "database": databases}

    def _burst(self, asking: Asking) -> None:
        """Fill the queue, be told that it is full, and take it all back."""
        accepted = []
        for number in range(BURST):
            name, request = self._made("burst", random.Random(number))
            if "status" in asking.submit(name, request):
                accepted.append(name)
        for name in reversed(accepted):
            asking.cancel(name)

    def _cancel(self, name: str) -> None:
        self._books.cancel(name)
        Asking(self._rig, self._books).once("cancel", name)

    def _post(self, mailbox: Path, name: str, body: str, *, slowly: bool) -> bool:
        """Write a letter; give whether it reached the mailbox, which may just have been moved away."""
        began = time.monotonic()
        try:
            if slowly:
                with mailbox.open("w") as file:
                    self._note(name)
                    half = len(body) // 2
                    file.write(body[:half])
                    file.flush()
                    time.sleep(0.2)
                    file.write(body[half:])
                if time.monotonic() - began > HALF_WRITTEN_SECONDS:
                    with self._books.lock:
                        self._books.unsure.add(name)
            else:
                written = self._rig.folder / "letter"
                written.write_text(body)
                written.rename(mailbox)
                self._note(name)
        except FileNotFoundError:
            return False
        return True

    def _note(self, name: str) -> None:
        with self._books.lock:
            self._books.letters[name] += 1

    def _await_taken(self, mailbox: Path) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        # While the folder is away there is no mailbox either, and it may come back between two looks.
        while not (mailbox.parent.exists() and not mailbox.exists() and mailbox.parent.exists()):
            assert time.monotonic() < until, "the mailbox isn't emptied"
            time.sleep(0.05)
