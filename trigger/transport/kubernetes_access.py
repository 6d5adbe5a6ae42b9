"""Where the API server is, and how it knows us: by this pod's service account, or by a kubeconfig."""

import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from shared.errors import ConfigurationError
from shared.text import printable, without_passwords
from trigger.transport.protocol import START_SECONDS
from trigger.transport.proxies import environment_proxy, parse_proxy

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
KUBECONFIG = "~/.kube/config"
INSTALL = "In a clone of neo4j-backup: pip install '.[kubernetes]'"
# Of latin-1, in which a header is sent, what is no control character.
_HEADER_VALUE = re.compile(r"[\x20-\x7e\xa0-\xff]*")


@dataclass(frozen=True, slots=True)
class Access:
    """A cluster as it is reached from here.

    ``authorization`` gives the header's value, read anew each time: tokens rotate. ``server_name`` is the
    name that the certificate has to be for. ``context`` is the kubeconfig's, None in a pod.
    """

    server: SplitResult
    tls: ssl.SSLContext | None
    server_name: str
    authorization: Callable[[], str]
    namespace: str
    proxy: SplitResult | None
    source: str
    context: str | None = None


def open_access(
    context: str | None,
    environment: Mapping[str, str],
    folder: str = SERVICE_ACCOUNT,
    *,
    seconds: float = START_SECONDS,
) -> Access:
    """Find the way to a cluster: ``context`` or ``KUBECONFIG``, else this pod's account, else ~/.kube/config.

    Raises ConfigurationError where there is none, or where what is there can't be used, and TransportError
    where a login gives nothing, or not within ``seconds``.
    """
    named = environment.get("KUBECONFIG") or ""
    if context is None and not named and os.path.isfile(f"{folder}/token"):
        return in_cluster(environment, folder)
    try:
        from trigger.transport.kubernetes_kubeconfig import from_kubeconfig
    except ImportError as error:
        raise ConfigurationError(
            "a kubeconfig needs the kubernetes library, which is not installed", hint=INSTALL
        ) from error
    return from_kubeconfig(named or KUBECONFIG, context, environment, seconds)


def header_value(text: str, source: str) -> str:
    """Give an authorization of ``source`` as a header takes it; ConfigurationError, without it, where none does."""
    value = text.strip()
    if _HEADER_VALUE.fullmatch(value) is None:
        raise ConfigurationError(
            f"the token of {source} is no header's value: it has a line break or another character that none may have",
            hint="Is it a single token, and nothing else beside it? A newline at its end is no matter.",
        )
    return value


def server_address(address: str, source: str, hint: str) -> SplitResult:
    """Read an API server's address, of ``source``; ConfigurationError for one whose port is none."""
    try:
        parts = urlsplit(address)
        # It is looked at only when it is asked for.
        _ = parts.port
    except ValueError as error:
        shown = printable(without_passwords(address), 200)
        raise ConfigurationError(
            f"the API server's address {shown!r}, from {source}, is none: {printable(str(error), 200)}", hint=hint
        ) from error
    return parts


def in_cluster(environment: Mapping[str, str], folder: str = SERVICE_ACCOUNT) -> Access:
    """Use the service account whose token lies in ``folder``."""
    host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise ConfigurationError(
            "the API server's address, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, is not set",
            hint="Kubernetes sets both in every container; something has taken them away.",
        )
    server = server_address(
        f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT",
        "Kubernetes sets both in every container; something has changed them.",
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        tls.load_verify_locations(f"{folder}/ca.crt")
        namespace = Path(folder, "namespace").read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the service account in {folder} can't be used: {printable(str(error), 200)}",
            hint="The pod needs automountServiceAccountToken: true, and to be readable for its user.",
        ) from error

    def authorization() -> str:
        try:
            token = Path(folder, "token").read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"the service account's token in {folder} can't be read: {printable(str(error), 200)}",
                hint="The pod needs automountServiceAccountToken: true, and to be readable for its user.",
            ) from error
        return header_value(f"Bearer {token.strip()}", f"the service account in {folder}")

    proxy = environment_proxy(server, environment)
    return Access(
        server,
        tls,
        server.hostname or "",
        authorization,
        namespace,
        None if proxy is None else parse_proxy(proxy),
        "this pod's service account",
    )
