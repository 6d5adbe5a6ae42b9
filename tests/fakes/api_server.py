"""An API server on a port that says what a test's script says, for what a real one does only now and then."""

import base64
import hashlib
import json
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from trigger.transport.kubernetes_access import Access

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
STDOUT, STDERR, STATUS = b"\x01", b"\x02", b"\x03"
CLOSE = b"\x88\x02\x03\xe8"
SUCCESS = STATUS + b'{"metadata":{},"status":"Success"}'


def frame(payload: bytes, opcode: int = 2, *, last: bool = True) -> bytes:
    """Give one WebSocket frame as a server sends it."""
    size = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack("!H", len(payload))
    return bytes([(0x80 if last else 0) | opcode]) + size + payload


def failure(message: str, **details: object) -> bytes:
    """Give what the status channel says of a command that failed."""
    return STATUS + json.dumps({"status": "Failure", "message": message, "details": details}).encode()


# Any, here and below: a JSON document.
@dataclass(frozen=True, slots=True)
class Says:
    """An answer: a status and a document, a page, another ``location``, or with ``frames`` an exec's stream.

    ``protocol`` says which of those that the client offers an exec is to speak; the first is the newest.
    """

    status: int = 200
    body: dict[str, Any] | str = ""
    frames: Sequence[bytes] | None = None
    pause: float = 0.0
    location: str = ""
    protocol: int = 0


def _unmasked(frames: bytes) -> bytes:
    found = b""
    while len(frames) > 6:
        size, start = frames[1] & 0x7F, 2
        if size == 126:
            size, start = struct.unpack("!H", frames[2:4])[0], 4
        mask, payload = frames[start : start + 4], frames[start + 4 : start + 4 + size]
        found += bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        frames = frames[start + 4 + size :]
    return found


def refuses(status: int, reason: str, message: str) -> Says:
    """Answer as an API server says no."""
    return Says(status, {"kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": status})


@dataclass(slots=True)
class Asked:
    """What a scripted server was asked, with which credentials, and what an exec's client sent, unmasked."""

    paths: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    sent: bytes = b""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    script: list[Says]
    asked: Asked


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_CONNECT(self) -> None:
        """Be a proxy: say yes and answer what comes through."""
        self.server.asked.paths.append(f"CONNECT {self.path}")
        self.server.asked.authorizations.append(self.headers.get("Proxy-Authorization"))
        self.send_response(200)
        self.end_headers()
        self.close_connection = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.paths.append(self.path)
        self.server.asked.authorizations.append(self.headers.get("Authorization"))
        says = self.server.script.pop(0)
        if says.frames is not None:
            self._upgrade(says)
            return
        content = (says.body if isinstance(says.body, str) else json.dumps(says.body)).encode()
        self.send_response(says.status)
        self.send_header("Content-Length", str(len(content)))
        if says.location:
            self.send_header("Location", says.location)
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = True

    def _upgrade(self, says: Says) -> None:
        key = self.headers["Sec-WebSocket-Key"].encode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key + _MAGIC).digest()).decode())
        self.send_header("Sec-WebSocket-Protocol", self.headers["Sec-WebSocket-Protocol"].split(",")[says.protocol])
        self.end_headers()
        for piece in says.frames or ():
            self.connection.sendall(piece)
            time.sleep(says.pause)
        self.connection.shutdown(socket.SHUT_WR)
        # What the client still says is taken, or the kernel would cut off what it hasn't read yet.
        taken = b""
        while chunk := self.connection.recv(4096):
            taken += chunk
        self.server.asked.sent += _unmasked(taken)
        self.close_connection = True


@contextmanager
def api_server(*script: Says) -> Iterator[tuple[str, Asked]]:
    """Run a server that gives one answer after the other; gives its address, and what it was asked."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.script, server.asked = list(script), Asked()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.asked
        finally:
            server.shutdown()
            thread.join()


def access_to(address: str, *, token: str = "a-token", proxy: str | None = None) -> Access:
    """Give the way to a scripted server."""
    server = urlsplit(address)
    return Access(
        server,
        None,
        server.hostname or "",
        lambda: f"Bearer {token}",
        "shop",
        None if proxy is None else urlsplit(proxy),
        "the test",
    )


def pod(name: str = "neo4j-0", uid: str = "u1", **changes: Any) -> dict[str, Any]:
    """Give a pod's document with Neo4j and a native sidecar that runs; ``changes`` are of the sidecar's status."""
    status = {"name": "neo4j-backup-sidecar", "restartCount": 0, "state": {"running": {}}, "lastState": {}}
    sidecar = {
        "name": "neo4j-backup-sidecar",
        "restartPolicy": "Always",
        "resources": {"limits": {"memory": "1Gi"}},
    }
    return {
        "metadata": {"name": name, "uid": uid},
        "spec": {"initContainers": [{"name": "prepare"}, sidecar], "containers": [{"name": "neo4j"}]},
        "status": {
            "phase": "Running",
            "initContainerStatuses": [{"name": "prepare", "state": {"terminated": {}}}, {**status, **changes}],
            "containerStatuses": [{"name": "neo4j", "state": {"running": {}}}],
        },
    }
