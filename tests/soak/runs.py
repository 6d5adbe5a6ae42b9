"""The runs of neo4j-admin, by the stand-in's journal, which knows nothing of the daemon's documents."""

import json
from dataclasses import dataclass
from pathlib import Path

_TO_PATH = "--to-path="


@dataclass(slots=True)
class Run:
    """One run; times are of the wall clock. One that was killed has no end."""

    target: str
    database: str
    began: float
    ended: float | None = None
    exit_code: int | None = None


class Runs:
    """Reads on from where it was, since an hour's journal is long."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._read = 0
        self._by_run: dict[str, Run] = {}

    def read(self) -> None:
        """Take in what was written since; at rest each line is whole."""
        with self._journal.open("rb") as journal:
            journal.seek(self._read)
            for line in journal:
                self._take(json.loads(line))
            self._read = journal.tell()

    def of(self, target: str, database: str) -> list[Run]:
        """Give the runs of one database into one folder."""
        return [run for run in self._by_run.values() if (run.target, run.database) == (target, database)]

    def forget(self) -> None:
        """Forget all: their targets are gone."""
        self._by_run.clear()

    def _take(self, event: dict[str, object]) -> None:
        name, kind = str(event["run"]), event["event"]
        if kind == "start":
            argv = [str(word) for word in event["argv"]]  # type: ignore[attr-defined]  # a list
            target = next((word.removeprefix(_TO_PATH) for word in argv if word.startswith(_TO_PATH)), None)
            if target is not None:
                self._by_run[name] = Run(target, argv[-1], float(str(event["time"])))
        elif kind == "end" and (run := self._by_run.get(name)) is not None:
            run.ended, run.exit_code = float(str(event["time"])), int(str(event["exit"]))
