"""A fault and what was observed of it: the rows of docs/faults.md, and the mark by which a test is one of them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

MARK = "fault"
MESSAGE_LENGTH = 200
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d")
_RANDOM = re.compile(r"(taken-|refused-|\.run-|\bpid )[0-9A-Za-z]+")
_TEMPORARY = re.compile(r"\.[0-9a-f]{24}\.tmp")


class Group(StrEnum):
    """The tables of the page, in its order; the value is the heading."""

    KILLED = "Processes that are killed, and shutdowns"
    MEMORY = "Memory"
    DISK = "Disks and folders"
    ADMIN = "neo4j-admin"
    CLOCK = "The clock"
    LOAD = "Load and company"
    KUBERNETES = "Kubernetes"


class Tier(StrEnum):
    """What a fault's test needs that not every machine has; the value is the mark of such a test."""

    DOCKER = "docker"
    KUBERNETES = "kubernetes"
    CLOCK = "libfaketime"
    MOUNTS = "mounts"


@dataclass(frozen=True, slots=True)
class Fault:
    """A row's place: its table and its name, the only thing in it that is written by hand."""

    group: Group
    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """What a user saw of a fault, what lay on the disk then, and how many seconds after it struck that was."""

    fault: Fault
    state: str
    exit_code: int | None
    code: str
    message: str
    left: str
    seconds: float

    @property
    def verdict(self) -> tuple[str, ...]:
        """Give what may not differ from one run to the next, as it is printed."""
        return (self.state or "-", "-" if self.exit_code is None else str(self.exit_code), self.code or "-")

    def line(self) -> str:
        """Give the row as a line of Markdown."""
        told = (
            "under 0.1 s"
            if self.seconds < 0.1
            else f"{self.seconds:.1f} s"
            if self.seconds < 10
            else (f"{self.seconds:.0f} s")
        )
        cells = (self.fault.name, *self.verdict, self.message or "-", self.left, told)
        return f"| {' | '.join(map(_cell, cells))} |"


def fault(group: Group, name: str) -> pytest.MarkDecorator:
    """Mark a test as that of a fault; it has to use the fixture ``row``."""
    return pytest.mark.fault(group, name)


def faults(group: Group, names: Iterable[str]) -> list[Any]:
    """Give the parameters of a test that is given a fault's name."""
    return [pytest.param(name, marks=fault(group, name), id=name) for name in names]


def fault_of(item: pytest.Item) -> Fault | None:
    """Give the fault that a test shows."""
    found = item.get_closest_marker(MARK)
    return None if found is None else Fault(*found.args)


def tier_of(item: pytest.Item) -> Tier | None:
    """Give what a test needs."""
    return next((tier for tier in Tier if item.get_closest_marker(tier) is not None), None)


def plain(text: str, folder: Path | None = None) -> str:
    """Give a text without what is another one in each run: the test's own folder, times, random names, pids."""
    if folder is not None:
        text = text.replace(str(folder), "")
    text = _TEMPORARY.sub(".….tmp", _RANDOM.sub(r"\1…", _TIME.sub("…", text)))
    return " ".join(text.split())


def shortened(message: str) -> str:
    """Cut a message to what a table takes, at a word's end."""
    if len(message) <= MESSAGE_LENGTH:
        return message
    return message[:MESSAGE_LENGTH].rpartition(" ")[0].rstrip(",;:") + " …"


def _cell(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
