"""However slowly an API server, a proxy or a login program goes on, a wait is over when its time is."""

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from shared.errors import TransportError
from tests.fakes.api_server import STDOUT, Says, access_to, api_server, frame, pod
from tests.fakes.dripping import dripping
from trigger.transport.kubernetes import KubernetesTransport, Target
from trigger.transport.kubernetes_access import Access
from trigger.transport.protocol import Silence
from trigger.transport.until import connect

pytest.importorskip("websocket")

GIVEN = 0.5
WITHIN = 8.0
"""How long a slow machine may take for what is over after ``GIVEN``; a drip would go on for ever."""
NO_FAMILY = 99
"""Of addresses, no kernel has it: EAFNOSUPPORT, as for IPv6 where that is left out."""
HEAD = b"HTTP/1.1 200 OK\r\nX-Slow: "
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: "
BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"
TLS_RECORD = b"\x16\x03\x03\x3f\xff"


def there() -> bytes:
    body = json.dumps(pod()).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


@contextmanager
def in_time() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < WITHIN


def to(access: Access) -> KubernetesTransport:
    return KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access)


@pytest.mark.parametrize(
    ("ahead", "drip"),
    [
        pytest.param((), HEAD, id="an answer's head"),
        pytest.param((), BODY, id="an answer's body"),
        pytest.param((there(),), UPGRADE, id="an exec's handshake"),
    ],
)
def test_an_api_server_that_drips_is_given_up_in_time(ahead: tuple[bytes, ...], drip: bytes) -> None:
    with dripping(*ahead, drip=drip) as port, in_time(), pytest.raises(TransportError, match="did not answer in time"):
        to(access_to(f"http://127.0.0.1:{port}")).run(["probe"], timeout=GIVEN)


def test_a_name_server_that_is_silent_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()

    def asked(*_: object, **__: object) -> list[object]:
        answers.wait(60)
        return []

    # No machine's resolver can be told to be silent without its own configuration.
    monkeypatch.setattr(socket, "getaddrinfo", asked)
    try:
        with in_time(), pytest.raises(TransportError, match="did not answer in time"):
            to(access_to("http://cluster.test:6443")).run(["probe"], timeout=GIVEN)
    finally:
        answers.set()
        for thread in threading.enumerate():
            if thread.name == "resolver":
                thread.join(10)


@pytest.mark.parametrize("name", ["a..test", f"{'a' * 70}.test"])
def test_a_name_that_is_none_is_told_and_no_thread_dies_of_it(name: str) -> None:
    with pytest.raises(TransportError, match=rf"http://{name}:6443 can't be reached: .*(idna|label)"):
        to(access_to(f"http://{name}:6443")).run(["probe"])


def test_a_handshake_of_tls_that_drips_is_given_up_in_time() -> None:
    with dripping(drip=TLS_RECORD) as port:
        access = replace(access_to(f"https://127.0.0.1:{port}"), tls=ssl.create_default_context())

        with in_time(), pytest.raises(TransportError, match="did not answer in time"):
            to(access).run(["probe"], timeout=GIVEN)


def test_a_proxy_that_drips_is_given_up_in_time() -> None:
    with dripping(drip=HEAD) as port:
        access = access_to("http://cluster.test:6443", proxy=f"http://127.0.0.1:{port}")

        with in_time(), pytest.raises(TransportError, match=rf"\(by the proxy 127.0.0.1:{port}\) did not answer in"):
            to(access).run(["probe"], timeout=GIVEN)


def test_a_proxy_that_says_no_is_told_with_its_word() -> None:
    no = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    with dripping(no) as port:
        access = access_to("http://cluster.test:6443", proxy=f"http://127.0.0.1:{port}")

        with pytest.raises(TransportError, match="the proxy gives no way there: 407 Proxy Authentication Required"):
            to(access).run(["probe"])


def test_a_frame_that_drips_holds_nobody_up_and_is_read_on() -> None:
    whole = frame(STDOUT + b"slow and whole, though not soon\n")
    dripped = Says(frames=[bytes([byte]) for byte in whole], pause=0.15)
    with api_server(Says(body=pod()), dripped) as (address, _), to(access_to(address)).run(["probe"]) as exchange:
        with in_time(), pytest.raises(Silence):
            exchange.read_line(GIVEN)

        assert exchange.read_line(30) == b"slow and whole, though not soon"


def test_an_exchange_whose_other_side_drips_is_closed_in_time() -> None:
    dripped = Says(frames=[b"\x82\x7e\x10\x00", *[b"x"] * 300], pause=0.1)
    with api_server(Says(body=pod()), dripped) as (address, _):
        exchange = to(access_to(address)).run(["probe"])
        with in_time():
            exchange.close()


def names(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, str, int]) -> None:
    """Have every name mean these addresses: family, host and port."""
    found = [(family, socket.SOCK_STREAM, 0, "", (host, port)) for family, host, port in addresses]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)


def test_an_address_of_a_family_that_the_kernel_lacks_keeps_nobody_from_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        names(monkeypatch, (NO_FAMILY, "::1", 1), (socket.AF_INET, *server.getsockname()))

        with connect("cluster.test", 1, time.monotonic() + 10) as found:
            assert found.getpeername() == server.getsockname()


def test_where_no_address_answers_the_first_one_s_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    names(monkeypatch, (socket.AF_INET, *address), (NO_FAMILY, "::1", 1))

    with pytest.raises(ConnectionRefusedError):
        connect("cluster.test", 1, time.monotonic() + 10)


def kubeconfig(folder: Path, port: int, user: dict[str, object]) -> str:
    path = folder / "config"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


@pytest.mark.parametrize(
    "user",
    [
        pytest.param({"token": "t"}, id="an API server that drips"),
        pytest.param(
            {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["300"]}},
            id="a login program that waits",
        ),
    ],
)
def test_the_command_s_timeout_holds(tmp_path: Path, user: dict[str, object]) -> None:
    with dripping(drip=HEAD) as port:
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "trigger", "trigger", "--pod", "neo4j-0", "--path", "/backups", "--timeout", "2s"],
            env={"PATH": "/usr/bin:/bin", "KUBECONFIG": kubeconfig(tmp_path, port, user)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        took = time.monotonic() - began

    assert done.returncode == 12, done.stderr
    assert "did not answer the request within 2s" in done.stderr
    assert took < 12
