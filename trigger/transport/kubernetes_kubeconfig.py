"""A kubeconfig's cluster and user, with all the ways that the kubernetes library knows. Imports that library."""

import os
import ssl
import tempfile
from collections.abc import Mapping
from urllib.parse import urlsplit

import yaml
from kubernetes.client import Configuration
from kubernetes.config import ConfigException, list_kube_config_contexts, load_kube_config

from shared.errors import ConfigurationError
from shared.text import printable
from trigger.transport.kubernetes_access import Access
from trigger.transport.proxies import environment_proxy, parse_proxy

_UNFIT = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError, StopIteration)
"""What the library lets through for a file that isn't there, isn't YAML or isn't a kubeconfig."""


def from_kubeconfig(path: str, context: str | None, environment: Mapping[str, str]) -> Access:
    """Use the kubeconfig ``path``, or several by colons, with ``context`` or its current one."""
    if not any(os.path.isfile(os.path.expanduser(each)) for each in path.split(os.pathsep)):
        raise ConfigurationError(
            f"there is no kubeconfig {path}",
            hint="KUBECONFIG names another, and `kubectl config get-contexts` shows what it holds; a pod has an "
            "account of its own where automountServiceAccountToken is true.",
        )
    configuration = Configuration()
    # The library writes certificates into files; they are gone again once they are loaded.
    with tempfile.TemporaryDirectory(prefix="neo4j-backup-") as folder:
        try:
            # The library has types nearly everywhere, not here.
            contexts, current = list_kube_config_contexts(path)  # type: ignore[no-untyped-call]
            load_kube_config(  # type: ignore[no-untyped-call]
                path, context, configuration, temp_file_path=folder
            )
            chosen = current if context is None else next(one for one in contexts if one["name"] == context)
            name, namespace = str(chosen["name"]), chosen["context"].get("namespace")
            server = urlsplit(configuration.host)
            # A user and a password there log nobody in; in messages they would be seen.
            server = server._replace(netloc=server.netloc.rpartition("@")[2])
            tls = _tls(configuration) if server.scheme == "https" else None
        except _UNFIT as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise ConfigurationError(
                f"the kubeconfig {path} can't be used: {printable(said, 300)}",
                hint="--context and KUBECONFIG say which; `kubectl config get-contexts` shows what there is.",
            ) from error

    def authorization() -> str:
        return str(configuration.auth_settings().get("BearerToken", {}).get("value") or "")

    proxy = configuration.proxy
    if not proxy or proxy in _environment_proxies(environment):
        # Some releases of the library put the environment's proxy there, NO_PROXY or not.
        proxy = environment_proxy(server, environment)
    return Access(
        server,
        tls,
        configuration.tls_server_name or server.hostname or "",
        authorization,
        str(namespace or "default"),
        None if proxy is None else parse_proxy(proxy),
        f"the context {printable(name, 100)} of {path}",
        name,
    )


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
