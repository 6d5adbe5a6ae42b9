"""What neo4j-admin prints is understood by its message, whatever release wrote it, in bounded memory."""

import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.neo4j_admin.output import TAIL_BYTES, TAIL_LINES, Observed, Sign, Stage

LOGGERS = ["[c.n.b.v.b.BackupOutputMonitor] ", "[c.n.b.b.BackupOutputMonitor] ", "[c.n.b.i.BackupOutputMonitor] ", ""]


def logged(message: str, level: str = "INFO", logger: str = LOGGERS[1]) -> bytes:
    return f"2024-10-07 16:05:37.123+0000 {level:5} {logger}{message}".encode()


def observe(*lines: bytes | str, database: str = "neo4j", secrets: tuple[str, ...] = ()) -> Observed:
    observed = Observed(database, secrets)
    for line in lines:
        observed.feed(line if isinstance(line, bytes) else logged(line))
    return observed


FULL_RUN = [
    "Starting backup of database 'neo4j' from servers: [localhost:6363]",
    "Start backup of database 'neo4j'.",
    "Using remote server localhost:6363 for backup of database 'neo4j'.",
    "Start full backup of database 'neo4j'.",
    "Start receiving store files for database 'neo4j'.",
    "Finished receiving store files for database 'neo4j', took 102ms.",
    "Start receiving transactions for database 'neo4j'.",
    "Finished receiving transactions for database 'neo4j' at 278, took 76ms.",
    "Start recovering database 'neo4j'.",
    "Finished recovering database 'neo4j', took 581ms.",
    "Finished full backup of database 'neo4j'. Downloaded from tx -1 to tx 5.",
    "Finished artifact creation 'neo4j-2023-05-04T17-21-27.backup' for database 'neo4j', took 121ms.",
    "Backup command completed.",
]


@pytest.mark.parametrize("logger", LOGGERS)
def test_a_full_backup_is_followed_to_its_artifact(logger: str) -> None:
    observed = Observed("neo4j")

    stages = [observed.feed(logged(message, logger=logger)).stage for message in FULL_RUN]

    assert list(dict.fromkeys(stage for stage in stages if stage)) == list(Stage)
    assert observed.artifact == "neo4j-2023-05-04T17-21-27.backup"
    assert observed.full_started
    assert not observed.differential_started
    assert observed.signs == {}
    assert observed.said == ""


def test_nothing_that_is_decided_hangs_on_the_unsure_lines() -> None:
    unsure = ("receiving", "recovering", "Start backup of", "Using remote")
    sure = [message for message in FULL_RUN if not any(word in message for word in unsure)]

    observed = observe(*sure, "Something else altogether.")

    assert observed.artifact == "neo4j-2023-05-04T17-21-27.backup"
    assert observed.full_started


def test_a_differential_is_told_from_a_full_backup() -> None:
    observed = observe(
        "Start differential backup of database 'neo4j'.",
        "Finished differential backup of database 'neo4j'.",
    )

    assert observed.differential_started
    assert not observed.full_started
    assert observed.stage is Stage.WRITING


def test_a_fallback_to_a_full_backup_keeps_its_reason_and_forgets_the_error_before_it() -> None:
    observed = observe(
        "Start differential backup of database 'neo4j'.",
        logged("Differential backup of database 'neo4j' failed. Reason: logs were pruned", "ERROR"),
        "Falling back to full backup of database 'neo4j'.",
        "Start full backup of database 'neo4j'.",
        logged("No more luck", "ERROR"),
    )

    assert observed.differential_failure == "logs were pruned"
    assert observed.full_started
    assert observed.said == "No more luck"


def test_lines_about_another_database_say_nothing_about_ours() -> None:
    observed = observe(
        "Start full backup of database 'other'.",
        "Differential backup of database 'other' failed. Reason: x",
        "Falling back to full backup of database 'other'.",
        "Finished artifact creation 'other-2023-05-04T17-21-27.backup' for database 'other', took 1ms.",
        logged("Database 'other' is offline", "ERROR"),
    )

    assert observed.finished == ()
    assert observed.artifact is None
    assert not observed.full_started
    assert observed.differential_failure is None
    assert Sign.OFFLINE not in observed.signs


@pytest.mark.parametrize(
    ("message", "stage"),
    [
        ("Using remote server localhost:6362 for backup of database 'neo4j'.", Stage.WAITING),
        ("Falling back to full backup of database 'neo4j'.", Stage.WAITING),
        ("Started receiving store files.", Stage.STORE_FILES),
        ("Start pulling transactions.", Stage.TRANSACTIONS),
        ("Starting recovery.", Stage.RECOVERING),
        ("Start artifact creation.", Stage.WRITING),
        ("Finished full backup of database 'neo4j'.", Stage.WRITING),
        ("Backup command completed.", Stage.FINISHING),
        ("It said Backup command completed.", None),
    ],
)
def test_a_line_that_a_stage_begins_with_tells_it(message: str, stage: Stage | None) -> None:
    assert Observed("neo4j").feed(logged(message)).stage is stage


def test_names_with_dashes_and_dots_are_artifacts_too() -> None:
    line = (
        "Finished artifact creation 'foo.x-g000-2025-06-11T21-04-42.backup' for database 'foo.x-g000', took 1s 181ms."
    )

    assert observe(line, database="Foo.X-G000").artifact == "foo.x-g000-2025-06-11T21-04-42.backup"


@pytest.mark.parametrize(
    "name",
    [
        "../neo4j-2023-05-04T17-21-27.backup",
        "/etc/neo4j-2023-05-04T17-21-27.backup",
        "neo4j-2023-05-04T17-21-27.backup/..",
        "neo4j.backup",
        "neo4j-2023-05-04.backup",
        "neo4j-2023-05-04T17-21-27.backup.1",
        "other-2023-05-04T17-21-27.backup",
        "-2023-05-04T17-21-27.backup",
        "neo4j-\u0662\u0660\u0662\u0663-05-04T17-21-27.backup",
        "s3://b/neo4j-2023-05-04T17-21-27.backup",
    ],
)
def test_an_artifact_that_is_no_plain_name_of_the_right_shape_is_none(name: str) -> None:
    observed = observe(f"Finished artifact creation '{name}' for database 'neo4j', took 121ms.")

    assert observed.artifact is None
    assert observed.finished == (name,)


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        (b"Unknown option: '--parallel-download=true'", Sign.REFUSED_OPTION),
        (b"Invalid value for option '--verbose': 'x' is not a boolean", Sign.REFUSED_OPTION),
        (b"File /conf/x.conf does not exist", Sign.MISSING_FILE),
        (b"Please specify --remote-address-resolution when taking a backup of a shard", Sign.SHARD),
        (b"java.lang.OutOfMemoryError: Java heap space", Sign.HEAP),
        (b"Terminating due to java.lang.OutOfMemoryError: GC overhead limit exceeded", Sign.HEAP),
        (b"Exception in thread main OutOfMemoryError", Sign.HEAP),
        (b"java.lang.OutOfMemoryError: unable to create native thread", Sign.MEMORY),
        (b"# There is insufficient memory for the Java Runtime Environment to continue.", Sign.MEMORY),
        (b"Error occurred during initialization of VM", Sign.JVM),
        (b"java.io.IOException: No space left on device", Sign.NO_SPACE),
        (b"java.nio.file.AccessDeniedException: /backups/x", Sign.DENIED),
        (b"The database is in use. Stop database 'neo4j' and try again.", Sign.IN_USE),
        (b"Caused by: Lock file has been locked by another process: /x", Sign.IN_USE),
        (b"Store and its lock file has been locked by another process", Sign.IN_USE),
        (logged("Database 'neo4j' is offline", "ERROR"), Sign.OFFLINE),
        (logged("Cannot back up neo4j: DatabaseId{c16ce93f[neo4j]} is not online", "WARN"), Sign.OFFLINE),
    ],
)
def test_known_failures_leave_a_sign_with_their_line(line: bytes, sign: Sign) -> None:
    observed = observe(line, "Something else.")

    assert sign in observed.signs
    assert observed.signs[sign] in line.decode()


def test_an_ordinary_line_leaves_no_sign() -> None:
    assert observe("Database 'neo4j' was offline. No space left on device").signs == {}


def test_the_option_that_was_refused_is_named() -> None:
    assert observe(b"Unknown option: '--parallel-download=true'").refused_option == "--parallel-download"
    assert observe(b"Invalid value for option '--pagecache': cannot convert").refused_option == "--pagecache"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            (
                b"Picked up JAVA_TOOL_OPTIONS: -Dx=y",
                logged("Failed to back up 'neo4j': the reason", "ERROR"),
                logged("Backup failed for databases: 'neo4j'", "ERROR"),
                b"Backup failed for databases: 'neo4j'",
                b"Run with '--verbose' for a more detailed error message.",
            ),
            "Failed to back up 'neo4j': the reason",
        ),
        (
            (
                b"/nonexist is not an existing directory",
                b"Full exception details written to: /logs/neo4j-admin-exception-trace-2026-01-01.log",
                b"Please provide this file if requesting neo4j support",
                b"WARNING: Using incubator modules: jdk.incubator.vector",
            ),
            "/nonexist is not an existing directory",
        ),
        (
            (
                b"org.neo4j.cli.CommandFailedException: it failed",
                b"\tat org.neo4j.cli.X.y(X.java:1)",
                b"Caused by: java.net.ConnectException: Connection refused",
                b"\t... 12 more",
            ),
            "Caused by: java.net.ConnectException: Connection refused",
        ),
        ((b"----", b"", b"Selecting JVM - Version:17"), ""),
    ],
)
def test_the_line_that_tells_best_what_went_wrong_is_kept(lines: tuple[bytes, ...], said: str) -> None:
    assert observe(*lines).said == said


def test_the_tail_holds_the_last_lines_in_their_order() -> None:
    observed = observe(*[b"line %d" % number for number in range(100)])

    assert observed.tail == tuple(f"line {number}" for number in range(60, 100))


def test_the_tail_is_bounded_in_bytes_too() -> None:
    observed = observe(*["\u2713".encode() * 500 for _ in range(40)])

    assert 1 <= len(observed.tail) < TAIL_LINES
    assert sum(len(line.encode()) + 1 for line in observed.tail) <= TAIL_BYTES


def test_secrets_show_in_nothing_that_is_kept() -> None:
    observed = Observed("neo4j", ("wJalrXUtnFEMI",))

    line = observed.feed(logged("No space left on device for wJalrXUtnFEMI, password=hunter2", "ERROR"))

    for text in (line.text, observed.said, observed.signs[Sign.NO_SPACE], *observed.tail):
        assert "wJalrXUtnFEMI" not in text
        assert "hunter2" not in text
        assert "No space" in text


TELLING = [*FULL_RUN, "Unknown option: '--x", "File /", "DatabaseId{[neo4j]} offline", "OutOfMemoryError", "ERROR [x] "]
LINES = st.lists(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
    | st.tuples(st.sampled_from(TELLING), st.binary(max_size=80)).map(lambda pair: logged(pair[0]) + pair[1])
    | st.tuples(st.binary(min_size=1, max_size=4), st.integers(1, 65536)).map(lambda pair: (pair[0] * pair[1])[:65536]),
    max_size=60,
)


def held(observed: Observed) -> int:
    """Bytes of all text that is kept."""
    texts = [*observed.tail, *observed.signs.values(), *observed.finished]
    texts += [
        observed.said,
        observed.differential_failure or "",
        observed.refused_option or "",
    ]
    return sum(sys.getsizeof(text) for text in texts)


@settings(max_examples=60)
@given(LINES)
def test_whatever_it_prints_nothing_breaks_and_little_is_kept(lines: list[bytes]) -> None:
    observed = Observed("neo4j", ("secretsecret",))

    for line in lines:
        shown = observed.feed(line)
        assert len(shown.text) <= 4096
        assert not {unicodedata.category(character) for character in shown.text} & {"Cc", "Cf", "Cs", "Zl", "Zp"}

    assert len(observed.tail) <= TAIL_LINES
    assert sum(len(line.encode()) for line in observed.tail) <= TAIL_BYTES
    assert held(observed) < 128 * 1024
    assert "/" not in (observed.artifact or "")


def test_any_number_of_artifacts_keeps_a_few() -> None:
    observed = Observed("neo4j")

    for number in range(1000):
        name = f"neo4j-{2000 + number}-05-04T17-21-27.backup"
        observed.feed(logged(f"Finished artifact creation '{name}' for database 'neo4j', took"))

    assert 1 < len(observed.finished) <= 20
