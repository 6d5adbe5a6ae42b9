"""A Docker daemon on a socket that says what a test's script says, for what a real one does only now and then."""

import json
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

UPGRADED = (
    b"HTTP/1.1 101 UPGRADED\r\n"
    b"Content-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
)

# Any: a JSON document.
Answer = tuple[int, Mapping[str, Any]] | bytes
"""A status and a document, or bytes that are written as they are before the connection is closed."""


def frame(stream: int, payload: bytes) -> bytes:
    """Give one frame of a command's output."""
    return struct.pack(">BxxxL", stream, len(payload)) + payload


RUNNING: Answer = (200, {"State": {"Running": True, "Paused": False, "Status": "running"}})
DEFAULTS: dict[str, Answer] = {
    "version": (200, {"ApiVersion": "1.41", "MinAPIVersion": "1.12"}),
    "exec": (201, {"Id": "e1"}),
    "start": UPGRADED,
    "exec/json": (200, {"Running": False, "ExitCode": 0}),
    "container": RUNNING,
}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = False
    block_on_close = True
    answers: Mapping[str, Answer]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def address_string(self) -> str:
        return "test"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        answer = self.server.answers[_key(self.path)]
        if isinstance(answer, bytes):
            self.wfile.write(answer)
            self.close_connection = True
            return
        status, document = answer
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _key(path: str) -> str:
    match path.strip("/").split("/"):
        case [*_, "version"]:
            return "version"
        case [*_, "containers", _, "exec"]:
            return "exec"
        case [*_, "exec", _, "start"]:
            return "start"
        case [*_, "exec", _, "json"]:
            return "exec/json"
        case _:
            return "container"


@contextmanager
def fake_docker(folder: Path, answers: Mapping[str, Answer]) -> Iterator[str]:
    """Run the daemon and give what DOCKER_HOST has to be."""
    path = folder / "d.sock"
    with _Server(str(path), _Handler) as server:
        server.answers = DEFAULTS | dict(answers)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
            thread.join()
