"""Which neo4j-admin is there is told without starting it."""

from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from sidecar.neo4j_admin.version import (
    Version,
    find_enterprise,
    find_home,
    find_version,
    parse_version_output,
    unsupported,
)


def lay_out_home(home: Path, *jars: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "lib").mkdir()
    for jar in jars:
        (home / "lib" / jar).touch()
    program = home / "bin" / "neo4j-admin"
    program.touch()
    return program


@pytest.mark.parametrize(
    ("text", "version", "shown"),
    [
        ("5.26.28", Version(5, 26, 28), "5.26.28"),
        ("2025.01.0", Version(2025, 1, 0), "2025.01.0"),
        ("2026.02", Version(2026, 2), "2026.02.0"),
        ("5.27.0-SNAPSHOT", Version(5, 27), "5.27.0"),
        ("2026.08.1+build.7", Version(2026, 8, 1), "2026.08.1"),
        ("5.26.0-drop04.0", Version(5, 26), "5.26.0"),
        (" 5.26.1\n", Version(5, 26, 1), "5.26.1"),
    ],
)
def test_a_version_is_read_as_neo4j_writes_it(text: str, version: Version, shown: str) -> None:
    found = Version.parse(text)

    assert found == version
    assert str(found) == shown


@pytest.mark.parametrize(
    "text", ["", "5", "five", "5.26.28.1.2", "v5.26.0", "5.26.0 Community", "\u0665.\u0662\u0666", "5.26.28\n5.1"]
)
def test_what_is_no_version_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"5\.26\.28"):
        Version.parse(text)


def test_years_come_after_the_old_counting_and_months_in_their_order() -> None:
    texts = ["5.5.0", "5.24.2", "5.26.3", "5.26.28", "2025.01.0", "2025.09.0", "2025.10.1", "2026.02.0", "2027.01.0"]

    versions = [Version.parse(text) for text in texts]

    assert sorted(versions) == versions


@pytest.mark.parametrize(
    ("text", "allowed"),
    [("5.26.28", False), ("2025.12.1", False), ("2026.01.4", False), ("2026.02.0", True), ("2027.03.0", True)],
)
def test_a_differential_may_overlap_its_full_backup_from_2026_02_on(text: str, allowed: bool) -> None:
    assert Version.parse(text).overlap_allowed is allowed


@pytest.mark.parametrize(
    "text", ["5.24.0", "5.26.28", "5.27.0-SNAPSHOT", "2025.01.0", "2026.08.0", "2027.01.0", "2031.12.0"]
)
def test_supported_are_5_24_and_later_and_years_that_nobody_knows_yet(text: str) -> None:
    assert unsupported(Version.parse(text)) is None


@pytest.mark.parametrize("text", ["3.5.14", "4.4.40", "5.23.9", "6.0.0", "2024.12.0"])
def test_other_versions_are_refused_with_what_would_do(text: str) -> None:
    error = unsupported(Version.parse(text))

    assert isinstance(error, ConfigurationError)
    assert str(Version.parse(text)) in error.message
    assert "5.24" in error.message
    assert error.hint


def test_the_version_comes_from_the_kernels_jar_and_not_from_its_api(tmp_path: Path) -> None:
    program = lay_out_home(
        tmp_path / "neo4j", "neo4j-kernel-api-5.99.1.jar", "neo4j-kernel-5.26.28.jar", "guava-33.jar"
    )

    assert find_version(program) == Version(5, 26, 28)


def test_a_link_to_the_program_is_followed(tmp_path: Path) -> None:
    program = lay_out_home(tmp_path / "neo4j-2026.02.0", "neo4j-kernel-2026.02.0.jar")
    link = tmp_path / "usr" / "bin" / "neo4j-admin"
    link.parent.mkdir(parents=True)
    link.symlink_to(program)

    assert find_version(link) == Version(2026, 2)


def test_a_program_elsewhere_is_told_by_neo4j_home(tmp_path: Path) -> None:
    lay_out_home(tmp_path / "home", "neo4j-kernel-2025.04.0.jar")
    program = tmp_path / "bin" / "neo4j-admin"

    assert find_home(program, tmp_path / "home") == tmp_path / "home"
    assert find_version(program, tmp_path / "home") == Version(2025, 4)


def test_the_jar_beside_the_program_counts_more_than_neo4j_home(tmp_path: Path) -> None:
    program = lay_out_home(tmp_path / "own", "neo4j-kernel-5.26.1.jar")
    lay_out_home(tmp_path / "other", "neo4j-kernel-2025.04.0.jar")

    assert find_version(program, tmp_path / "other") == Version(5, 26, 1)


@pytest.mark.parametrize(
    "jars", [(), ("neo4j-kernel-api-5.26.28.jar",), ("neo4j-kernel-5.26.1.jar", "neo4j-kernel-5.26.2.jar")]
)
def test_no_kernel_or_two_of_them_tell_no_version(tmp_path: Path, jars: tuple[str, ...]) -> None:
    program = lay_out_home(tmp_path / "neo4j", *jars)

    assert find_version(program) is None


def test_a_loop_of_links_tells_no_version(tmp_path: Path) -> None:
    loop = tmp_path / "neo4j-admin"
    loop.symlink_to(loop)

    assert find_version(loop) is None
    assert find_home(loop) is None


def test_enterprise_is_told_by_its_jars(tmp_path: Path) -> None:
    kernel = "neo4j-kernel-5.26.28.jar"
    enterprise = lay_out_home(tmp_path / "e", kernel, "neo4j-security-enterprise-5.26.28.jar")
    community = lay_out_home(tmp_path / "c", kernel, "neo4j-security-5.26.28.jar")

    assert find_enterprise(enterprise) is True
    assert find_enterprise(community) is False
    assert find_enterprise(tmp_path / "nowhere" / "bin" / "neo4j-admin") is None


@pytest.mark.parametrize(
    "text",
    [
        "5.26.28\n",
        "neo4j 5.26.28\n",
        "Picked up JAVA_TOOL_OPTIONS: -Daws.s3.forcePathStyle=true\n5.26.28\n",
        "WARNING: Using incubator modules: jdk.incubator.vector\r\n5.26.28\r\n",
    ],
)
def test_the_version_is_found_in_what_the_program_prints(text: str) -> None:
    assert parse_version_output(text) == Version(5, 26, 28)


def test_output_without_a_version_tells_none() -> None:
    assert parse_version_output("Error: Could not find or load main class\n") is None
