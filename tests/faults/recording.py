"""The fixture by which the test of a fault says what it observed."""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.matrix import Fault, Row, fault_of, plain, shortened
from tests.faults.page import PAGE, PLUGIN, read_rows
from tests.rig import Rig

PROPERTY = "fault"
"""The property of a test's report that is its row."""
_OUTCOME = pytest.StashKey[str]()


class Recorder:
    """Takes the time from the fault to the moment when it is told, and makes the row of that moment."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.row: Row | None = None
        self._struck: float | None = None
        self._told: float | None = None

    def strike(self) -> None:
        """The fault strikes now."""
        self._struck = time.monotonic()

    def told(self) -> None:
        """It is told now; what is left is looked at later."""
        self._told = time.monotonic()

    def ended(self, rig: Rig, document: Mapping[str, Any]) -> None:
        """A request has just been told to have ended, or to be refused: its document, or its status."""
        seconds = self._seconds()
        self.record(Seen.of(document, rig), left_behind(rig), seconds)

    def refused(self, rig: Rig, error: Mapping[str, Any]) -> None:
        """Somebody who asked has just been answered with an error."""
        seconds = self._seconds()
        self.record(Seen.of({"state": "refused"} | dict(error), rig), left_behind(rig), seconds)

    def logged(self, rig: Rig, words: str) -> None:
        """The sidecar's log has just said so: the newest line with these words is the message."""
        seconds = self._seconds()
        line = next(line for line in reversed(rig.log.read_text().splitlines()) if words in line)
        self.record(Seen(message=plain(line[line.index(words) :], rig.folder)), left_behind(rig), seconds)

    def record(self, seen: "Seen", left: str, seconds: float | None = None) -> None:
        """Make the row; without ``seconds`` it is told now."""
        seconds = self._seconds() if seconds is None else seconds
        message = shortened(seen.message)
        self.row = Row(self.fault, seen.state, seen.exit_code, seen.code, message, left, seconds)

    def _seconds(self) -> float:
        assert self._struck is not None, "when the fault struck was not said"
        return (self._told or time.monotonic()) - self._struck


@dataclass(frozen=True, slots=True)
class Seen:
    """What a user sees."""

    state: str = ""
    exit_code: int | None = None
    code: str = ""
    message: str = ""

    @classmethod
    def of(cls, said: Mapping[str, Any], rig: Rig | None = None) -> "Seen":
        """Give what a status or an error says; a rig's own folders are told as if they lay in the root."""
        message = plain(said["message"] or "", rig.folder if rig else None)
        if rig is not None:
            message = message.replace(f"/{rig.backups.name}/{rig.target.name}", "/backups/nightly")
        return cls(said["state"], said["exit_code"], said["code"] or "", message)


def left_behind(rig: Rig) -> str:
    """Say what lies in a rig's target and what its runs should have taken away, the documents and logs aside."""
    # The record of a run goes a moment after its end is told.
    leftovers = rig.leftovers()
    until = time.monotonic() + 3
    while leftovers and time.monotonic() < until:
        time.sleep(0.02)
        leftovers = rig.leftovers()
    aside = rig.target / ".failed"
    return describe(len(rig.artifacts()), len(list(aside.iterdir())) if aside.is_dir() else 0, leftovers)


def describe(artifacts: int, aside: int, leftovers: list[str]) -> str:
    """Say what was counted."""
    parts = [f"{artifacts} artifact{'s' * (artifacts > 1)}"] if artifacts else []
    parts += [f"{aside} in `.failed/`"] if aside else []
    parts += [f"`{plain(name)}`" for name in sorted(leftovers)]
    return ", ".join(parts) or "nothing"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how a test has ended, for the fixture ``row``."""
    report = yield
    if report.when == "call":
        item.stash[_OUTCOME] = report.outcome
    return report


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Take what the test of a fault observes; a test that says nothing fails, and one that contradicts the page."""
    fault = fault_of(request.node)
    assert fault is not None, "a test that records a row is marked with its fault"
    recorder = Recorder(fault)
    yield recorder
    if request.node.stash.get(_OUTCOME, "") != "passed":
        return
    assert recorder.row is not None, "the test of a fault says what it observed"
    request.node.user_properties.append((PROPERTY, recorder.row))
    if not request.config.pluginmanager.has_plugin(PLUGIN):
        _compare(recorder.row)


def _compare(row: Row) -> None:
    line = read_rows(PAGE.read_text()).get(row.fault, "")
    told = tuple(cell.strip() for cell in line.split("|")[2:5])
    assert told == row.verdict, f"docs/faults.md says {told}: have `make faults` write it anew"
