"""A server that never stops saying something, a byte now and then, as a stuck peer or a hostile one does."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

BEAT = 0.05


class _Dripping:
    def __init__(self, ahead: tuple[bytes, ...], drip: bytes) -> None:
        self._ahead = list(ahead)
        self._drip = drip
        self._over = threading.Event()
        self._talks: list[threading.Thread] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def stop(self) -> None:
        self._over.set()
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for thread in (self._accepting, *self._talks):
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                talk = threading.Thread(target=self._talk, args=(connection,))
                self._talks.append(talk)
                talk.start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            if self._ahead:
                connection.recv(64 * 1024)
                connection.sendall(self._ahead.pop(0))
                return
            for byte in self._drip:
                connection.sendall(bytes([byte]))
                self._over.wait(BEAT)
            while not self._over.wait(BEAT):
                connection.sendall(b"x")


@contextmanager
def dripping(*ahead: bytes, drip: bytes = b"") -> Iterator[int]:
    """Give the port of a server whose first answers are whole, and all others ``drip`` and on without an end."""
    server = _Dripping(ahead, drip)
    try:
        yield server.listening.getsockname()[1]
    finally:
        server.stop()
