"""The manifests before a real API server: each overlay in a namespace and with a prefix of our own, as a dry run."""

import json
from pathlib import Path

import pytest
import yaml

from tests import kube, neo4j_chart
from tests.manifests import MANIFESTS, OVERLAYS, kustomize, of_kind

pytestmark = pytest.mark.kubernetes


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_server_takes_every_object_of_an_overlay_and_warns_of_none(overlay: str, tmp_path: Path) -> None:
    profile = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    with kube.namespace(**profile) as namespace:
        above = "../" * (len(tmp_path.parts) - 1) + str(MANIFESTS).lstrip("/")
        written = {"namespace": namespace, "namePrefix": "t-", "resources": [f"{above}/overlays/{overlay}"]}
        (tmp_path / "kustomization.yaml").write_text(json.dumps(written))
        made = kustomize(tmp_path)
        objects = [each for each in made if each not in of_kind(made, "Namespace")]

        said = as_a_dry_run(*objects)

    assert len(said) == len(objects)


def test_the_api_server_takes_the_plain_sidecar(tmp_path: Path) -> None:
    with kube.namespace() as namespace:
        above = "../" * (len(tmp_path.parts) - 1) + str(MANIFESTS).lstrip("/")
        written = {
            "namespace": namespace,
            "resources": [f"{above}/server"],
            "components": [f"{above}/components/sidecar-plain"],
        }
        (tmp_path / "kustomization.yaml").write_text(json.dumps(written))

        said = as_a_dry_run(*kustomize(tmp_path))

    assert len(said) == 2


def test_the_api_server_takes_the_chart_s_server_with_our_values() -> None:
    values = yaml.safe_load((MANIFESTS / "helm-values.yaml").read_text())
    own = {"neo4j": {"name": "shop", "edition": "enterprise"}, "volumes": {"data": {"mode": "defaultStorageClass"}}}
    with kube.namespace() as namespace:
        release = neo4j_chart.stateful_set("neo4j", own, values)
        release["metadata"]["namespace"] = namespace

        said = as_a_dry_run(release)

    assert len(said) == 1


def as_a_dry_run(*objects: kube.Document) -> list[str]:
    """Have the API server say what it would make of each object."""
    words = ("apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "-f", "-")
    return kube.kubectl(*words, stdin=yaml.safe_dump_all(objects)).splitlines()
