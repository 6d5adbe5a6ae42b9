"""Sockets whose talk is over at one moment: a timeout of each call alone ends nothing while bytes drip in."""

import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any

CONNECT_SECONDS = 10.0
"""How long one address may take to answer."""

if TYPE_CHECKING:
    _Socket = socket.socket
else:
    _Socket = object


class _Until(_Socket):
    """What both kinds of socket have. ``deadline`` is a moment of ``time.monotonic``; None leaves the timeout be."""

    deadline: float | None = None

    # Any, here and below: as the standard library's own, which these only precede.
    def recv(self, *given: Any) -> bytes:  # noqa: ANN401
        self._bound()
        return super().recv(*given)

    def recv_into(self, *given: Any, **named: Any) -> int:  # noqa: ANN401
        self._bound()
        return super().recv_into(*given, **named)

    def send(self, *given: Any) -> int:  # noqa: ANN401
        self._bound()
        return super().send(*given)

    def sendall(self, *given: Any) -> None:  # noqa: ANN401
        self._bound()
        super().sendall(*given)

    def _bound(self) -> None:
        if self.deadline is not None:
            self.settimeout(left(self.deadline))


class PlainUntil(_Until, socket.socket):
    """A socket with a deadline."""


class TlsUntil(_Until, ssl.SSLSocket):
    """A socket of TLS with a deadline."""


def left(deadline: float) -> float:
    """Give the seconds until ``deadline``; TimeoutError where it is over."""
    if (seconds := deadline - time.monotonic()) <= 0:
        raise TimeoutError("timed out")
    return seconds


def connect(host: str, port: int, deadline: float) -> PlainUntil:
    """Connect to the first address that answers; the first one's OSError where none does, ValueError for no name."""
    failed: OSError | None = None
    for family, kind, protocol, _, address in _addresses(host, port, deadline):
        try:
            return _connected(PlainUntil(family, kind, protocol), address, deadline)
        except OSError as error:
            # Also of a kernel without this family, such as IPv6: the next may be of another.
            failed = failed or error
    raise failed or OSError("the name has no address")


def _addresses(host: str, port: int, deadline: float) -> list[Any]:
    """Give what the name stands for, in the resolver's order; the resolver itself takes no deadline."""
    found: list[Any] = []
    failed: list[Exception] = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001  # whoever asks raises it: a name may be none, which is a UnicodeError
            failed.append(error)

    # Nobody waits for one that asks a name server which is silent.
    asking = threading.Thread(target=ask, name="resolver", daemon=True)
    asking.start()
    asking.join(left(deadline))
    if failed:
        raise failed[0]
    if asking.is_alive():
        raise TimeoutError("timed out")
    return found


# Any: an address is of its family's shape.
def _connected(found: PlainUntil, address: Any, deadline: float) -> PlainUntil:  # noqa: ANN401
    try:
        found.settimeout(min(CONNECT_SECONDS, left(deadline)))
        found.connect(address)
    except BaseException:
        found.close()
        raise
    found.deadline = deadline
    return found


def secure(plain: PlainUntil, tls: ssl.SSLContext, name: str, deadline: float) -> TlsUntil:
    """Speak TLS on a connection, to who has the certificate for ``name``; the plain socket is used up."""
    plain.settimeout(left(deadline))
    tls.sslsocket_class = TlsUntil
    found = tls.wrap_socket(plain, server_hostname=name)
    assert isinstance(found, TlsUntil)  # noqa: S101  # the class that was just asked for
    found.deadline = deadline
    return found
