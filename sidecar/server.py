"""What the Neo4j server beside us answers without credentials: whether it takes connections, and its version."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterable

from sidecar.addresses import split_address
from sidecar.neo4j_admin.version import Version

SERVER_URL = "http://localhost:7474/"
_ANSWER_LIMIT = 64 * 1024
_ANSWER_SECONDS = 2.0
_BETWEEN_LOOKS = 2.0


async def takes_connections(addresses: Iterable[str], timeout: float) -> dict[str, bool]:
    """Say for each ``host:port`` whether it takes a TCP connection within ``timeout`` seconds; all at once."""
    asked = tuple(dict.fromkeys(addresses))
    answers = await asyncio.gather(*(_connects(address, timeout) for address in asked))
    return dict(zip(asked, answers, strict=True))


async def await_connection(addresses: Iterable[str], seconds: float, stop: asyncio.Event) -> bool:
    """Wait until one of them takes a connection; false after so many ``seconds``, or as soon as ``stop`` is set."""
    asked = tuple(addresses)
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while not any((await takes_connections(asked, _ANSWER_SECONDS)).values()):
        if stop.is_set() or loop.time() >= until:
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(_BETWEEN_LOOKS, max(0.0, until - loop.time())))
    return True


def server_version(url: str = SERVER_URL) -> Version | None:
    """Ask the server's HTTP port for its version; None for whatever else happens. Blocks for 2 s at most or so."""
    # Not urllib: it follows redirects, and would ask a proxy for localhost where one is set.
    import http.client
    from urllib.parse import urlsplit

    deadline = time.monotonic() + _ANSWER_SECONDS
    try:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ANSWER_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", parts.path or "/", headers={"Accept": "application/json", "Connection": "close"})
            response = connection.getresponse()
            body = b""
            while time.monotonic() < deadline and (more := response.read1(_ANSWER_LIMIT - len(body))):
                body += more
        return Version.parse(json.loads(body)["neo4j_version"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


async def _connects(address: str, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(*split_address(address))
    except (OSError, TimeoutError, UnicodeError, RuntimeError):
        # The last: a name is looked up in a thread, and there may be none.
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
