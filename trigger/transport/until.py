"""Sockets whose talk is over at one moment: a timeout of each call alone ends nothing while bytes drip in."""

import socket
import ssl
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
    """Connect to the first address that answers; the first one's OSError where none does."""
    failed: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return _connected(PlainUntil(family, kind, protocol), address, deadline)
        except OSError as error:
            # Also of a kernel without this family, such as IPv6: the next may be of another.
            failed = failed or error
    raise failed or OSError("the name has no address")


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
