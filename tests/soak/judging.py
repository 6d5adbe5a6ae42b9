"""Judges, while everything rests, each end by what lies on the disk and by what the stand-in says it did."""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig import FINAL, Rig
from tests.soak import faults
from tests.soak.books import Books, Json, base, end_of
from tests.soak.databases import DATABASES
from tests.soak.runs import Runs
from tests.soak.wholeness import Broken, read_whole

CLOCK_SLACK = 0.1
"""Seconds that a file's time may be behind a process's, since the kernel stamps files by its tick."""
_HITS = {
    "backup_interrupted": {*faults.RESTARTING, faults.MOVED},
    "backup_failed": {faults.LAUNCHER, faults.WORKER, faults.RESERVE},
    "artifact_unverified": {faults.LAUNCHER, faults.WORKER},
    "insufficient_space": {faults.RESERVE},
    "backup_timed_out": {faults.STOP},
}
"""Which faults a code may come from, where the database isn't one that fails in that way by itself."""


@dataclass
class Findings:
    """What must be empty: each entry says what was wrong, and with which request."""

    lost: list[str] = field(default_factory=list)
    ended_twice: list[str] = field(default_factory=list)
    wrong_ends: list[str] = field(default_factory=list)
    ran_twice: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Give everything that was wrong."""
        return [f"{name}: {entry}" for name, entries in vars(self).items() for entry in entries]


class Judge:
    """Judges the ends that came since the last time, then clears the targets."""

    def __init__(self, rig: Rig, books: Books) -> None:
        self._rig = rig
        self._books = books
        self._runs = Runs(rig.journal)
        self._judged: set[str] = set()
        self.findings = Findings()

    def judge(self) -> None:
        """Take stock; nothing runs and nobody asks."""
        self._runs.read()
        found = self.findings
        news = [seen.document for name, seen in self._books.seen.items() if name not in self._judged]
        ended = [document for document in news if document["state"] in FINAL]
        found.lost += [f"{document['id']} is {document['state']}" for document in news if document not in ended]
        self._judge_answers()
        self._judge_letters()
        backups = [document for document in ended if document["state"] != "rejected"]
        claimed: dict[Path, set[str]] = {}
        for document in backups:
            self._judge_end(document, claimed)
        self._judge_targets(claimed)
        self._judge_runs(backups)
        self._judged |= {document["id"] for document in ended}
        for target in self._targets():
            shutil.rmtree(target)
        self._runs.forget()

    def _judge_answers(self) -> None:
        """Compare what was told with what the documents say; judged anew each time, since both go on."""
        found, seen = self.findings, self._books.seen
        names = {base(name) for name in seen}
        found.lost += [
            f"{asked.name} was accepted, and there is no document"
            for asked in self._books.asked.values()
            if asked.accepted and asked.name not in names
        ]
        found.ended_twice += self._books.changed
        for name, ends in self._books.told.items():
            if name not in seen:
                found.lost.append(f"{name} was told as ended, and there is no document")
            elif ends != {end_of(seen[name].document)}:
                found.ended_twice.append(f"{name} was told to have ended as {ends}, not {end_of(seen[name].document)}")
        found.wrong_ends += wrong_exits(self._books)
        self._books.changed.clear()
        self._books.told.clear()
        self._books.exits.clear()

    def _judge_letters(self) -> None:
        """Each letter has one document: its request's own, or a refusal that repeats its id."""
        answered: Counter[str] = Counter()
        for seen in self._books.seen.values():
            document = seen.document
            if document["taken"] is not None:
                refusal = document["state"] == "rejected"
                answered[document["request"].get("id", "") if refusal else document["id"]] += 1
        # Each half of a letter that came too slowly may have been refused without its id.
        unsure = len(self._books.unsure)
        for name in self._books.letters.keys() | answered.keys():
            posted, told = self._books.letters[name], answered[name]
            slack = unsure if not name else int(name in self._books.unsure)
            if told < posted - (slack if name else 0):
                self.findings.lost.append(f"{posted} letters of {name!r} have {told} documents")
            if told > posted + (0 if name else slack):
                self.findings.ended_twice.append(f"{posted} letters of {name!r} have {told} documents")

    def _judge_end(self, document: Json, claimed: dict[Path, set[str]]) -> None:
        target = Path(document["request"]["path"])
        states = {result["state"] for result in document["results"]}
        if (document["state"] == "succeeded") != (states == {"succeeded"}):
            self._wrong(document, f"its results are {states}")
        if (document["state"] == "succeeded") != (document["exit_code"] == 0):
            self._wrong(document, f"its exit code is {document['exit_code']}")
        for result in document["results"]:
            if result["state"] == "succeeded":
                self._judge_success(document, result, target, claimed.setdefault(target, set()))
            else:
                claimed.setdefault(target, set())
                self._judge_reason(document, result)
        if not document["results"]:
            self._judge_reason(document, {**document, "database": ""})

    def _judge_success(self, document: Json, result: Json, target: Path, claimed: set[str]) -> None:
        name = result["artifact"]
        try:
            head = read_whole(target / name)
        except Broken as broken:
            # An earlier attempt's artifact was judged with that attempt, perhaps in an earlier round.
            if document["attempt"] == 1 or not self._is_kept(document, result):
                self._wrong(document, f"succeeded, and of {name}: {broken}")
            return
        if (head.database, head.full) != (result["database"], result["type"] == "FULL"):
            self._wrong(document, f"{name} is of {head.database}, full: {head.full}")
        made = (target / name).stat().st_mtime
        if not any(
            run.exit_code == 0 and run.began - CLOCK_SLACK <= made <= (run.ended or 0) + CLOCK_SLACK
            for run in self._runs.of(str(target), result["database"])
        ):
            self._wrong(document, f"no run that exited 0 made {name}")
        if name in claimed and not self._is_kept(document, result):
            self._wrong(document, f"{name} is another request's")
        claimed.add(name)

    def _is_kept(self, document: Json, result: Json) -> bool:
        """Say whether an earlier attempt of the same request made this result's artifact."""
        earlier = [base(document["id"]), f"{base(document['id'])}~2"][: document["attempt"] - 1]
        return any(result in self._books.seen[name].document["results"] for name in earlier)

    def _judge_reason(self, document: Json, result: Json) -> None:
        """A failure has a reason that is in the books: the database's own fault, a cancel, or what was broken."""
        code, database = result["code"], result["database"]
        own = DATABASES[database][1] if database else frozenset()
        if code in own or (code == "backup_failed" and document["request"]["type"] == "DIFF"):
            return
        if code == "backup_cancelled" and self._books.asked[base(document["id"])].cancelled:
            return
        if not self._books.hits(_HITS.get(code, set()), document):
            self._wrong(document, f"{database} ended as {code} for no reason: {result['message']}")

    def _judge_targets(self, claimed: dict[Path, set[str]]) -> None:
        """What lies where a differential would look is what a success named, and nothing else."""
        for target in self._targets():
            lying = {path.name for path in target.glob("*.backup*")}
            if lying != claimed.get(target, set()):
                self.findings.wrong_ends.append(f"{target.name} has {lying}, and named are {claimed.get(target)}")

    def _judge_runs(self, documents: list[Json]) -> None:
        asked = Counter(
            (document["request"]["path"], result["database"])
            for document in documents
            for result in document["results"]
        )
        for (target, database), count in asked.items():
            if len(runs := self._runs.of(target, database)) > count:
                self.findings.ran_twice.append(f"{count} requests had {len(runs)} runs of {database} into {target}")

    def _targets(self) -> list[Path]:
        return [path for path in self._rig.backups.iterdir() if path.is_dir() and not path.name.startswith(".")]

    def _wrong(self, document: Json, what: str) -> None:
        self.findings.wrong_ends.append(f"{document['id']} ({document['state']}, {document['code']}): {what}")


def wrong_exits(books: Books) -> list[str]:
    """Name the commands that ended with another code than the request that they told of.

    That is the attempt whose status was printed: a cancel that came after its end makes another.
    """
    wrong = []
    for exited in books.exits:
        last = exited.answered or max((each for each in books.seen if base(each) == exited.name), default=None)
        seen = books.seen.get(last or "")
        right = 10 if seen is None else seen.document["exit_code"]
        # 12 claims nothing: the command says that it doesn't know.
        if exited.exit_code not in (12, right):
            wrong.append(f"the command of {exited.name} ended with {exited.exit_code}, and {last} with {right}")
    return wrong
