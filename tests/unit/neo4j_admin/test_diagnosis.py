"""A run that failed is told in the user's words: the right error, what was wrong, and what to do."""

import signal
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import (
    BackupError,
    BackupFailed,
    ConfigurationError,
    InsufficientSpace,
    OutOfMemory,
    ServerUnavailable,
)
from shared.protocol import BackupType
from sidecar.neo4j_admin.diagnosis import diagnose, skippable
from sidecar.neo4j_admin.facts import Facts
from sidecar.neo4j_admin.options import Options
from sidecar.neo4j_admin.output import Observed
from sidecar.neo4j_admin.runner import Exit
from sidecar.neo4j_admin.version import Version

ARTIFACT = "Finished artifact creation 'neo4j-2023-05-04T17-21-27.backup' for database 'neo4j', took 121ms."
GIB = 1024**3


def failed(*lines: str, status: int = 1, **known: Any) -> Facts:
    """A run of `neo4j` that ended so, where every check came out well but for what is given."""
    facts = Facts(
        exit=Exit(status, None),
        observed=observe(*lines),
        database="neo4j",
        type=BackupType.FULL,
        target="/backups/nightly",
        temp="/backups/.temp",
        version=Version(5, 26, 28),
        connects={"localhost:6362": True},
        database_folder=True,
        database_open=True,
        target_writable=True,
        temp_writable=True,
        target_free=50 * GIB,
        temp_free=50 * GIB,
        oom_killed=False,
        chain=True,
        enterprise=True,
        server_version=Version(5, 26, 28),
    )
    return replace(facts, **known)


def observe(*lines: str, database: str = "neo4j") -> Observed:
    observed = Observed(database)
    for line in lines:
        observed.feed(line.encode())
    return observed


CASES: dict[str, tuple[Facts, type[BackupError], tuple[str, ...]]] = {
    "community has no such command": (
        failed("Unmatched arguments from index 1: 'backup', 'neo4j'", "Did you mean: database check?", status=2),
        ConfigurationError,
        ("database backup", "Enterprise", "NEO4J_IMAGE"),
    ),
    "an option that this version lacks": (
        failed("Unknown option: '--parallel-download=true'", "", "USAGE", status=64),
        ConfigurationError,
        ("--parallel-download", "NEO4J_BACKUP_PARALLEL_DOWNLOAD", "5.26.28"),
    ),
    "a value that it refuses": (
        failed("Invalid value for option '--pagecache': cannot convert 'x' to byte units", status=64),
        ConfigurationError,
        ("--pagecache", "NEO4J_BACKUP_PAGECACHE"),
    ),
    "an environment that it refuses": (
        failed("NEO4J_HOME path doesn't exist or not a directory: /nonexist", status=64),
        ConfigurationError,
        ("NEO4J_HOME path doesn't exist",),
    ),
    "no java": (failed("env: bash: No such file or directory", status=127), ConfigurationError, ("JAVA_HOME",)),
    "killed for memory": (failed(status=137, oom_killed=True), OutOfMemory, ("memory limit", "NEO4J_BACKUP_HEAP")),
    "killed for memory after its success": (
        failed(ARTIFACT, "Backup command completed.", status=137, oom_killed=True),
        OutOfMemory,
        ("NEO4J_BACKUP_PAGECACHE",),
    ),
    "the launcher itself killed for memory": (
        failed(exit=Exit(None, signal.SIGKILL), oom_killed=True),
        OutOfMemory,
        ("NEO4J_BACKUP_HEAP",),
    ),
    "a heap that is too small": (
        failed("java.lang.OutOfMemoryError: Java heap space"),
        OutOfMemory,
        ("heap", "Raise NEO4J_BACKUP_HEAP"),
    ),
    "no native memory": (
        failed("# There is insufficient memory for the Java Runtime Environment to continue.", status=134),
        OutOfMemory,
        ("memory limit",),
    ),
    "an abort without any word of memory": (failed(status=134), BackupFailed, ("aborted", "memory")),
    "java can't start with that heap": (
        failed("Error occurred during initialization of VM", "Too small maximum heap"),
        ConfigurationError,
        ("Too small maximum heap", "NEO4J_BACKUP_HEAP"),
    ),
    "killed and nobody counted": (failed(status=137), BackupFailed, ("was killed (SIGKILL)", "no kill for want")),
    "ended by another's SIGTERM": (failed(exit=Exit(None, signal.SIGTERM)), BackupFailed, ("SIGTERM",)),
    "a volume that ran full": (
        failed(temp_free=4096),
        InsufficientSpace,
        ("/backups/.temp", "4096", "NEO4J_BACKUP_TEMP"),
    ),
    "no space, in the system's words": (
        failed("java.io.IOException: No space left on device"),
        InsufficientSpace,
        ("No space left on device", "/backups/nightly"),
    ),
    "no such additional configuration": (
        failed("File /conf/x.conf does not exist", options=Options.of({"additional_config": "/conf/x.conf"})),
        ConfigurationError,
        ("NEO4J_BACKUP_ADDITIONAL_CONFIG", "/conf/x.conf"),
    ),
    "a shard": (
        failed("Please specify --remote-address-resolution when taking a backup of a shard"),
        ConfigurationError,
        ("NEO4J_BACKUP_REMOTE_ADDRESS_RESOLUTION=true", "2025.09"),
    ),
    "nobody listens": (
        failed("whatever it says", connects={"localhost:6362": False, "b:6362": False}),
        ServerUnavailable,
        ("localhost:6362, b:6362", "server.backup.enabled", "NEO4J_BACKUP_FROM"),
    ),
    "a target that can't be written": (
        failed("java.nio.file.AccessDeniedException: /backups/nightly/x", target_writable=False),
        ConfigurationError,
        ("/backups/nightly may not be written, or is no longer there", "7474", "AccessDenied"),
    ),
    "no such database": (
        failed("whatever it says", database_folder=False),
        ConfigurationError,
        ("holds no database 'neo4j'", "alias", "composite"),
    ),
    "no parent for a differential": (
        failed("whatever it says", type=BackupType.DIFF, chain=False),
        BackupFailed,
        ("no full backup", "/backups/nightly", "AUTO", "FULL"),
    ),
    "a differential whose logs are gone": (
        failed("Differential backup of database 'neo4j' failed. Reason: pruned", type=BackupType.DIFF),
        BackupFailed,
        ("pruned", "AUTO or FULL", "retention_policy"),
    ),
    "a store in use": (
        failed("The database is in use. Stop database 'neo4j' and try again."),
        BackupFailed,
        ("in use", "/backups/.temp"),
    ),
    "an artifact and still exit 1": (
        failed(ARTIFACT),
        BackupFailed,
        ("neo4j-2023-05-04T17-21-27.backup", "exited with 1", "no success"),
    ),
    "an artifact, exit 1, and a server that is away": (
        failed(ARTIFACT, connects={"a:6362": True, "b:6362": False}),
        BackupFailed,
        ("no success", "b:6362", "NEO4J_BACKUP_FROM"),
    ),
    "a database that is not open": (
        failed("whatever it says", database_open=False),
        BackupFailed,
        ("isn't online", "START DATABASE"),
    ),
    "a database of which it says that it is offline": (
        failed("Database 'neo4j' is offline", database_open=None),
        BackupFailed,
        ("isn't online", "Database 'neo4j' is offline"),
    ),
    "older than the server": (
        failed("whatever it says", server_version=Version(2026, 2)),
        BackupFailed,
        ("older than the server", "2026.02.0", "image"),
    ),
    "nothing explains it": (
        failed("whatever it says"),
        BackupFailed,
        ("exited with 1", "'neo4j'", "whatever it says", "NEO4J_BACKUP_VERBOSE"),
    ),
}


@pytest.mark.parametrize(("facts", "kind", "parts"), CASES.values(), ids=CASES)
def test_each_known_failure_is_told_with_what_to_do(
    facts: Facts, kind: type[BackupError], parts: tuple[str, ...]
) -> None:
    error = diagnose(facts)

    assert type(error) is kind
    told = f"{error.message} {error.hint}"
    assert [part for part in parts if part not in told] == []
    assert error.hint


@pytest.mark.parametrize("words", ["Database 'neo4j' is offline", "whatever it says", ""])
def test_words_alone_decide_nothing_that_a_check_contradicts(words: str) -> None:
    error = diagnose(failed(words, database_open=True))

    assert "isn't online" not in error.message


def test_denied_words_alone_do_not_make_the_target_unwritable() -> None:
    error = diagnose(failed("java.nio.file.AccessDeniedException: /tmp/x"))

    assert type(error) is BackupFailed
    assert "/tmp" in error.hint


def test_a_file_that_is_not_the_setting_is_not_blamed_on_it() -> None:
    error = diagnose(failed("File /other does not exist", options=Options.of({"additional_config": "/conf/x"})))

    assert type(error) is BackupFailed


def test_one_server_of_several_that_is_away_is_named_and_is_no_server_unavailable() -> None:
    error = diagnose(failed("whatever it says", connects={"a:6362": True, "b:6362": False}))

    assert type(error) is BackupFailed
    assert "b:6362" in error.hint


def test_a_kill_that_nobody_looked_for_claims_no_count() -> None:
    error = diagnose(failed(status=137, oom_killed=None))

    assert type(error) is BackupFailed
    assert "counted" not in error.message


@pytest.mark.parametrize(("status", "number"), [(1, None), (128, None), (134, 6), (137, 9), (143, 15), (255, None)])
def test_a_status_above_128_tells_the_signal_of_the_worker(status: int, number: int | None) -> None:
    assert failed(status=status).killed_by == number


def test_a_patch_release_between_client_and_server_explains_nothing() -> None:
    error = diagnose(failed("whatever it says", server_version=Version(5, 26, 30)))

    assert "older" not in error.message


def test_a_full_backup_needs_no_parent() -> None:
    assert "no full backup" not in diagnose(failed("x", type=BackupType.FULL, chain=False)).message
    assert "no full backup" not in diagnose(failed("x", type=BackupType.AUTO, chain=False)).message


def test_without_any_check_it_says_what_neo4j_admin_said() -> None:
    facts = Facts(Exit(1, None), observe("the last words"), "neo4j", BackupType.FULL, "/backups", "")

    error = diagnose(facts)

    assert type(error) is BackupFailed
    assert "the last words" in error.message


OFFLINE_WORDS = "Database 'neo4j' is offline"
BEGUN = "2024-10-07 16:05:37.123+0000 INFO  [x] Start full backup of database 'neo4j'."


@pytest.mark.parametrize(
    ("words", "opened"), [(OFFLINE_WORDS, None), (OFFLINE_WORDS, False), ("whatever it says", False)]
)
def test_an_offline_database_that_nobody_named_may_be_skipped(words: str, opened: bool | None) -> None:
    reason = skippable(failed(words, database_open=opened))

    assert reason is not None
    assert "'neo4j' is offline" in reason


def test_where_its_backup_had_begun_words_and_lock_have_to_agree() -> None:
    assert skippable(failed(BEGUN, OFFLINE_WORDS, database_open=False)) is not None
    assert skippable(failed(BEGUN, OFFLINE_WORDS, database_open=None)) is None
    assert skippable(failed(BEGUN, "whatever it says", database_open=False)) is None


@pytest.mark.parametrize(
    "facts",
    [
        failed(OFFLINE_WORDS, database_open=True),
        failed("whatever it says", database_open=None),
        failed("Database 'other' is offline", database_open=None),
        failed(OFFLINE_WORDS, database_open=False, status=137),
        failed(OFFLINE_WORDS, database_open=False, status=70),
        failed(OFFLINE_WORDS, database_open=False, status=64),
        failed(OFFLINE_WORDS, database_open=False, exit=Exit(None, 9)),
        failed(OFFLINE_WORDS, database_open=False, connects={"a": False}),
        failed(OFFLINE_WORDS, database_open=False, connects={"a": True, "b": False}),
        failed(OFFLINE_WORDS, database_open=False, connects=None),
        failed(OFFLINE_WORDS, database_open=False, database_folder=None),
        failed(OFFLINE_WORDS, database_open=False, database_folder=False),
        failed(OFFLINE_WORDS, database_open=False, target_writable=False),
        failed(OFFLINE_WORDS, database_open=False, target_free=0),
        failed(OFFLINE_WORDS, database_open=False, oom_killed=True),
        failed(OFFLINE_WORDS, ARTIFACT, database_open=False),
        failed(OFFLINE_WORDS, "No space left on device", database_open=False),
        failed("Database 'system' is offline", database_open=False, database="system"),
    ],
)
def test_nothing_is_skipped_on_less_than_all_of_the_evidence(facts: Facts) -> None:
    assert skippable(facts) is None


T = TypeVar("T")


def maybe(*values: T) -> st.SearchStrategy[T | None]:
    return st.sampled_from([None, *values])


FACTS = st.builds(
    Facts,
    exit=st.builds(Exit, st.integers(1, 255), st.none()) | st.builds(Exit, st.none(), st.integers(1, 64)),
    observed=st.lists(st.sampled_from([OFFLINE_WORDS, BEGUN, ARTIFACT, "Unknown option: '--x'", "boom"])).map(
        lambda lines: observe(*lines)
    ),
    database=st.sampled_from(["neo4j", "system"]),
    type=st.sampled_from(BackupType),
    target=st.just("/backups"),
    temp=st.just("/temp"),
    version=maybe(Version(5, 26)),
    connects=maybe({}, {"a": True}, {"a": False}, {"a": True, "b": False}),
    database_folder=maybe(True, False),
    database_open=maybe(True, False),
    target_writable=maybe(True, False),
    target_free=maybe(0, GIB),
    oom_killed=maybe(True, False),
    chain=maybe(True, False),
    enterprise=maybe(True, False),
    server_version=maybe(Version(5, 26), Version(2026, 2)),
)


@given(FACTS)
def test_whatever_is_known_there_is_an_error_with_something_to_do(facts: Facts) -> None:
    error = diagnose(facts)

    assert error.message.isprintable()
    assert error.hint
    assert "None" not in f"{error.message} {error.hint}"


@given(FACTS)
def test_only_what_is_told_as_offline_is_ever_skipped(facts: Facts) -> None:
    if skippable(facts) is not None:
        assert "isn't online" in diagnose(facts).message
