"""What befell the sidecar's place while a backup was watched is a part of the answer."""

import json

import pytest

from tests.fakes.daemon import status
from tests.fakes.transport import FakeTransport
from trigger.answers import Told, read_status
from trigger.client import Patience
from trigger.reach import Reach
from trigger.watching import Watch

KILLED = "The container neo4j-backup-sidecar of the pod neo4j-0 was killed for want of memory and started again."


def watching(*befell: str) -> Watch:
    return Watch(Reach(FakeTransport([]), ("--pod", "neo4j-0"), list(befell)), Patience(), "nightly-1", "json")


def interrupted(**keys: object) -> Told:
    told = read_status(status("nightly-1", "failed", code="backup_interrupted", exit_code=11, **keys))
    assert told is not None
    return told


@pytest.mark.parametrize("known", [[], ["the server is newer"]])
def test_what_befell_the_place_is_among_the_warnings(capsys: pytest.CaptureFixture[str], known: list[str]) -> None:
    assert watching(KILLED).end(interrupted(warnings=known)) == 11

    assert json.loads(capsys.readouterr().out)["warnings"] == [*known, KILLED]


def test_where_nothing_befell_it_the_answer_is_as_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    told = interrupted()

    watching().end(told)

    assert json.loads(capsys.readouterr().out) == told.document
