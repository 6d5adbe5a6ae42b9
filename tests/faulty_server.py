"""An API server that answers badly or late at times: in front of a real one, on this machine, without TLS."""

import json
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult

_CHUNK = 65536
_HEAD_END = b"\r\n\r\n"


@dataclass(slots=True)
class FaultyServer:
    """What is to become of the next connections: a status is answered, a float is waited for, in seconds."""

    port: int
    next: deque[int | float] = field(default_factory=deque)
    answered: list[int | float] = field(default_factory=list)
    """What of it has been done so far."""


@contextmanager
def faulty_server(server: SplitResult, tls: ssl.SSLContext, server_name: str) -> Iterator[FaultyServer]:
    """Run it in front of ``server``; a connection for which nothing is said is passed on as it is."""
    listening = socket.create_server(("127.0.0.1", 0))
    made = FaultyServer(int(listening.getsockname()[1]))
    threads: list[threading.Thread] = []
    opened: list[socket.socket] = []
    stopped = threading.Event()

    def connect() -> ssl.SSLSocket:
        far = tls.wrap_socket(
            socket.create_connection((server.hostname or "", server.port or 443)), server_hostname=server_name
        )
        opened.append(far)
        return far

    def serve(near: socket.socket) -> None:
        with near, suppress(OSError):
            head = near.recv(_CHUNK)
            fault = made.next.popleft() if made.next else None
            if fault is not None:
                made.answered.append(fault)
            if isinstance(fault, int):
                near.sendall(_refusal(fault))
                return
            stopped.wait(fault or 0)
            with connect() as far:
                far.sendall(head)
                _both_ways(near, far)

    def accept() -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:
                return
            opened.append(near)
            threads.append(threading.Thread(target=serve, args=(near,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield made
    finally:
        stopped.set()
        for one in (listening, *opened):
            _end(one)
        for thread in (accepting, *threads):
            thread.join()
        listening.close()


def _both_ways(near: socket.socket, far: ssl.SSLSocket) -> None:
    # In one thread: two may not use one TLS connection at once.
    while True:
        ready = [far] if far.pending() else select.select([near, far], [], [])[0]
        for one in ready:
            chunk = one.recv(_CHUNK)
            if not chunk:
                return
            (far if one is near else near).sendall(chunk)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _refusal(status: int) -> bytes:
    reason = {401: "Unauthorized", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}[status]
    body = json.dumps({"kind": "Status", "status": "Failure", "reason": reason, "code": status, "message": reason})
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close{_HEAD_END.decode()}{body}".encode()
