"""A relay on this machine in front of a server, whose connections a test cuts or freezes."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 65536


class Relay:
    """Passes bytes on to ``upstream``; ``frozen`` holds back what comes, on both sides."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self._upstream = upstream
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._others: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.frozen = threading.Event()
        self.accepted = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def cut(self) -> None:
        """End every connection that there is, on both sides."""
        with self._lock:
            for found in self._others:
                # The other side may have ended it meanwhile.
                with suppress(OSError):
                    found.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Pass on until ``stop``."""
        while not self._stopped.is_set():
            with selectors.DefaultSelector() as ready:
                with self._lock:
                    for one in (self._listening, *(() if self.frozen.is_set() else self._others)):
                        ready.register(one, selectors.EVENT_READ)
                found = [key.fileobj for key, _ in ready.select(0.02)]
            for one in found:
                if one is self._listening:
                    self._accept()
                elif isinstance(one, socket.socket):
                    self._pass_on(one)
        for one in (self._listening, *self._others):
            one.close()

    def stop(self) -> None:
        """End it."""
        self._stopped.set()

    def _accept(self) -> None:
        near, _ = self._listening.accept()
        far = socket.create_connection(self._upstream)
        with self._lock:
            self._others |= {near: far, far: near}
            self.accepted += 1

    def _pass_on(self, one: socket.socket) -> None:
        with self._lock:
            if one not in self._others:
                return
            try:
                chunk = one.recv(_CHUNK)
                self._others[one].sendall(chunk)
            except OSError:
                chunk = b""
            if not chunk:
                other = self._others.pop(one)
                del self._others[other]
                one.close()
                other.close()


@contextmanager
def relay(host: str, port: int) -> Iterator[Relay]:
    """Run a relay in front of a server."""
    made = Relay((host, port))
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
