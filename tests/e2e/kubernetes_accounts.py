"""Kubeconfigs of the end-to-end tests: with a token of the trigger's account, and by another way to the server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests import kube
from tests.e2e.kubernetes_objects import OURS

# Any: a JSON document.
Document = dict[str, Any]


def a_token(namespace: str, *words: str) -> str:
    """Give a token of the trigger's account."""
    return kube.kubectl("-n", namespace, "create", "token", OURS, *words).strip()


def write_kubeconfig(folder: Path, *, user: Document | None = None, cluster: Mapping[str, object] | None = None) -> str:
    """Write the tests' kubeconfig with another ``user``, or the cluster changed (None: gone); gives its path."""
    found = json.loads(kube.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    changed = {**found["clusters"][0]["cluster"], **(cluster or {})}
    found["clusters"][0]["cluster"] = {key: value for key, value in changed.items() if value is not None}
    if user is not None:
        found["users"][0]["user"] = user
    path = folder / "kubeconfig"
    path.write_text(json.dumps(found))
    return str(path)


def through(port: int) -> Document:
    """Give what changes of a cluster that is reached through a relay on this machine."""
    found = json.loads(kube.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
    name = found["clusters"][0]["cluster"]["server"].split("//")[1].split(":")[0]
    return {"server": f"https://127.0.0.1:{port}", "tls-server-name": name}
