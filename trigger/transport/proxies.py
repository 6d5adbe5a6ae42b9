"""Which proxy the environment asks for, as kubectl and curl read it."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from shared.errors import ConfigurationError
from shared.text import printable


def environment_proxy(server: SplitResult, environment: Mapping[str, str]) -> str | None:
    """Give the proxy's address for ``server``; None where it is reached without one.

    ``NO_PROXY`` takes names, ``.suffixes``, addresses, networks such as ``10.0.0.0/8``, and ``*``.
    """
    asked = _variable(environment, f"{server.scheme}_proxy")
    host = server.hostname or ""
    if not asked or any(
        _covers(entry.strip().lower(), host) for entry in _variable(environment, "no_proxy").split(",")
    ):
        return None
    return asked


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
    return environment.get(name) or environment.get(name.upper()) or ""


def _covers(entry: str, host: str) -> bool:
    if not entry:
        return False
    if entry == "*" or host == entry.lstrip(".") or host.endswith("." + entry.lstrip(".")):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
