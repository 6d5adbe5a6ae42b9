"""The sidecar's own log: a line for each event that nothing from outside can break, drive or put a secret into."""

import logging
import sys

import pytest

from sidecar.console import FactsFormatter

EVIL = "a\x1b[2J\nb\u202ec"
SHOWN = r"a\x1b[2J\nb\u202ec"


def line(message: str, *, error: ValueError | None = None, secrets: tuple[str, ...] = (), **facts: object) -> str:
    record = logging.makeLogRecord({"msg": message, "levelname": "INFO", "created": 0.0, "msecs": 0.0, **facts})
    if error is not None:
        try:
            raise error
        except ValueError:
            record.exc_info = sys.exc_info()
    return FactsFormatter(secrets).format(record)


def test_a_phrase_and_its_facts_are_one_line() -> None:
    said = line("request accepted", id="nightly-1", code=None, reason="two words")

    assert said == "1970-01-01T00:00:00.000Z INFO request accepted id=nightly-1 reason='two words'"


def test_nothing_from_outside_breaks_or_drives_a_line() -> None:
    assert line(EVIL, id=EVIL) == f"1970-01-01T00:00:00.000Z INFO {SHOWN} id={SHOWN}"


def test_a_traceback_drives_no_terminal_either() -> None:
    said = line("a defect", error=ValueError("red \x1b[31m\r\x9b1m"))

    assert said.splitlines()[-1] == r"ValueError: red \x1b[31m\r\x9b1m"
    assert all(each.isprintable() for each in said.split("\n"))


@pytest.mark.parametrize("secret", ["password=hunter2", "neo4j://neo4j:hunter2@db:6362", "the hunter2 of the cloud"])
def test_no_secret_is_logged(secret: str) -> None:
    said = line(secret, reason=secret, error=ValueError(secret), secrets=("hunter2",) if "cloud" in secret else ())

    assert "hunter2" not in said
