"""What the end-to-end tests apply: the restricted overlay under a namespace and a prefix of their own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.images import Images
from tests.manifests import MANIFESTS, kustomize

SIDECAR = "neo4j-backup-sidecar"
TARGET = "/data/backups/nightly"
PREFIX = "t-"
NAME = f"{PREFIX}shop-neo4j"
POD = f"{NAME}-0"
OURS = f"{NAME}-backup"
"""What the trigger's objects are called: the overlay's prefix, and before it one of our own."""

# Any, here and below: a JSON document.
Document = dict[str, Any]


def overlay_objects(
    namespace: str,
    images: Images,
    folder: Path,
    settings: dict[str, str],
    *,
    base: str = "restricted",
    patches: Sequence[Document] = (),
) -> list[Document]:
    """Render an overlay over ``base`` with our images and a volume for the stand-in's knobs.

    ``settings`` are the sidecar's, ``patches`` kustomize's.
    """
    overlay = folder / "overlay"
    overlay.mkdir()
    environment = {"NEO4J_ACCEPT_LICENSE_AGREEMENT": "eval", **settings}
    sidecar = {
        "name": SIDECAR,
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "volumeMounts": [{"name": "knobs", "mountPath": "/var/lib/neo4j/conf"}],
    }
    volume = {"name": "knobs", "persistentVolumeClaim": {"claimName": "knobs"}}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "any"},
        "spec": {"template": {"spec": {"initContainers": [sidecar], "volumes": [volume]}}},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "knobs"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    (overlay / "claim.yaml").write_text(json.dumps(claim))
    above = "../" * (len(overlay.parts) - 1) + str(MANIFESTS).lstrip("/")
    kustomization = {
        "namespace": namespace,
        "namePrefix": PREFIX,
        "resources": [f"{above}/overlays/{base}", "claim.yaml"],
        "images": [
            {"name": name, "newName": image, "newTag": "latest"}
            for name, image in (
                ("neo4j", images.standin),
                ("neo4j-backup-sidecar", images.sidecar),
                ("neo4j-backup-trigger", images.trigger),
            )
        ],
        "patches": [
            *patches,
            {"target": {"kind": "StatefulSet"}, "patch": json.dumps(patch)},
            # A session may be under way at a quarter past two.
            {
                "target": {"kind": "CronJob"},
                "patch": json.dumps([{"op": "add", "path": "/spec/suspend", "value": True}]),
            },
        ],
    }
    (overlay / "kustomization.yaml").write_text(json.dumps(kustomization))
    # This cluster enforces no NetworkPolicy, and the one of the overlay has an address to be filled in.
    return [each for each in kustomize(overlay) if each["kind"] != "NetworkPolicy"]


def volume(namespace: str, claim: str, folder: Path) -> Document:
    """Give a volume of the node's own disk that waits for a claim."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-{folder.name}"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(folder)},
            "claimRef": {"namespace": namespace, "name": claim},
        },
    }
