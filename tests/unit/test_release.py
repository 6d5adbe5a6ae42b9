"""The release's number is pyproject's, wherever else it is written."""

import re
import tomllib
from pathlib import Path

from tests.pages import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
TOLD = re.compile(r"(?:neo4j-backup(?:-sidecar|-trigger)?[: ]|newTag: |ARG VERSION=)v?(\d+\.\d+[\w.+-]*)")
TELLING = {
    "docs/kubernetes.md",
    "images/sidecar/Dockerfile",
    "images/trigger/Dockerfile",
    "manifests/README.md",
    "manifests/base/kustomization.yaml",
    "manifests/components/sidecar-plain/kustomization.yaml",
    "manifests/components/sidecar/kustomization.yaml",
    "manifests/helm-values.yaml",
}


def test_every_place_that_tells_our_release_tells_that_of_pyproject() -> None:
    told = {str(path.relative_to(ROOT)): set(TOLD.findall(path.read_text())) for path in files()}

    assert {file: versions for file, versions in told.items() if versions} == {file: {VERSION} for file in TELLING}


def test_no_other_place_holds_its_number() -> None:
    number = re.compile(rf"(?<![\w.]){re.escape(VERSION)}(?![\w.])")

    holding = {str(path.relative_to(ROOT)) for path in files() if number.search(TOLD.sub("", path.read_text()))}

    assert holding == set()


def files() -> list[Path]:
    """Give all files that people read or build from."""
    found = [ROOT / "README.md", ROOT / "docker-compose.yml"]
    for folder in ("docs", "images", "manifests"):
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".lock"]
    return found
