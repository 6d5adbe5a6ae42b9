"""The sidecar's own log shows the beginning of what neo4j-admin prints, and no more than it can bear."""

import logging

import pytest

from sidecar.console_echo import ConsoleEcho

LOGGER = logging.getLogger("test echo")


def echo(caplog: pytest.LogCaptureFixture, *lines: bytes, **limits: int) -> list[str]:
    shown = ConsoleEcho(LOGGER, **limits)
    with caplog.at_level(logging.INFO, LOGGER.name):
        for line in lines:
            shown.write(line)
    return [record.getMessage() for record in caplog.records]


def test_lines_are_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    messages = echo(caplog, "Größe".encode(), b"\tat a.b.C(100%)")

    assert messages == ["neo4j-admin: Größe", "neo4j-admin:  at a.b.C(100%)"]


def test_after_so_many_lines_one_says_that_the_rest_is_in_the_file(caplog: pytest.LogCaptureFixture) -> None:
    messages = echo(caplog, *[b"line"] * 5000)

    assert len(messages) == 2001
    assert set(messages[:2000]) == {"neo4j-admin: line"}
    assert "only in the request's log file" in messages[2000]


def test_exactly_as_many_lines_as_allowed_need_no_such_line(caplog: pytest.LogCaptureFixture) -> None:
    assert echo(caplog, b"a", b"b", lines=2) == ["neo4j-admin: a", "neo4j-admin: b"]


def test_after_so_many_bytes_one_says_that_the_rest_is_in_the_file(caplog: pytest.LogCaptureFixture) -> None:
    messages = echo(caplog, *[b"x" * 2048] * 600)

    assert len(messages) == 513
    assert "only in the request's log file" in messages[512]


def test_a_long_line_is_cut_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = echo(caplog, b"x" * 60_000)

    assert message == "neo4j-admin: " + "x" * 2048 + " …"


def test_what_is_not_printable_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    (message,) = echo(caplog, b"a\r\x1b[31mb\0\xff\xe2\x80\xae" + "\u2028".encode())

    assert message == r"neo4j-admin: a\r\x1b[31mb\0\xff\u202e\u2028"
