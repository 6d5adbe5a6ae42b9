"""The sidecar's settings come from its environment; a wrong one is told with what would be right."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sidecar.folder_setting import requests_folder
from sidecar.neo4j_admin.options import BY_NAME, TABLE
from sidecar.settings import VARIABLES, Settings, describe, documented, load, print_settings

MIB = 1024**2


def test_without_an_environment_the_promised_defaults_hold() -> None:
    loaded = load({})

    settings = loaded.settings
    assert (loaded.problems, loaded.warnings, loaded.from_environment) == ((), (), frozenset())
    assert loaded.problem() is None
    assert settings.requests == "/backup-requests"
    assert settings.allowed_roots == ("/data/backups", "/backups")
    assert settings.from_ == ("localhost:6362",)
    assert settings.data == "/data"
    assert (settings.neo4j_admin, settings.temp, settings.heap, settings.pagecache, settings.reserve) == (None,) * 5
    assert (settings.timeout, settings.grace, settings.memory_check) == (86_400, 5, True)
    assert settings.options.arguments() == ()


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("NEO4J_BACKUP_REQUESTS", "/requests/", "requests", "/requests"),
        ("NEO4J_BACKUP_ALLOWED_ROOTS", "/a/b:/c/:/a//b", "allowed_roots", ("/a/b", "/c")),
        ("NEO4J_BACKUP_NEO4J_ADMIN", "/opt/neo4j/bin/neo4j-admin", "neo4j_admin", "/opt/neo4j/bin/neo4j-admin"),
        ("NEO4J_BACKUP_FROM", "a:1, b ,[::1]:3", "from_", ("a:1", "b:6362", "[::1]:3")),
        ("NEO4J_BACKUP_DATA", "//data", "data", "/data"),
        ("NEO4J_BACKUP_TEMP", "/scratch", "temp", "/scratch"),
        ("NEO4J_BACKUP_TIMEOUT", "15m", "timeout", 900),
        ("NEO4J_BACKUP_GRACE", " 15s ", "grace", 15),
        ("NEO4J_BACKUP_HEAP", "512m", "heap", 512 * MIB),
        ("NEO4J_BACKUP_PAGECACHE", "1GiB", "pagecache", 1024 * MIB),
        ("NEO4J_BACKUP_RESERVE", "0", "reserve", 0),
        ("NEO4J_BACKUP_MEMORY_CHECK", "OFF", "memory_check", False),
        ("NEO4J_BACKUP_JAVA_TOOL_OPTIONS", "-Dx=y", "java_tool_options", "-Dx=y"),
        ("NEO4J_EDITION", "Enterprise", "edition", "enterprise"),
        ("NEO4J_ACCEPT_LICENSE_AGREEMENT", "eval", "licence", "eval"),
    ],
)
def test_each_setting_is_read_from_its_variable(variable: str, text: str, field: str, value: object) -> None:
    loaded = load({variable: text})

    assert loaded.problems == ()
    assert getattr(loaded.settings, field) == value
    assert loaded.from_environment == {variable}


@pytest.mark.parametrize(
    ("variable", "text", "right"),
    [
        ("NEO4J_BACKUP_REQUESTS", "requests", "absolute path"),
        ("NEO4J_BACKUP_REQUESTS", "/a/../b", "without '..'"),
        ("NEO4J_BACKUP_DATA", "/da\nta", "absolute path"),
        ("NEO4J_BACKUP_ALLOWED_ROOTS", "backups:/b", "absolute path"),
        ("NEO4J_BACKUP_ALLOWED_ROOTS", "/backups:/", "never / itself"),
        ("NEO4J_BACKUP_ALLOWED_ROOTS", ":", "separated by ':'"),
        ("NEO4J_BACKUP_FROM", "--to-path=/etc", "host:port"),
        ("NEO4J_BACKUP_FROM", "a:6362,", "host:port"),
        ("NEO4J_BACKUP_TIMEOUT", "1 day", "24h"),
        ("NEO4J_BACKUP_GRACE", "0", "longer than nothing"),
        ("NEO4J_BACKUP_HEAP", "half", "512m"),
        ("NEO4J_BACKUP_HEAP", "512", "64m or more, with its unit"),
        ("NEO4J_BACKUP_PAGECACHE", "4m", "8m or more"),
        ("NEO4J_BACKUP_RESERVE", "5%", "1GiB"),
        ("NEO4J_BACKUP_RESERVE", "-1", "1GiB"),
        ("NEO4J_BACKUP_MEMORY_CHECK", "maybe", "on nor off"),
        ("NEO4J_BACKUP_COMPRESS", "maybe", "true or false"),
        ("NEO4J_BACKUP_ADDITIONAL_CONFIG", "backup.conf", "absolute path"),
    ],
)
def test_a_wrong_value_is_a_problem_that_says_what_is_right_and_the_default_holds(
    variable: str, text: str, right: str
) -> None:
    loaded = load({variable: text})

    (problem,) = loaded.problems
    assert variable in problem
    assert right in problem
    assert loaded.settings == load({}).settings
    assert loaded.from_environment == frozenset()


def test_all_problems_are_told_at_once_and_the_good_values_hold() -> None:
    loaded = load(
        {
            "NEO4J_BACKUP_TIMEOUT": "soon",
            "NEO4J_BACKUP_HEAP": "many",
            "NEO4J_BACKUP_VERBOSE": "loud",
            "NEO4J_BACKUP_DATA": "/neo4j/data",
        }
    )

    error = loaded.problem()

    assert len(loaded.problems) == 3
    assert error is not None
    assert error.code == "configuration_error"
    assert all(problem in error.message for problem in loaded.problems)
    assert "neo4j-backup-sidecar settings" in error.hint
    assert loaded.settings.data == "/neo4j/data"


def test_a_huge_wrong_value_is_told_within_bounds() -> None:
    loaded = load({"NEO4J_BACKUP_TIMEOUT": "x\x1b" * 50_000, "NEO4J_BACKUP_HEAP": "x" * 100_000})

    assert len(loaded.problems) == 2
    assert all(len(problem) <= 512 and problem.isprintable() for problem in loaded.problems)


def test_an_empty_variable_counts_as_one_that_is_not_set() -> None:
    empty = {variable.name: "  " for variable in VARIABLES.values()} | {row.setting: "" for row in TABLE}

    assert load(empty) == load({})


def test_options_of_the_table_are_settings() -> None:
    loaded = load({"NEO4J_BACKUP_COMPRESS": "false", "NEO4J_BACKUP_INCLUDE_METADATA": "roles"})

    assert loaded.settings.options.arguments() == ("--compress=false", "--include-metadata=roles")
    assert loaded.from_environment == {"NEO4J_BACKUP_COMPRESS", "NEO4J_BACKUP_INCLUDE_METADATA"}
    assert loaded.settings.options.get(BY_NAME["compress"]) is False


def test_a_misspelt_variable_is_a_warning_that_names_the_one_that_may_be_meant() -> None:
    loaded = load({"NEO4J_BACKUP_TIMOUT": "secret-1", "NEO4J_BACKUP_QQQ": "secret-2"})

    unlike, near = loaded.warnings
    assert loaded.problems == ()
    assert "NEO4J_BACKUP_TIMOUT" in near
    assert "NEO4J_BACKUP_TIMEOUT may be meant" in near
    assert "NEO4J_BACKUP_QQQ" in unlike
    assert "secret" not in near + unlike


def test_what_kubernetes_and_the_trigger_put_there_is_no_warning() -> None:
    loaded = load(
        {
            "NEO4J_BACKUP_TRIGGER_PATH": "/backups",
            "NEO4J_BACKUP_SERVICE_HOST": "10.0.0.1",
            "NEO4J_BACKUP_SERVICE_PORT": "6362",
            "NEO4J_BACKUP_SERVICE_PORT_TCP_BACKUP": "6362",
            "NEO4J_BACKUP_PORT": "tcp://10.0.0.1:6362",
            "NEO4J_BACKUP_PORT_6362_TCP": "tcp://10.0.0.1:6362",
            "NEO4J_BACKUP_PORT_6362_TCP_ADDR": "10.0.0.1",
            "NEO4J_BACKUP_PORT_6362_TCP_PORT": "6362",
            "NEO4J_BACKUP_PORT_6362_TCP_PROTO": "tcp",
            "NEO4J_BACKUP_ADMIN_SERVICE_HOST": "10.0.0.2",
            "NEO4J_BACKUP_ADMIN_PORT": "tcp://10.0.0.2:80",
            "NEO4J_PORT_7687_TCP": "tcp://10.0.0.3:7687",
        }
    )

    assert loaded.warnings == ()


def test_a_port_that_somebody_set_by_hand_is_a_warning() -> None:
    assert len(load({"NEO4J_BACKUP_PORT": "6362"}).warnings) == 1


def test_settings_are_frozen_and_know_no_further_field() -> None:
    unknown: dict[str, Any] = {"path": "/"}

    with pytest.raises(ValidationError):
        load({}).settings.data = "/other"
    with pytest.raises(ValidationError):
        Settings(**unknown)


def test_the_description_says_what_holds_and_where_from() -> None:
    loaded = load({"NEO4J_BACKUP_HEAP": "2g", "NEO4J_BACKUP_TIMEOUT": "90m", "NEO4J_BACKUP_VERBOSE": "yes"})

    lines = {line.split()[0]: line for line in describe(loaded)}

    assert len(lines) == len(documented()) == len(VARIABLES) + len(TABLE)
    assert lines["NEO4J_BACKUP_HEAP"].endswith("  2g  (environment)")
    assert lines["NEO4J_BACKUP_TIMEOUT"].endswith("  90m  (environment)")
    assert lines["NEO4J_BACKUP_VERBOSE"].endswith("  true  (environment)")
    assert lines["NEO4J_BACKUP_ALLOWED_ROOTS"].endswith("  /data/backups:/backups  (default)")
    assert lines["NEO4J_BACKUP_RESERVE"].endswith("  1GiB or 5 % of the file system, the larger  (default)")
    assert lines["NEO4J_BACKUP_COMPRESS"].endswith("  not passed  (default)")


@pytest.mark.parametrize(
    "arguments",
    [
        "-Daws.s3.forcePathStyle=true -Djavax.net.ssl.trustStorePassword=hunter2",
        "-Dazure.storage.key=hunter2 -javaagent:/agent.jar=token:hunter2",
        "-Dpassword='a hunter2'",
    ],
)
def test_no_secret_is_shown(arguments: str) -> None:
    loaded = load({"NEO4J_BACKUP_JAVA_TOOL_OPTIONS": arguments, "NEO4J_BACKUP_FROM": "neo4j:hunter2@db:6362"})

    shown = "\n".join((*describe(loaded), *loaded.problems, repr(loaded)))

    assert loaded.settings.java_tool_options == arguments
    assert "hunter2" not in shown
    assert "'db:6362' is no server" in loaded.problems[0]


def test_what_is_no_secret_is_shown() -> None:
    loaded = load({"NEO4J_BACKUP_JAVA_TOOL_OPTIONS": "-Daws.s3.forcePathStyle=true -XX:MaxMetaspaceSize=128m"})

    assert any("-Daws.s3.forcePathStyle=true -XX:MaxMetaspaceSize=128m" in line for line in describe(loaded))


def test_every_default_that_is_documented_is_one_that_its_variable_takes() -> None:
    written = {row.variable: row.default.strip("`") for row in documented() if row.default.startswith("`")}
    written = {variable: text for variable, text in written.items() if " " not in text}

    loaded = load(written)

    assert len(written) == 8
    assert (loaded.problems, loaded.settings) == ((), load({}).settings)
    assert all(row.description for row in documented())


def test_the_command_prints_settings_and_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    right = print_settings({"NEO4J_BACKUP_DATA": "/neo4j"})
    output = capsys.readouterr()
    wrong = print_settings({"NEO4J_BACKUP_DATA": "neo4j", "NEO4J_BACKUP_DATTA": "/neo4j"})
    complaint = capsys.readouterr()

    assert (right, wrong) == (0, 5)
    assert (len(output.out.splitlines()), output.err) == (len(documented()), "")
    assert len(complaint.out.splitlines()) == len(documented())
    assert [line.partition(":")[0] for line in complaint.err.splitlines()] == ["wrong", "warning"]


def test_the_settings_read_only_what_they_are_handed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NEO4J_BACKUP_DATA", str(tmp_path))

    assert load({}).settings.data == "/data"


@pytest.mark.parametrize("text", ["/requests", " /requests/ ", "//requests", "", "  ", "requests", "/a/../b", "/a\nb"])
def test_couriers_look_for_the_request_volume_where_the_daemon_does(text: str) -> None:
    environment = {"NEO4J_BACKUP_REQUESTS": text}

    assert requests_folder(environment) == load(environment).settings.requests
    assert requests_folder({}) == load({}).settings.requests
