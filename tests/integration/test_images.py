"""Each image holds what its program needs, says what it is, and gives its user nothing to write to but its folders."""

import fnmatch
import re
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.containers import a_sidecar, trigger
from tests.docker_host import ROOT, discard, docker, files_of, inspected, require_docker, unique_name
from tests.images import BUILD_SECONDS, CLASSIC, Images, build

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
USER = 7474
LIBRARIES = "opt/neo4j-backup/lib"
OWN = re.compile(rf"{LIBRARIES}/neo4j_backup-.*\.dist-info")


@dataclass(frozen=True, slots=True)
class Built:
    """An image as it is, beside the folder that it is built from.

    ``compiled`` is how the names of compiled modules end, ``writable`` what its user may write to.
    """

    tag: str
    folder: Path
    files: tuple[tarfile.TarInfo, ...]
    packages: tuple[str, ...]
    writable: frozenset[str]
    compiled: str

    @property
    def names(self) -> set[str]:
        return {file.name for file in self.files}

    def absent(self) -> list[str]:
        """Give the patterns of what must not be in it."""
        lines = (self.folder / "absent.txt").read_text().splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    def locked(self) -> set[str]:
        """Give the libraries of its lock."""
        lock = (self.folder / "requirements.lock").read_text()
        return {normal(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}


@pytest.fixture(scope="module")
def sidecar_image(images: Images) -> Built:
    writable = frozenset({"backup-requests", "backups", "data", "tmp", "var/lib/neo4j/logs"})
    files = tuple(files_of(images.sidecar))
    ending = ".cpython-311.opt-2.pyc"
    return Built(images.sidecar, ROOT / "images/sidecar", files, ("shared", "sidecar"), writable, ending)


@pytest.fixture(scope="module")
def trigger_image(images: Images) -> Built:
    files = tuple(files_of(images.trigger))
    ending = ".cpython-311.pyc"
    return Built(images.trigger, ROOT / "images/trigger", files, ("shared", "trigger"), frozenset({"tmp"}), ending)


@pytest.fixture(params=["sidecar_image", "trigger_image"])
def built(request: pytest.FixtureRequest) -> Built:
    found: Built = request.getfixturevalue(request.param)
    return found


def test_its_labels_say_what_it_is(built: Built) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    labels = inspected(built.tag)["Config"]["Labels"]

    said = {name.removeprefix("org.opencontainers.image."): text for name, text in labels.items()}
    assert said.keys() == {"title", "description", "version", "licenses", "base.name"}
    assert said["version"] == project["version"]
    assert said["base.name"] == "docker.io/library/debian:bookworm-slim"
    assert all(said.values())


def test_nothing_is_in_it_that_must_not_be(built: Built) -> None:
    assert matches(built.absent(), built.names) == []


def test_the_list_of_what_must_not_be_there_finds_it_where_it_is(images: Images, sidecar_image: Built) -> None:
    """The stage that builds has pip, setuptools and a lock; were they not found there, they'd be found nowhere."""
    tag = unique_name()
    words = ["build", "--target=build", f"--tag={tag}", f"--build-arg=NEO4J_IMAGE={images.standin}"]
    docker(*words, "--file=images/sidecar/Dockerfile", ".", environment=CLASSIC, seconds=BUILD_SECONDS)
    try:
        names = {file.name for file in files_of(tag)}
    finally:
        discard("image", "rm", "--no-prune", tag)

    found = matches(sidecar_image.absent(), names)

    for name in ("usr/bin/pip3", "pip/__main__.py", "setuptools/__init__.py", "requirements.lock", "pyproject.toml"):
        assert any(path.endswith(name) for path in found), name


def test_it_holds_the_libraries_of_its_lock_and_no_others(built: Built) -> None:
    information = [name for name in built.names if re.fullmatch(rf"{LIBRARIES}/[^/]*\.dist-info/?", name)]

    libraries = {normal(Path(name).name.partition("-")[0]) for name in information if not OWN.match(name)}

    assert libraries == built.locked()


def test_of_ours_it_holds_its_own_program(built: Built) -> None:
    ours = {"shared", "sidecar", "trigger", "tests"}

    there = {name for name in ours if f"{LIBRARIES}/{name}" in {path.rstrip("/") for path in built.names}}

    assert there == set(built.packages)


def test_its_modules_are_compiled(built: Built) -> None:
    """The file system is read-only: what isn't compiled is compiled anew at each start."""
    sources = {name for name in built.names if name.startswith(f"{LIBRARIES}/") and name.endswith(".py")}
    compiled = {name.replace("/__pycache__/", "/").replace(built.compiled, ".py") for name in built.names - sources}

    assert len(sources) > 50
    assert sources - compiled == set()


def test_no_file_in_it_gives_rights(built: Built) -> None:
    assert [file.name for file in built.files if file.isfile() and file.mode & 0o6000] == []


def test_its_user_can_write_to_its_folders_only(built: Built) -> None:
    found = {file.name.rstrip("/") for file in built.files if writable(file)}

    assert found == built.writable


def test_it_runs_as_neo4j_and_not_as_root(built: Built) -> None:
    assert inspected(built.tag)["Config"]["User"] == f"{USER}:{USER}"


def test_it_runs_on_a_read_only_root_and_tells_its_version(built: Built) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    said = docker("run", "--rm", "--read-only", "--network=none", built.tag, "--version")

    assert said.split()[-1] == project["version"]


def test_enterprise_is_not_run_before_its_licence_is_answered(images: Images, tmp_path: Path) -> None:
    """Without the official entry point nobody else would ask."""
    licence = {"NEO4J_ACCEPT_LICENSE_AGREEMENT": ""}
    with a_sidecar(images.sidecar, images.standin, tmp_path, **licence) as sidecar:
        refused = trigger("trigger", sidecar.name, "--path", "/backups/nightly", "--database", "neo4j")

    assert refused.exit_code == 5, refused.said
    assert refused.status["code"] == "configuration_error"
    assert "NEO4J_ACCEPT_LICENSE_AGREEMENT" in refused.answer


def test_what_isnt_an_official_image_on_debian_is_refused() -> None:
    require_docker()

    with pytest.raises(AssertionError, match="NEO4J_IMAGE has to be an official image of Neo4j on Debian"):
        build(unique_name(), "images/sidecar/Dockerfile", NEO4J_IMAGE="debian:bookworm-slim")


def matches(patterns: list[str], names: set[str]) -> list[str]:
    """Give the paths that one of the patterns matches."""
    together = re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))
    return [name for name in sorted(names) if together.match(name)]


def normal(name: str) -> str:
    """Write a library's name as every tool would."""
    return re.sub(r"[-_.]+", "-", name).lower()


def writable(file: tarfile.TarInfo) -> bool:
    """Say whether the image's user may write to this file or folder."""
    if not file.isfile() and not file.isdir():
        return False
    owner = file.uid == USER and file.mode & 0o200
    group = file.gid == USER and file.mode & 0o020
    return bool(owner or group or file.mode & 0o002)
