"""Whatever neo4j-admin prints, a run is understood in bounded memory and time, and nothing hostile is passed on."""

import logging
import os
import time
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from shared.protocol import BackupType
from sidecar.console import FactsFormatter
from sidecar.console_echo import ConsoleEcho
from sidecar.neo4j_admin.cleaning import mask
from sidecar.neo4j_admin.diagnosis import diagnose, skippable
from sidecar.neo4j_admin.facts import Facts
from sidecar.neo4j_admin.lines import LineSplitter
from sidecar.neo4j_admin.output import TAIL_BYTES, TAIL_LINES, Observed
from sidecar.neo4j_admin.runner import LINE_LIMIT, Exit
from sidecar.neo4j_admin.version import Version, parse_version_output
from sidecar.run_log import RunLog
from tests.fuzz.cases import BATCH, fuzzed
from tests.fuzz.corpus import OUTPUT, TEXTS
from tests.fuzz.mutation import TOKENS, changed_bytes
from tests.fuzz.shown import drives, hold_text

SECRET = "wJalrXUtnFEMI/K7MDENG"
STAMP = b"2026-11-23 02:15:00.000+0000 "
LINES = (
    b"Picked up JAVA_TOOL_OPTIONS: -Djavax.net.ssl.trustStorePassword=" + SECRET.encode(),
    STAMP + b"INFO  [o.n.b.v.OnlineBackupExecutor] Start full backup of database 'neo4j'",
    STAMP + b"INFO  [c.n.b.v.X] Start differential backup of database 'neo4j'",
    STAMP + b"INFO  [c.n.b.v.X] Start receiving store files",
    STAMP + b"INFO  [c.n.b.v.X] Finished artifact creation 'neo4j-2026-11-23T02-15-01.backup' for database 'neo4j'",
    STAMP + b"WARN  [c.n.b.v.X] Differential backup of database 'neo4j' failed. Reason: x",
    STAMP + b"INFO  [c.n.b.v.X] Falling back to full backup of database 'neo4j'",
    STAMP + b"ERROR [c.n.b.v.X] DatabaseId{c16ce93f[neo4j]} is offline: s3://key:" + SECRET.encode() + b"@bucket",
    b"Unknown option: '--from=evil'",
    b"File /conf/backup.conf does not exist",
    b"java.lang.OutOfMemoryError: Java heap space",
    b"java.io.IOException: No space left on device",
    b"Backup command completed",
    b"neo4j 5.26.28",
    b"",
)
MARKS = (
    *TOKENS,
    SECRET.encode(),
    b"'",
    b"password=" + SECRET.encode() + b" ",
    b"x" * 70_000,
    STAMP,
    b"'-x'",
    b"'../x'",
)


def outputs(lines: list[bytes], seed: int) -> tuple[tuple[bytes, int], ...]:
    """Make what a run prints, torn, and where it is cut into chunks."""
    random = Random(seed)
    found = []
    for _ in range(BATCH):
        data = b"\n".join(lines) + b"\n" * random.randrange(2)
        for _ in range(random.randrange(4)):
            data = changed_bytes(data, random, MARKS)
        found.append((data, random.randrange(len(data) + 1)))
    return tuple(found)


OUTPUTS = st.builds(outputs, st.lists(st.sampled_from(LINES), max_size=6), st.integers(0, 1 << 64))


class Kept(logging.Handler):
    """Keeps each line as the sidecar's log would have it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(FactsFormatter((SECRET,)))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@fuzzed(11_000, OUTPUTS, [(data, len(data) // 2) for data in (*OUTPUT, *TEXTS)])
def test_any_output_is_understood_within_bounds_and_gives_no_secret_away(case: tuple[bytes, int]) -> None:
    data, cut = case
    began = time.process_time()
    splitter, observed, log = LineSplitter(LINE_LIMIT), Observed("neo4j", (SECRET,)), logging.Logger("echo")
    log.addHandler(kept := Kept())
    echo = ConsoleEcho(log)

    lines = [*splitter.feed(data[:cut]), *splitter.feed(data[cut:]), *splitter.rest()]
    for line in lines[:3000]:
        echo.write(observed.feed(line).text.encode())

    assert time.process_time() - began < 30
    assert all(len(line) <= LINE_LIMIT for line in lines)
    assert len(observed.tail) <= TAIL_LINES
    assert sum(len(line.encode()) + 1 for line in observed.tail) <= TAIL_BYTES
    assert observed.artifact is None or ("/" not in observed.artifact and observed.artifact.endswith(".backup"))
    hold_text(
        observed.said, *observed.tail, *observed.finished, *observed.signs.values(), observed.refused_option or ""
    )
    assert all(drives(line) == set() for line in kept.lines)
    hold_secret(observed.said, *observed.tail, *observed.signs.values(), *kept.lines)
    hold_diagnosis(observed)


def hold_secret(*texts: str) -> None:
    # A line that was torn in the midst of it holds another word.
    assert not [text for text in texts if SECRET in text]


def hold_diagnosis(observed: Observed) -> None:
    for status in (1, 2, 64, 137):
        facts = Facts(
            exit=Exit(status, None),
            observed=observed,
            database="neo4j",
            type=BackupType.DIFF,
            target="/backups/nightly",
            temp="/backups/.temp",
            version=Version(5, 26, 28),
            connects={"localhost:6362": True},
        )
        error = diagnose(facts)
        hold_text(error.message, error.hint, skippable(facts) or "")
        hold_secret(error.message, error.hint)


@fuzzed(3_000, OUTPUTS, [(data, len(data) // 2) for data in OUTPUT])
def test_the_log_of_any_output_is_bounded_and_whole_lines(case: tuple[bytes, int], fast_path: Path) -> None:
    data, cut = case
    path = fast_path / "run.log"
    for piece in (data[:cut], data[cut:]):
        log = RunLog(lambda: os.open(path, os.O_RDWR | os.O_CREAT, 0o640), first=4096, last=4096)
        for line in piece.split(b"\n"):
            log.write(mask(line.decode("utf-8", "replace"), (SECRET,)).encode())
        log.close()
        assert log.trouble is None

    assert path.stat().st_size <= 4096 + 4096 + 200
    assert SECRET.encode() not in path.read_bytes()
    path.unlink()


@fuzzed(3_000, OUTPUTS, [(data, 0) for data in TEXTS])
def test_any_words_about_a_version_are_one_or_none(case: tuple[bytes, int]) -> None:
    found = parse_version_output(case[0].decode("utf-8", "replace"))

    assert found is None or found == Version.parse(str(found))
