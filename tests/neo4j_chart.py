"""The StatefulSet of the official Neo4j chart, as its templates make it of values: what of it concerns a sidecar.

Written from the templates of neo4j/helm-charts 5.17 (neo4j-statefulset.yaml, _volumeTemplate.tpl, neo4j-config.yaml)
and held against what Helm renders of them.
"""

from copy import deepcopy
from typing import Any

# Any, here and below: a document of YAML.
Document = dict[str, Any]
_SHARED = {"mode": "share", "share": {"name": "data"}}
DEFAULTS: Document = {
    "neo4j": {"name": "", "edition": "community"},
    "volumes": {
        "backups": _SHARED,
        "data": {
            "mode": "",
            "defaultStorageClass": {"accessModes": ["ReadWriteOnce"], "requests": {"storage": "10Gi"}},
        },
        "import": _SHARED,
        "licenses": _SHARED,
        "logs": _SHARED,
        "metrics": _SHARED,
    },
    "additionalVolumes": [],
    "additionalVolumeMounts": [],
    "podSpec": {"initContainers": [], "containers": [], "terminationGracePeriodSeconds": 3600},
    "config": {},
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 7474,
        "runAsGroup": 7474,
        "fsGroup": 7474,
        "fsGroupChangePolicy": "Always",
    },
    "containerSecurityContext": {"runAsNonRoot": True, "runAsUser": 7474, "runAsGroup": 7474},
}


def merge(below: Document, above: Document) -> Document:
    """Lay values over others as Helm does: maps are merged, all else is replaced."""
    merged = deepcopy(below)
    for key, value in above.items():
        before = merged.get(key)
        merged[key] = merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else deepcopy(value)
    return merged


def stateful_set(release: str, *values: Document) -> Document:
    """Give the StatefulSet of a release with these values, the later over the earlier."""
    given = DEFAULTS
    for each in values:
        given = merge(given, each)
    volumes = given["volumes"]
    image = "neo4j:5.17.0-enterprise"
    labels = {
        "app": given["neo4j"]["name"],
        "helm.neo4j.com/neo4j.name": given["neo4j"]["name"],
        "helm.neo4j.com/clustering": "false",
        "helm.neo4j.com/pod_category": "neo4j-instance",
        "helm.neo4j.com/neo4j.loadbalancer": "include",
        "helm.neo4j.com/instance": release,
    }
    neo4j = {
        "name": "neo4j",
        "image": image,
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "securityContext": given["containerSecurityContext"],
        "volumeMounts": [*given["additionalVolumeMounts"], *_mounts(volumes)],
    }
    selector = {name: labels[name] for name in ("app", "helm.neo4j.com/instance")}
    pod = {
        "securityContext": given["securityContext"],
        "terminationGracePeriodSeconds": given["podSpec"]["terminationGracePeriodSeconds"],
        "initContainers": [_passed_on(each, image, volumes) for each in given["podSpec"]["initContainers"]],
        "containers": [neo4j, *(_passed_on(each, image, volumes) for each in given["podSpec"]["containers"])],
        "volumes": [
            *given["additionalVolumes"],
            *({"name": name, **each["volume"]} for name, each in volumes.items() if each["mode"] == "volume"),
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": release, "labels": labels},
        "spec": {
            "serviceName": release,
            "podManagementPolicy": "Parallel",
            "replicas": 1,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            "volumeClaimTemplates": [
                {"metadata": {"name": name}, "spec": _claim(each)}
                for name, each in volumes.items()
                if each["mode"] in ("defaultStorageClass", "dynamic", "volumeClaimTemplate")
            ],
        },
    }


def config(*values: Document) -> dict[str, str]:
    """Give neo4j.conf as the chart's three maps make it: its defaults, the user's, and what can't be changed."""
    user: dict[str, str] = {}
    for each in values:
        user |= each.get("config", {})
    return {
        "server.backup.listen_address": "0.0.0.0:6362",
        "server.directories.logs": "/logs",
        **user,
        "server.default_listen_address": "0.0.0.0",
    }


def _passed_on(container: Document, image: str, volumes: Document) -> Document:
    kept = {name: each for name, each in volumes.items() if name not in ("logs", "metrics")}
    return {"image": image, "volumeMounts": _mounts(kept), **container}


def _mounts(volumes: Document) -> list[Document]:
    return [
        {
            "mountPath": f"/{name}",
            "name": each["share"]["name"] if each["mode"] == "share" else name,
            "subPathExpr": f"{name}/$(POD_NAME)" if name in ("logs", "metrics") else name,
        }
        for name, each in volumes.items()
    ]


def _claim(volume: Document) -> Document:
    mode = volume["mode"]
    if mode == "volumeClaimTemplate":
        claim: Document = volume[mode]
        return claim
    found = volume[mode]
    return {
        **{key: value for key, value in found.items() if key != "requests"},
        "resources": {"requests": found["requests"]},
    }
