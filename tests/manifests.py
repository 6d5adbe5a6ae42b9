"""What kustomize makes of the manifests, read back."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.tiers import require

MANIFESTS = Path(__file__).parents[1] / "manifests"
OVERLAYS = ("single", "three-servers", "restricted", "resource-names", "chart")

# Any, here and below: a document of YAML.
Document = dict[str, Any]


def kustomize(folder: Path) -> list[Document]:
    """Give the objects of a kustomization; skips where there is no kubectl."""
    require("kubernetes", shutil.which("kubectl") is not None, "kustomize is a part of kubectl, which isn't there")
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def overlay(name: str) -> list[Document]:
    """Give the objects of an overlay."""
    return list(_overlay(name))


@cache
def _overlay(name: str) -> tuple[Document, ...]:
    return tuple(kustomize(MANIFESTS / "overlays" / name))


def names(documents: list[Document], kind: str) -> set[str]:
    """Give the names of the objects of one kind."""
    return {each["metadata"]["name"] for each in of_kind(documents, kind)}


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    """Give the objects of one kind."""
    return [document for document in documents if document["kind"] == kind]


def job_specs(documents: list[Document]) -> dict[str, Document]:
    """Give the Jobs' specs by name, those that CronJobs make too."""
    made = {each["metadata"]["name"]: each["spec"]["jobTemplate"]["spec"] for each in of_kind(documents, "CronJob")}
    return made | {each["metadata"]["name"]: each["spec"] for each in of_kind(documents, "Job")}


def pod_specs(documents: list[Document]) -> Iterator[Document]:
    """Give the spec of every pod that the objects lead to."""
    for spec in job_specs(documents).values():
        yield spec["template"]["spec"]
    for each in of_kind(documents, "StatefulSet"):
        yield each["spec"]["template"]["spec"]


def containers(pod: Document) -> list[Document]:
    """Give all containers of a pod, those that come first too."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def variables(container: Document) -> dict[str, Any]:
    """Give the variables that a container has by themselves: their values, or where they come from."""
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container.get("env", [])}


def labels_match(selector: str, labels: dict[str, str]) -> bool:
    """Say whether labels are what a selector of plain equalities asks for."""
    return all(labels.get(name) == value for name, _, value in (part.partition("=") for part in selector.split(",")))


def settings(documents: list[Document], spec: Document) -> dict[str, str]:
    """Give the variables of a Job's container, with values for those that its pod would fill in."""
    [container] = spec["template"]["spec"]["containers"]
    asked = {source["configMapRef"]["name"] for source in container["envFrom"]}
    found: dict[str, str] = {}
    for each in of_kind(documents, "ConfigMap"):
        if each["metadata"]["name"] in asked:
            found |= each["data"]
    own = {name: "from-the-pod" if isinstance(value, dict) else value for name, value in variables(container).items()}
    return found | own
