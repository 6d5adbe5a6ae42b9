"""`.ci/run` requires what it could set up and what its caller requires, and says what it proves nothing about."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pages import ROOT
from tests.tiers import REQUIRED

TIERS = {"mounts", "libfaketime", "docker", "neo4j", "kubernetes"}
PROGRAMS = {
    "make": f'echo "make $1 requires ${REQUIRED}"',
    "docker": "exit 1",
    "apt-get": "exit 0",
    "id": "echo 1000",
}


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """Give a folder with `.ci/run` and nothing beside it, on a machine without Docker."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, body in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{body}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "project" / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "project" / ".ci" / "run")
    return tmp_path


def run(machine: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    without = {name: value for name, value in os.environ.items() if name != REQUIRED}
    path = {"PATH": f"{machine / 'programs'}:{os.environ['PATH']}"}
    return subprocess.run(
        [str(machine / "project" / ".ci" / "run")],
        env=without | path | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def unproven(done: "subprocess.CompletedProcess[str]") -> set[str]:
    return {tier for tier in TIERS for line in done.stderr.splitlines() if "NOT PROVEN" in line and f" {tier}," in line}


def test_where_nothing_can_be_set_up_every_tier_is_told_as_unproven(bare_machine: Path) -> None:
    done = run(bare_machine)

    assert "make test requires \n" in done.stdout
    assert unproven(done) == TIERS


@pytest.mark.parametrize("given", ["docker,neo4j", "docker, neo4j"])
def test_what_the_caller_requires_stays_required(bare_machine: Path, given: str) -> None:
    done = run(bare_machine, **{REQUIRED: given})

    assert "make bench requires docker,neo4j\n" in done.stdout
    assert "make test requires docker,neo4j\n" in done.stdout
    assert unproven(done) == TIERS - {"docker", "neo4j"}


@pytest.mark.parametrize(("given", "required"), [({}, "docker"), ({REQUIRED: "kubernetes"}, "kubernetes,docker")])
def test_where_docker_answers_it_is_required_too(bare_machine: Path, given: dict[str, str], required: str) -> None:
    (bare_machine / "programs" / "docker").write_text("#!/bin/sh\nexit 0\n")

    done = run(bare_machine, **given)

    assert f"make test requires {required}\n" in done.stdout


def test_where_it_is_root_what_has_to_be_mounted_is_required_too(bare_machine: Path) -> None:
    (bare_machine / "programs" / "id").write_text("#!/bin/sh\necho 0\n")

    done = run(bare_machine)

    assert "make test requires mounts,libfaketime\n" in done.stdout
    assert unproven(done) == TIERS - {"mounts", "libfaketime"}
