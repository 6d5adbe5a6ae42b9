"""The pretended server of the stand-in's image: makes its databases and takes connections on the backup port."""

from __future__ import annotations

import os
import signal
import socket

from . import server

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

ADDRESS = ("127.0.0.1", 6362)


def main(home: str, arguments: list[str]) -> int:
    """Serve until SIGTERM. Databases that are there stay, whoever made them."""
    data = os.environ.get("STANDIN_DATA") or f"{home}/data"
    if not os.path.isdir(f"{data}/databases"):
        server.create_dbms(data)
    # It may be PID 1, for which SIGTERM does nothing unless somebody listens to it.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    with socket.create_server(ADDRESS) as listening:
        print(f"FAKE: the pretended server has {data}, and takes connections at {ADDRESS[0]}:{ADDRESS[1]}", flush=True)
        while True:
            listening.accept()[0].close()


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)
