"""Where servers take backups: ``host:port``, as ``--from`` has it."""

import re

from shared.text import printable

BACKUP_PORT = 6362
ADDRESS_RULE = "host:port, several separated by commas, such as localhost:6362 or [::1]:6362"
# Neither may begin with a dash: neo4j-admin would read it as an option.
_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,15})?\]"
_ADDRESS = re.compile(rf"({_HOST})(?::(\d{{1,5}}))?", re.ASCII)
_PORTS = range(1, 1 << 16)


def parse_addresses(text: str) -> tuple[str, ...]:
    """Read a comma list of ``host[:port]``; each comes back with its port, 6362 where none was written.

    Raises ValueError that says what would have been right.
    """
    # What stands before an @ may be a password, and a password may hold a comma.
    shown = text.rpartition("@")[2] if "@" in text else None
    return tuple(dict.fromkeys(_parse_address(part.strip(), shown) for part in text.split(",")))


def split_address(address: str) -> tuple[str, int]:
    """Give host and port of what ``parse_addresses`` gave; an IPv6 address without its brackets."""
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _parse_address(text: str, shown: str | None) -> str:
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found[2] or BACKUP_PORT) not in _PORTS:
        raise ValueError(
            f"{printable(repr(text if shown is None else shown), 80)} is no server: it takes {ADDRESS_RULE}"
        )
    return f"{found[1]}:{int(found[2] or BACKUP_PORT)}"
