"""neo4j-admin's starts: each is counted, and held to what the documents on the volume say at that moment."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from sidecar.neo4j_admin.runner import Launch
from sidecar.volume import RUN
from tests.model.turns import Turn

# Any: a document as JSON.
Told = dict[str, Any]


class Starts:
    """``cancelled`` are the requests whose cancel was answered, ``problems`` what was wrong with a start."""

    def __init__(self, requests: Path, turns: set[Turn]) -> None:
        self.cancelled: set[str] = set()
        self.problems: list[str] = []
        self._requests = requests
        self._turns = turns
        self._counts: Counter[tuple[str, str]] = Counter()

    def account(self, launch: Launch, database: str) -> str:
        """Look whether this start is allowed; give the request's attempt that it is for."""
        try:
            run = json.loads((self._requests / RUN).read_bytes())
        except (FileNotFoundError, ValueError):
            self.problems.append(f"neo4j-admin is started for {database}, and run.json doesn't say so")
            return ""
        name = str(run["id"])
        if (run["word"], run["database"]) != (launch.word, database):
            self.problems.append(f"neo4j-admin is started for {database}, and run.json says {run}")
        self._counts[name, database] += 1
        if self._counts[name, database] > 1:
            self.problems.append(f"{database} of {name} is run twice")
        if name in self.cancelled:
            self.problems.append(f"{database} of {name} is run after a cancel was answered")
        documents = [json.loads(path.read_bytes()) for path in (self._requests / "status").glob("*.json")]
        own = next((document for document in documents if document["id"] == name), None)
        if own is None or own["state"] != "running":
            self.problems.append(f"{name} runs, and its document is {own}")
            return name
        for other in documents:
            if other["exit_code"] is None and other["number"] < own["number"]:
                self.problems.append(f"{name} runs before {other['id']}, which was accepted earlier")
            if _request(other) == _request(own) and other["attempt"] < own["attempt"]:
                self._look_at_earlier(other, name, database)
        return name

    def _look_at_earlier(self, attempt: Told, name: str, database: str) -> None:
        done = {result["database"] for result in attempt["results"] if result["state"] == "succeeded"}
        if database in done:
            self.problems.append(f"{name} runs {database}, which {attempt['id']} has backed up")
        elif done:
            self._turns.add(Turn.LESS)


def _request(document: Told) -> str:
    return str(document["id"]).partition("~")[0]
