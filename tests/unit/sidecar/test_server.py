"""The server is asked what it tells anybody, within bounds, and whatever it answers does no harm."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sidecar.neo4j_admin.version import Version
from sidecar.server import server_version, takes_connections

ANSWER = b'{"bolt_direct":"bolt://localhost:7687","neo4j_version":"5.26.28","neo4j_edition":"enterprise"}'


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def answering(*parts: bytes, pause: float = 0.0) -> Iterator[str]:
    """Serve one connection: read its request, send ``parts``, close."""
    with listening() as (server, address):

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                try:
                    for part in parts:
                        connection.sendall(part)
                        time.sleep(pause)
                except OSError:
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://{address}/"
        finally:
            thread.join()


def http(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def test_an_open_port_takes_connections_and_a_closed_one_does_not() -> None:
    with listening() as (_, opened), listening() as (closing, closed):
        closing.close()

        answers = asyncio.run(takes_connections([opened, closed, opened], 2.0))

    assert answers == {opened: True, closed: False}


def test_a_name_that_cannot_be_resolved_takes_no_connection() -> None:
    names = ["a..b:6362", f"{'x' * 70}.invalid:1"]

    assert asyncio.run(takes_connections(names, 5.0)) == dict.fromkeys(names, False)


def test_a_server_that_does_not_answer_is_given_up_after_the_timeout() -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = f"127.0.0.1:{full.getsockname()[1]}"
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        began = time.monotonic()

        answers = asyncio.run(takes_connections([address], 0.2))

    assert answers == {address: False}
    assert time.monotonic() - began < 2


def test_the_version_is_read_from_the_servers_answer() -> None:
    with answering(http(ANSWER)) as url:
        assert server_version(url) == Version(5, 26, 28)


def test_an_answer_that_comes_in_pieces_is_put_together() -> None:
    whole = http(ANSWER)

    with answering(whole[:20], whole[20:150], whole[150:], pause=0.02) as url:
        assert server_version(url) == Version(5, 26, 28)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        http(b""),
        http(b"[]"),
        http(b"null"),
        http(b"{}"),
        http(b'{"neo4j_version": 5}'),
        http(b'{"neo4j_version": "soon"}'),
        http(b"\xff\xfe"),
        http(b"[" * 60_000),
        http(ANSWER)[:-10],
        http(b'{"pad": "' + b"x" * 70_000 + b'", "neo4j_version": "5.26.28"}'),
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=range(13),
)
def test_any_other_answer_tells_no_version(answer: bytes) -> None:
    with answering(answer) as url:
        assert server_version(url) is None


def test_where_nobody_listens_there_is_no_version() -> None:
    with listening() as (server, address):
        server.close()

        assert server_version(f"http://{address}/") is None


def test_a_url_that_is_none_tells_no_version() -> None:
    assert server_version("http://localhost:port/") is None


def test_a_server_that_dribbles_is_given_up() -> None:
    began = time.monotonic()

    with answering(http(b"x" * 1000)[:100], *[b"x"] * 80, pause=0.25) as url:
        version = server_version(url)
        took = time.monotonic() - began

    assert version is None
    assert took < 10


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")

    with answering(http(ANSWER)) as url:
        assert server_version(url) == Version(5, 26, 28)
