"""The command line says everything explicitly, and neo4j-admin sees of our environment only what it needs."""

from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.protocol import BackupType
from sidecar.neo4j_admin.command import Run, build, environment, secrets, type_for
from sidecar.neo4j_admin.options import Options
from sidecar.neo4j_admin.version import Version

PROGRAM = "/var/lib/neo4j/bin/neo4j-admin"
LTS = Version.parse("5.26.28")


def run_of(database: str, backup_type: BackupType = BackupType.FULL) -> Run:
    return Run(database, backup_type, ("localhost:6362", "other:6362"), "/data/backups/nightly", "/data/t/1", "64m")


def test_everything_is_explicit_and_the_database_comes_last() -> None:
    options = Options.of({"compress": False, "include_metadata": "all", "verbose": True})

    command = build(PROGRAM, LTS, run_of("neo4j"), options)

    assert command == (
        PROGRAM,
        "database",
        "backup",
        "--from=localhost:6362,other:6362",
        "--to-path=/data/backups/nightly",
        "--temp-path=/data/t/1",
        "--type=FULL",
        "--pagecache=64m",
        "--compress=false",
        "--include-metadata=all",
        "--verbose",
        "neo4j",
    )


def test_without_options_none_is_passed() -> None:
    command = build(PROGRAM, LTS, run_of("neo4j"), Options())

    assert command[3:] == (
        "--from=localhost:6362,other:6362",
        "--to-path=/data/backups/nightly",
        "--temp-path=/data/t/1",
        "--type=FULL",
        "--pagecache=64m",
        "neo4j",
    )


@pytest.mark.parametrize(
    ("database", "asked", "run_as"),
    [
        ("neo4j", BackupType.DIFF, BackupType.DIFF),
        ("neo4j", BackupType.AUTO, BackupType.AUTO),
        ("system", BackupType.DIFF, BackupType.AUTO),
        ("system", BackupType.AUTO, BackupType.AUTO),
        ("system", BackupType.FULL, BackupType.FULL),
    ],
)
def test_system_is_run_as_auto_where_a_differential_was_asked_for(
    database: str, asked: BackupType, run_as: BackupType
) -> None:
    command = build(PROGRAM, LTS, run_of(database, asked), Options())

    assert f"--type={run_as.value}" in command
    assert type_for(database, asked) is run_as


def test_system_is_never_run_with_metadata_not_even_with_a_list_that_the_version_lacks() -> None:
    options = Options.of({"include_metadata": "users=a,b", "compress": True})

    command = build(PROGRAM, LTS, run_of("system"), options)

    assert [part for part in command if "metadata" in part] == []
    assert "--compress=true" in command


def test_an_option_that_the_version_lacks_is_refused_before_anything_runs() -> None:
    with pytest.raises(ConfigurationError) as caught:
        build(PROGRAM, LTS, run_of("neo4j"), Options.of({"parallel_download": True}))

    for part in ("NEO4J_BACKUP_PARALLEL_DOWNLOAD", "--parallel-download", "5.26.28", "2025.11"):
        assert part in caught.value.message


@pytest.mark.parametrize("version", ["2025.11.0", "2026.02.3", "2027.01.0"])
def test_it_is_passed_to_a_version_that_has_it(version: str) -> None:
    command = build(PROGRAM, Version.parse(version), run_of("neo4j"), Options.of({"parallel_download": True}))

    assert "--parallel-download=true" in command


@pytest.mark.parametrize("database", ["--from=x:6362", "@file", "neo*", "", "../x", "systemx"])
def test_what_is_not_one_databases_name_never_becomes_an_argument(database: str) -> None:
    with pytest.raises(ValueError, match="not the name of one database"):
        build(PROGRAM, LTS, run_of(database), Options())


INHERITED = {
    "PATH": "/opt/java/bin:/bin",
    "JAVA_HOME": "/opt/java",
    "LC_ALL": "en_US.UTF-8",
    "AWS_REGION": "eu-west-1",
    "AWS_SECRET_ACCESS_KEY": "aws-secret-value",
    "GOOGLE_APPLICATION_CREDENTIALS": "/gcp.json",
    "AZURE_STORAGE_KEY": "azure-secret-value",
    "JAVA_OPTS": "-Xmx9g",
    "JAVA_TOOL_OPTIONS": "-javaagent:/evil.jar",
    "HEAP_SIZE": "9g",
    "TZ": "Europe/Berlin",
    "NEO4J_HOME": "/wrong",
    "NEO4J_CONF": "/conf",
    "NEO4J_DEBUG": "1",
    "NEO4J_PORT_7687_TCP_ADDR": "10.0.0.1",
    "NEO4J_BACKUP_FROM": "localhost:6362",
    "NEO4J_BACKUP_RUN": "somebody-elses",
    "LD_PRELOAD": "/evil.so",
    "HOME": "/root",
    "SECRET": "x",
}


def test_the_environment_is_exactly_what_is_allowed() -> None:
    chosen = environment(INHERITED, home=Path("/var/lib/neo4j"), heap="512m", word="w0rd")

    assert chosen == {
        "PATH": "/opt/java/bin:/bin",
        "JAVA_HOME": "/opt/java",
        "LC_ALL": "en_US.UTF-8",
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "aws-secret-value",
        "GOOGLE_APPLICATION_CREDENTIALS": "/gcp.json",
        "AZURE_STORAGE_KEY": "azure-secret-value",
        "NEO4J_HOME": "/var/lib/neo4j",
        "HEAP_SIZE": "512m",
        "TZ": "UTC",
        "NEO4J_BACKUP_RUN": "w0rd",
    }


def test_java_tool_options_come_from_their_own_setting_only() -> None:
    chosen = environment(
        {"NEO4J_BACKUP_JAVA_TOOL_OPTIONS": "-Daws.s3.forcePathStyle=true", "JAVA_TOOL_OPTIONS": "-Xmx9g"},
        home=None,
        heap="1g",
        word="w",
    )

    assert chosen["JAVA_TOOL_OPTIONS"] == "-Daws.s3.forcePathStyle=true"
    assert "NEO4J_HOME" not in chosen


def test_paths_with_letters_beyond_ascii_reach_java_where_no_locale_is_set() -> None:
    chosen = environment({}, home=None, heap="1g", word="w")

    assert chosen["LANG"] == "C.UTF-8"
    assert "/usr/bin" in chosen["PATH"]


def test_the_secrets_are_the_keys_and_tokens_among_the_credentials() -> None:
    found = secrets(
        {
            "AWS_ACCESS_KEY_ID": "key-id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_SESSION_TOKEN": "token",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/file",
            "AWS_REGION": "eu-west-1",
            "AZURE_STORAGE_KEY": "azure",
            "AZURE_STORAGE_CONNECTION_STRING": "AccountKey=x",
            "AZURE_STORAGE_ACCOUNT": "account",
            "AZURE_STORAGE_SAS_TOKEN": "",
            "TZ": "UTC",
        }
    )

    assert set(found) == {"key-id", "secret", "token", "azure", "AccountKey=x"}
