"""A kubeconfig's cluster and user, with all the ways that the kubernetes library knows. Imports that library."""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, load_kube_config_from_dict
from kubernetes.config.kube_config import ConfigNode, KubeConfigMerger

from shared.errors import ConfigurationError
from shared.text import printable
from trigger.transport.kubernetes_access import Access, header_value, server_address
from trigger.transport.kubernetes_login import log_in
from trigger.transport.kubernetes_provider import PROVIDERS, kept_token
from trigger.transport.proxies import environment_proxy, parse_proxy

_UNFIT = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError, StopIteration)
"""What the library lets through for a file that isn't there, isn't YAML or isn't a kubeconfig."""
_ACTS_AS = ("as", "as-uid", "as-groups", "as-user-extra")
"""What has kubectl act as another user; the library passes over it, so that it would be as who we are."""


def from_kubeconfig(path: str, context: str | None, environment: Mapping[str, str], seconds: float) -> Access:
    """Use the kubeconfig ``path``, or several by colons, with ``context`` or its current one.

    A login program has ``seconds``. Raises ConfigurationError, and TransportError where a login gives nothing.
    """
    if not any(os.path.isfile(os.path.expanduser(each)) for each in path.split(os.pathsep)):
        raise ConfigurationError(
            f"there is no kubeconfig {path}",
            hint="KUBECONFIG names another, and `kubectl config get-contexts` shows what it holds; a pod has an "
            "account of its own where automountServiceAccountToken is true.",
        )
    configuration = Configuration()
    with _temporary_folder() as folder:
        try:
            chosen = _load(path, context, configuration, folder, seconds)
            name, namespace = str(chosen["name"]), chosen["context"].get("namespace")
            source = f"the context {printable(name, 100)} of {path}"
            server = server_address(configuration.host, source, "It is the cluster's server in the kubeconfig.")
            # A user and a password there log nobody in; in messages they would be seen.
            server = server._replace(netloc=server.netloc.rpartition("@")[2])
            tls = _tls(configuration) if server.scheme == "https" else None
        except _UNFIT as error:
            # The library names a part of the file by all that it holds, a user's token too.
            said = " ".join(str(error).partition("/{")[0].split()) or type(error).__name__
            raise ConfigurationError(
                f"the kubeconfig {path} can't be used: {printable(said, 300)}",
                hint="--context and KUBECONFIG say which; `kubectl config get-contexts` shows what there is.",
            ) from error

    def authorization() -> str:
        return header_value(str(configuration.auth_settings().get("BearerToken", {}).get("value") or ""), source)

    return Access(
        server,
        tls,
        configuration.tls_server_name or server.hostname or "",
        authorization,
        str(namespace or "default"),
        _proxy(configuration.proxy, server, environment),
        source,
        name,
    )


def _temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """Make the folder that the library writes certificates into; they are gone again once they are loaded."""
    try:
        return tempfile.TemporaryDirectory(prefix="neo4j-backup-")
    except OSError as error:
        raise ConfigurationError(
            f"a kubeconfig's certificates need a temporary folder, and there is none: {error.strerror or error}",
            hint="TMPDIR names a folder that may be written; in a read-only container that is an emptyDir's.",
        ) from error


# Any: a document of YAML. The library has types nearly everywhere, not here.
def _load(path: str, context: str | None, configuration: Configuration, folder: str, seconds: float) -> dict[str, Any]:
    """Read the files into ``configuration``, and give the context that was chosen."""
    merged = KubeConfigMerger(path).config  # type: ignore[no-untyped-call]
    if merged is None:
        raise ValueError("it is empty")
    chosen = merged["contexts"].get_with_name(merged["current-context"] if context is None else context)
    user = _user(merged, chosen)
    if user is not None and any(user.value.get(key) for key in _ACTS_AS):
        raise ConfigurationError(
            f"the user of the context {printable(str(chosen['name']), 100)} of {path} acts as another: not done here",
            hint="--context takes one whose user acts as itself; `kubectl create token` makes an account's own token.",
        )
    if user is not None:
        _log_in(user, merged, chosen, path, seconds)
    load_kube_config_from_dict(  # type: ignore[no-untyped-call]
        merged, context, configuration, persist_config=False, temp_file_path=folder
    )
    return dict(chosen.value)


def _log_in(user: ConfigNode, merged: ConfigNode, chosen: ConfigNode, path: str, seconds: float) -> None:
    """Put into ``user`` what its provider or its login program gives, where no token goes before both, as in kubectl.

    Not by the library: it waits for ever, for programs and for servers, and goes on as nobody where they fail.
    """
    known: dict[str, Any] = user.value
    provider, program = known.pop("auth-provider", None) or {}, known.pop("exec", None)
    if known.get("token") or known.get("tokenFile"):
        return
    if provider.get("name") in PROVIDERS:
        known["token"] = kept_token(provider, str(chosen["name"]), path)
    elif program:
        cluster = merged["clusters"].get_with_name(chosen["context"]["cluster"])["cluster"]
        found = log_in(program, cluster.value, os.path.dirname(os.path.abspath(user.path)), seconds)
        if found.token:
            known["token"] = found.token
        else:
            known["client-certificate-data"] = base64.b64encode(found.certificate.encode()).decode()
            known["client-key-data"] = base64.b64encode(found.key.encode()).decode()


def _user(merged: ConfigNode, chosen: ConfigNode) -> ConfigNode | None:
    name = chosen["context"].safe_get("user")
    found = None if name is None else merged["users"].get_with_name(name, safe=True)
    return None if found is None else found["user"]


def _proxy(named: str | None, server: SplitResult, environment: Mapping[str, str]) -> SplitResult | None:
    proxy = named
    if not proxy or proxy in _environment_proxies(environment):
        # Some releases of the library put the environment's proxy there, NO_PROXY or not.
        proxy = environment_proxy(server, environment)
    return None if proxy is None else parse_proxy(proxy)


def _tls(configuration: Configuration) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not configuration.verify_ssl:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    elif configuration.ssl_ca_cert:
        tls.load_verify_locations(configuration.ssl_ca_cert)
    else:
        tls.load_default_certs()
    if configuration.cert_file:
        tls.load_cert_chain(configuration.cert_file, configuration.key_file)
    return tls


def _environment_proxies(environment: Mapping[str, str]) -> set[str]:
    return {value for name, value in environment.items() if name.lower() in ("http_proxy", "https_proxy")}
