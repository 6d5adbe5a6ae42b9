"""Exit codes and streams of whole invocations, as the genuine 5.26.28 answers them."""

from collections.abc import Callable

import pytest

from tests.standin.installed import Installed

Make = Callable[..., Installed]


def test_version_is_bare_as_an_option_and_named_as_a_command(standin: Installed) -> None:
    assert standin.run("--version").out == "5.26.28\n"
    assert standin.run("-V").out == "5.26.28\n"
    assert standin.run("version").out == "neo4j 5.26.28\n"


def test_the_version_is_the_kernel_jar_s_and_without_one_the_installed_one(standin: Installed) -> None:
    (standin.home / "lib/neo4j-kernel-5.26.28.jar").rename(standin.home / "lib/neo4j-kernel-2025.06.1.jar")
    by_jar = standin.run("--version")
    (standin.home / "lib/neo4j-kernel-2025.06.1.jar").unlink()

    assert by_jar.out == "2025.06.1\n"
    assert standin.run("--version").out == "5.26.28\n"


@pytest.mark.parametrize(
    ("arguments", "beginning"),
    [
        ([], "Usage: neo4j-admin"),
        (["foo", "bar"], "Unmatched arguments from index 0: 'foo', 'bar'"),
        (["--bogus"], "Unknown option: '--bogus'"),
        (["database"], "Missing required subcommand"),
        (["database", "bakcup", "x"], "Unmatched arguments from index 1: 'bakcup', 'x'"),
        (["backup", "foo"], "Unmatched argument at index 1: 'foo'"),
        (["backup", "aggregate"], "Unmatched argument at index 1: 'aggregate'"),
        (["version", "foo"], "Unmatched argument at index 1: 'foo'"),
        (["database", "restore", "x"], "FAKE: 'database restore' is a command"),
        (["backup", "inspect", "/x"], "FAKE: 'backup inspect' is a command"),
        (["database", "backup", "--verbose=x", "neo4j"], "Invalid value for option '--verbose': 'x' is not a boolean"),
        (["database", "backup", "--verbose", "--verbose", "x"], "option '--verbose' should be specified only once"),
        (["database", "backup", "--inspect-path=/x"], "FAKE: --inspect-path is an option"),
    ],
)
def test_what_is_refused_above_the_command_ends_with_2(
    standin: Installed, arguments: list[str], beginning: str
) -> None:
    ran = standin.run(*arguments)

    assert ran.exit_code == 2
    assert ran.out == ""
    assert ran.err.startswith(beginning)


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["database", "--help"], ["database", "backup", "--help"]])
def test_help_is_an_answer_and_no_error(standin: Installed, arguments: list[str]) -> None:
    ran = standin.run(*arguments)

    assert ran.exit_code == 0
    assert "neo4j-admin" in ran.out
    assert ran.err == ""


def test_community_has_no_database_backup(make: Make) -> None:
    ran = make("5.26.28", "community").run("database", "backup", "neo4j")

    assert ran.exit_code == 2
    assert ran.err == "Unmatched arguments from index 1: 'backup', 'neo4j'\nDid you mean: database check?\n"


def test_a_refusal_of_the_command_is_followed_by_its_usage(standin: Installed) -> None:
    ran = standin.backup("--bogus", "neo4j")

    assert ran.exit_code == 64
    assert ran.out == ""
    assert ran.err.startswith("Unknown option: '--bogus'\n\n")
    assert "USAGE\n\nneo4j-admin database backup [-h]" in ran.err


@pytest.mark.parametrize("exit_code", [64, 1])
def test_a_missing_target_is_refused_with_what_the_knob_says(standin: Installed, exit_code: int) -> None:
    standin.knobs(missing_to_path_exit=exit_code)

    assert standin.run("database", "backup", "neo4j").exit_code == exit_code


def test_a_home_that_is_no_folder_is_refused_with_64(standin: Installed) -> None:
    ran = standin.run(*standin.arguments("neo4j"), env={"NEO4J_HOME": "/nonexistent"})

    assert ran.exit_code == 64
    assert ran.err == "NEO4J_HOME path doesn't exist or not a directory: /nonexistent\n"
    assert standin.run("--version", env={"NEO4J_HOME": "/nonexistent"}).exit_code == 0


def test_a_conf_that_is_no_folder_is_refused_by_later_releases(make: Make) -> None:
    conf = {"NEO4J_CONF": "/nonexistent"}
    old, new = make("5.26.28"), make("2025.06.0")

    assert old.run(*old.arguments("neo4j"), env=conf).exit_code == 0
    assert new.run(*new.arguments("neo4j"), env=conf).exit_code == 64


def test_a_heap_size_is_ignored_with_a_warning_where_java_opts_is_set(standin: Installed) -> None:
    ran = standin.run(*standin.arguments("neo4j"), env={"HEAP_SIZE": "64m", "JAVA_OPTS": "-Xmx80m"})

    assert ran.exit_code == 0
    assert ran.err == "WARNING! HEAP_SIZE is ignored, because JAVA_OPTS is set\n"


def test_a_heap_size_that_is_none_ends_the_worker_s_jvm(standin: Installed) -> None:
    ran = standin.run(*standin.arguments("neo4j"), env={"HEAP_SIZE": "abc"})

    assert ran.exit_code == 1
    assert ran.err.startswith("Invalid initial heap size: -Xmsabc\n")
    assert standin.artifacts() == []


def test_both_jvms_tell_of_java_tool_options(standin: Installed) -> None:
    java = {"JAVA_TOOL_OPTIONS": "-Da=b"}

    assert standin.run(*standin.arguments("neo4j"), env=java).err == "Picked up JAVA_TOOL_OPTIONS: -Da=b\n" * 2
    assert standin.run("--version", env=java).err == "Picked up JAVA_TOOL_OPTIONS: -Da=b\n"


def test_verbose_tells_the_command_line_and_the_version(standin: Installed) -> None:
    (standin.home / "conf/neo4j.conf").touch()

    ran = standin.backup("--verbose", "neo4j")

    assert ran.out.startswith("Executing command line: ")
    assert "\nneo4j 5.26.28\n" in ran.out
    assert f"Configuration files used (ordered by priority):\n{standin.home}/conf/neo4j.conf\n" in ran.out
