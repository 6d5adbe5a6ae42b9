"""The manifests before a real API server: each overlay in a namespace and with a prefix of our own, as a dry run."""

import json
from pathlib import Path

import pytest
import yaml

from tests import kube
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

        said = kube.kubectl(
            *("apply", "--dry-run=server", "--warnings-as-errors", "-f", "-"), stdin=yaml.safe_dump_all(objects)
        )

    assert len(said.splitlines()) == len(objects)
