"""Which servers of --from can be reached, and which databases a name or a pattern means on them."""

from __future__ import annotations

import re

from . import state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .knobs import Knobs
    from .state import Database

DEFAULT_ADDRESS = "localhost:6362"
_PORT = 6362


class Server:
    """One address of --from, and the data folder behind it; ``up`` is whether it takes a connection."""

    __slots__ = ("address", "data", "up")

    def __init__(self, address: str, data: str, up: bool) -> None:
        self.address = address
        self.data = data
        self.up = up


def look(addresses: list[str], knobs: Knobs) -> list[Server]:
    """The servers in the order given, each tried once."""
    return [_server(complete(address), knobs) for address in addresses or [DEFAULT_ADDRESS]]


def complete(address: str) -> str:
    """``host:port``; raises ``ValueError`` for what is no address."""
    host, colon, port = address.rpartition(":")
    if not colon or address.endswith("]"):
        host, port = address, str(_PORT)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or set(host) & set(" /,@"):
        raise ValueError(f"{address!r} is no host:port")
    return f"{host}:{port}"


def means(pattern: str, name: str) -> bool:
    """Whether ``pattern`` takes the database ``name``; as the genuine 5.26.28 has it, ? also stands for nothing."""
    shape = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".?")
    return re.fullmatch(shape, name) is not None


def matching(pattern: str, servers: list[Server]) -> list[str]:
    """The databases that ``pattern`` means: itself, or, with * or ?, what any of the servers can give a copy of."""
    if not set(pattern) & set("*?"):
        return [pattern.lower()]
    found = {
        name
        for server in servers
        for name in state.names(server.data)
        if means(pattern, name) and (database := state.load(server.data, name)) and database.copyable
    }
    return sorted(found)


def holding(name: str, servers: list[Server]) -> tuple[Server, Database] | None:
    """The first server that has the database, as it has it."""
    for server in servers:
        if database := state.load(server.data, name):
            return server, database
    return None


def _server(address: str, knobs: Knobs) -> Server:
    data = knobs.servers.get(address, knobs.data)
    host = address.rpartition(":")[0]
    up = not {address, host} & set(knobs.offline) and (knobs.connect == "state" or _connects(address))
    return Server(address, data, up)


def _connects(address: str) -> bool:
    import socket

    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5):
            return True
    except OSError:
        return False
