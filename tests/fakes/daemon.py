"""A daemon that answers couriers on a real socket with what a test's script says."""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared.wire import SOCKET, encode

# Any: a line of JSON.
Line = dict[str, Any]
Answer = Iterable[Line | float | bytes]
"""Lines, raw bytes, and pauses in seconds; the connection is closed after the last."""

END: Line = {"end": {"exit_code": 0}}


class ScriptedDaemon:
    """Keeps what it was asked in ``asked`` and answers it with ``script``."""

    def __init__(self, folder: Path, script: Callable[[Line], Answer]) -> None:
        self.asked: list[Line] = []
        self._script = script
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listening = socket.socket(socket.AF_UNIX)
        where = os.open(folder, os.O_RDONLY)
        try:
            # A socket's path is short, and a test's folder may be long.
            self._listening.bind(f"/proc/self/fd/{where}/{SOCKET}")
        finally:
            os.close(where)
        self._listening.listen()
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def verbs(self) -> list[str]:
        """Give the verbs that were asked, in order."""
        return [asked["verb"] for asked in self.asked]

    def stop(self) -> None:
        """End every answer and the daemon."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in (self._accepting, *self._threads):
            thread.join()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._answer, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            asked = json.loads(lines.readline() or b"{}")
            self.asked.append(asked)
            for step in self._script(asked):
                if self._stopping.is_set():
                    return
                match step:
                    case float(seconds):
                        self._stopping.wait(seconds)
                    case bytes(data):
                        connection.sendall(data)
                    case line:
                        connection.sendall(encode(line))


@contextmanager
def scripted_daemon(folder: Path, script: Callable[[Line], Answer]) -> Iterator[ScriptedDaemon]:
    """Run a daemon on the request volume ``folder``."""
    daemon = ScriptedDaemon(folder, script)
    try:
        yield daemon
    finally:
        daemon.stop()


def status(name: str = "nightly-1", state: str = "running", **keys: object) -> Line:
    """Make a status's line."""
    ended = {"succeeded": 0, "failed": 3, "cancelled": 3, "rejected": 4}.get(state)
    document: Line = {
        "schema": 1,
        "id": name,
        "state": state,
        "code": None,
        "message": "",
        "hint": "",
        "retryable": False,
        "request": {"path": "/backups/nightly", "type": "FULL", "database": ["neo4j"]},
        "results": [],
        "accepted_at": "2026-11-23T02:15:00Z",
        "started_at": None,
        "ended_at": None,
        "exit_code": ended,
        "output_tail": [],
    }
    return {"status": document | keys}


def succeeded(name: str = "nightly-1", **keys: object) -> Line:
    """Make the status's line of a backup that succeeded."""
    result = {
        "database": "neo4j",
        "state": "succeeded",
        "type": "FULL",
        "artifact": "neo4j-2026-11-23T02-15-01.backup",
        "size_bytes": 1288490189,
        "lowest_tx": 1,
        "highest_tx": 48213,
    }
    return status(
        name,
        "succeeded",
        **{
            "results": [result],
            "started_at": "2026-11-23T02:15:00Z",
            "ended_at": "2026-11-23T02:18:05Z",
            **keys,
        },
    )


def until(seen: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until ``seen``; AssertionError where it doesn't come."""
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.01)
