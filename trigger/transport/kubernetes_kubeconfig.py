"""A kubeconfig's cluster and user, with all the ways that the kubernetes library knows. Imports that library."""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, load_kube_config, load_kube_config_from_dict
from kubernetes.config.kube_config import ConfigNode, KubeConfigMerger

from shared.errors import ConfigurationError
from shared.text import printable
from trigger.transport.kubernetes_access import Access, header_value
from trigger.transport.kubernetes_login import log_in
from trigger.transport.proxies import environment_proxy, parse_proxy

_UNFIT = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError, StopIteration)
"""What the library lets through for a file that isn't there, isn't YAML or isn't a kubeconfig."""
_PROVIDERS = ("gcp", "oidc")
"""The library's own logins; of another name it knows nothing, and goes on."""
_ACTS_AS = ("as", "as-uid", "as-groups", "as-user-extra")
"""What has kubectl act as another user; the library passes over it, so that it would be as who we are."""


def from_kubeconfig(path: str, context: str | None, environment: Mapping[str, str], seconds: float) -> Access:
    """Use the kubeconfig ``path``, or several by colons, with ``context`` or its current one.

    A login program has ``seconds``. Raises ConfigurationError, and TransportError where that gives nothing.
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
            server = urlsplit(configuration.host)
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

    source = f"the context {printable(name, 100)} of {path}"

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
    if user is None or "exec" not in user or _is_known_otherwise(user.value):
        load_kube_config(path, context, configuration, temp_file_path=folder)  # type: ignore[no-untyped-call]
        return dict(chosen.value)
    # Not by the library: it waits for ever, and goes on as nobody where the program fails.
    cluster = merged["clusters"].get_with_name(chosen["context"]["cluster"])["cluster"]
    found = log_in(user.value["exec"], cluster.value, os.path.dirname(os.path.abspath(user.path)), seconds)
    if found.token:
        user.value["token"] = found.token
    else:
        user.value["client-certificate-data"] = base64.b64encode(found.certificate.encode()).decode()
        user.value["client-key-data"] = base64.b64encode(found.key.encode()).decode()
    for done_with in ("exec", "auth-provider"):
        user.value.pop(done_with, None)
    load_kube_config_from_dict(  # type: ignore[no-untyped-call]
        merged, context, configuration, persist_config=False, temp_file_path=folder
    )
    return dict(chosen.value)


def _user(merged: ConfigNode, chosen: ConfigNode) -> ConfigNode | None:
    name = chosen["context"].safe_get("user")
    found = None if name is None else merged["users"].get_with_name(name, safe=True)
    return None if found is None else found["user"]


def _is_known_otherwise(user: dict[str, Any]) -> bool:
    """Say whether a user has something that goes before a login program, which isn't run then."""
    provider = user.get("auth-provider") or {}
    return provider.get("name") in _PROVIDERS or bool(user.get("token") or user.get("tokenFile"))


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
