"""Which proxy the environment asks for, as Go's programs read it, and so kubectl."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from shared.errors import ConfigurationError
from shared.text import printable

_PORTS = {"http": 80, "https": 443}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def environment_proxy(server: SplitResult, environment: Mapping[str, str]) -> str | None:
    """Give the proxy's address for ``server``; None where it is reached without one, as this machine itself always is.

    ``NO_PROXY`` takes names with all that is below them, ``.suffixes`` and ``*.suffixes``, addresses, each with a
    port or without, networks such as ``10.0.0.0/8``, and ``*``. Source: golang.org/x/net/http/httpproxy.
    None of the libraries here reads it so: to requests and urllib loopback is as any other place, and
    ``*.suffixes`` match nothing.
    """
    asked = _variable(environment, f"{server.scheme}_proxy")
    host, port = (server.hostname or "").lower(), server.port or _PORTS.get(server.scheme, 0)
    address = _address(host)
    if not asked or host == "localhost" or (address is not None and address.is_loopback):
        return None
    entries = [entry.strip().lower() for entry in _variable(environment, "no_proxy").split(",")]
    return None if any(_covers(entry, host, port, address) for entry in entries if entry) else asked


def parse_proxy(address: str) -> SplitResult:
    """Read a proxy's address; ConfigurationError for one that isn't an HTTP proxy's."""
    shown = "named there"
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        # Without its user and password.
        shown = printable(f"{parts.scheme}://{parts.hostname}", 200)
        if parts.scheme == "http" and parts.hostname and parts.port is not False:
            return parts
    except ValueError:
        pass
    raise ConfigurationError(
        f"the proxy {shown} can't be used: it has to be http://HOST:PORT",
        hint="See HTTPS_PROXY and NO_PROXY, and the cluster's proxy-url in the kubeconfig.",
    )


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""


def _covers(entry: str, host: str, port: int, address: _Address | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, wanted = _split(entry)
    if wanted not in ("", str(port)):
        return False
    if (excepted := _address(name)) is not None:
        return address == excepted
    suffix = name[1:] if name.startswith("*.") else name
    return bool(suffix) and (host.endswith(f".{suffix.removeprefix('.')}") or host == suffix)


def _split(entry: str) -> tuple[str, str]:
    """Give an entry's host and its port, "" for any."""
    if _address(entry) is not None:
        return entry, ""
    name, _, port = entry.rpartition(":")
    return (name.strip("[]"), port) if name else (entry.strip("[]"), "")


def _address(host: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    # An address of IPv4 that is written as one of IPv6 is the same.
    return getattr(found, "ipv4_mapped", None) or found
