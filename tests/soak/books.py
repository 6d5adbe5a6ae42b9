"""The soak's own books: what was asked, what was answered, which documents were seen, what broke when."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.rig import FINAL

# Any: a status or a document, as JSON has it.
Json = dict[str, Any]
End = tuple[str, str | None, int, str]
"""State, code, exit code and time of an end."""


@dataclass(slots=True)
class Asked:
    """A request as its asker knows it; ``accepted`` once an answer said so, ``cancelled`` once that was wished."""

    name: str
    request: Json
    accepted: bool = False
    cancelled: bool = False


@dataclass(slots=True)
class Seen:
    """A document as it was seen on the volume: its newest reading, and its bytes since it was final."""

    document: Json
    final: bytes | None = None


@dataclass(frozen=True, slots=True)
class Struck:
    """A fault, and between which times of the wall clock it can have had its effect."""

    kind: str
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Exited:
    """How a command ended: ``name`` is what it asked under, ``answered`` whose status it printed at last, if any's."""

    name: str
    exit_code: int
    answered: str | None = None


@dataclass
class Books:
    """Written by every thread of a soak, each change under the lock; read at rest."""

    asked: dict[str, Asked] = field(default_factory=dict)
    letters: Counter[str] = field(default_factory=Counter)
    """Mailbox files that were put there, by the id in them; by none those that were no request."""
    unsure: set[str] = field(default_factory=set)
    """Letters that were so slow that they may have been refused as half-written."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals that couriers were told, by code."""
    told: dict[str, set[End]] = field(default_factory=dict)
    """Ends that couriers were told."""
    exits: list[Exited] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    struck: list[Struck] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """Documents that changed after their end."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def ask(self, name: str, request: Json) -> Asked:
        """Note that a request is about to be asked for."""
        with self.lock:
            return self.asked.setdefault(name, Asked(name, request))

    def cancel(self, name: str) -> None:
        """Note that a request is about to be cancelled."""
        with self.lock:
            self.asked[name].cancelled = True

    def hear(self, line: Json) -> None:
        """Note what a line from the daemon says."""
        with self.lock:
            if "error" in line:
                self.refused[line["error"]["code"]] += 1
            if (status := line.get("status")) is None:
                return
            if (asked := self.asked.get(base(status["id"]))) is not None and status["state"] != "rejected":
                asked.accepted = True
            if status["state"] in FINAL:
                self.told.setdefault(status["id"], set()).add(end_of(status))

    def see(self, document: Json, data: bytes) -> None:
        """Note a document that was read on the volume."""
        name = document["id"]
        with self.lock:
            seen = self.seen.setdefault(name, Seen(document))
            if seen.final is not None and seen.final != data:
                self.changed.append(f"{name}: {seen.final!r} became {data!r}")
            if document["state"] in FINAL:
                seen.final = data
            seen.document = document

    def hits(self, kinds: set[str], document: Json) -> bool:
        """Say whether a fault of these kinds struck while a request ran, or waited where it never ran."""
        began, ended = stamp(document["started_at"] or document["accepted_at"]), stamp(document["ended_at"])
        return any(each.kind in kinds and each.began <= ended and each.ended >= began for each in self.struck)


def base(name: str) -> str:
    """Give the id of an attempt's name."""
    return name.partition("~")[0]


def end_of(status: Json) -> End:
    """Give the end that a final status tells."""
    return status["state"], status["code"], status["exit_code"], status["ended_at"]


def stamp(moment: str) -> float:
    """Give a status's time in seconds since the epoch."""
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()
