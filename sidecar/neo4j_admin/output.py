"""Gathers what a run's lines mean: how far it is, what it finished, and which known failures they tell of.

Only the message of a line counts, never the logger before it, whose name moves between releases.
Decisions hang on lines that are confirmed (start, fallback, "Finished artifact creation", "Backup
command completed"), on the JVM's and the operating system's own words, and on what somebody checks
besides; the words of the stages between them are unsure and only move the progress.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sidecar.neo4j_admin.cleaning import clean
from sidecar.neo4j_admin.databases import legal_database

TAIL_LINES = 40
TAIL_BYTES = 8 * 1024
_TAIL_LINE = 1000
_SHOWN_LINE = 4096
_KEPT = 500
_MOST_ARTIFACTS = 16


class Stage(StrEnum):
    """What neo4j-admin is doing, in a person's words."""

    STARTING = "starting"
    WAITING = "waiting for the server"
    STORE_FILES = "receiving store files"
    TRANSACTIONS = "receiving transactions"
    RECOVERING = "recovering"
    WRITING = "writing the artifact"
    FINISHING = "finishing"


class Sign(StrEnum):
    """A known failure that a line speaks of. By itself it is a hint: see ``diagnosis``."""

    REFUSED_OPTION = "refused option"
    MISSING_FILE = "missing file"
    SHARD = "shard"
    HEAP = "heap"
    MEMORY = "memory"
    JVM = "jvm"
    NO_SPACE = "no space"
    DENIED = "denied"
    IN_USE = "in use"
    OFFLINE = "offline"


_LOGGED = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}[.,][0-9]{3}[+-][0-9]{4} +([A-Z]{4,5}) +(?:\[[^\]]{0,200}\] ?)?(.*)", re.S
)
_ARTIFACT = re.compile(r"Finished artifact creation '([^']{1,300})' for database '([^']{1,80})'")
_ARTIFACT_NAME = re.compile(r"(.{1,63})-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}\.backup")
_BEGUN = re.compile(r"Start (full|differential) backup of database '([^']{1,80})'")
_DIFFERENTIAL_FAILED = re.compile(r"Differential backup of database '([^']{1,80})' failed\.(?: Reason: (.*))?", re.S)
_FALLING_BACK = re.compile(r"Falling back to full backup of database '([^']{1,80})'")
_OPTION = re.compile(r"(?:Unknown options?:|Invalid value for option|Missing required option:) '?(--[A-Za-z-]{1,60})")

# How whatever ``_STAGES`` and ``_read_course`` look for begins.
_COURSE = ("Start", "Using", "Finished", "Falling", "Backup", "Differential")
_STAGES = tuple(
    (re.compile(pattern), stage)
    for pattern, stage in (
        (r"Starting backup of database|Start backup of database", Stage.STARTING),
        (r"Using remote server|Start (full|differential) backup|Falling back to full", Stage.WAITING),
        (r"Start\w* receiving store file", Stage.STORE_FILES),
        (r"Start\w* (receiving|pulling) transaction", Stage.TRANSACTIONS),
        (r"Start\w* recover", Stage.RECOVERING),
        (r"Finished (recover|full backup|differential backup)|Start\w* artifact", Stage.WRITING),
        (r"Finished artifact creation|Backup command completed", Stage.FINISHING),
    )
)
# Each alternative begins with a plain character: ``re`` then skips to where one of these stands.
_SIGNS = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        (Sign.REFUSED_OPTION, r"Unknown options?:|Invalid value for|Missing required (option|parameter)"),
        (Sign.SHARD, r"Please specify --remote-address-resolution"),
        (Sign.HEAP, r"OutOfMemoryError: (Java heap space|GC overhead|Direct buffer)|OutOfMemoryError$"),
        (Sign.MEMORY, r"java\.lang\.OutOfMemoryError|insufficient memory for the Java Runtime|Cannot allocate memory"),
        (
            Sign.JVM,
            r"Error occurred during initialization of VM|Could not create the Java Virtual Machine"
            r"|Could not reserve enough space|Too small maximum heap|Invalid maximum heap size",
        ),
        (Sign.NO_SPACE, r"No space left on device|Disk quota exceeded"),
        (
            Sign.DENIED,
            r"Permission denied|AccessDenied|Read-only file system|ReadOnlyFileSystem|Operation not permitted",
        ),
        (
            Sign.IN_USE,
            r"The database is in use|Lock file has been locked by another process"
            r"|lock file has been locked by another process|FileLockException",
        ),
    )
)
# One look at a line for all of them: nearly every line has none.
_ANY_SIGN = re.compile("|".join(pattern.pattern for _, pattern in _SIGNS))
_MISSING_FILE = re.compile(r"File /.{1,4096} does not exist")
_OFFLINE = re.compile(r"\b(offline|stopped|not online)\b", re.I)
_NOISE = re.compile(
    r"Picked up |WARNING: |NOTE: |Selecting JVM|Run with '--verbose'|Full exception details|Please provide this file"
    r"|Executing command line|Configuration files used|[\s=_*-]|\.\.\."
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it may be shown, and the stage that begins with it, if one does."""

    text: str
    stage: Stage | None = None


class Observed:
    """What a run has told so far, in bounded memory whatever it prints.

    ``finished`` are the files that it said it finished for this database, as it named them, the first
    few. ``signs`` keeps the first line that spoke of each known failure. All text that it gives is
    cleaned of ``secrets``. Lines about other databases than ``database`` don't count.
    """

    def __init__(self, database: str, secrets: Sequence[str] = ()) -> None:
        self.database = database.lower()
        self.stage = Stage.STARTING
        self.finished: tuple[str, ...] = ()
        self.full_started = False
        self.differential_started = False
        self.differential_failure: str | None = None
        self.signs: dict[Sign, str] = {}
        self.refused_option: str | None = None
        self._first_error: str | None = None
        self._last_plain = ""  # as it came: of many only the last is cleaned
        self._secrets = tuple(secrets)
        self._tail: deque[str] = deque()
        self._tail_bytes = 0

    @property
    def artifact(self) -> str | None:
        """The last file that it said it finished, where that is a plain name of the right shape."""
        return next((name for name in reversed(self.finished) if self._is_shaped(name)), None)

    @property
    def tail(self) -> tuple[str, ...]:
        """The last lines: at most 40, and 8 KiB of UTF-8."""
        return tuple(self._tail)

    @property
    def said(self) -> str:
        """The line that tells best why it failed: its first error, else its last words outside the log."""
        return self._first_error or self._kept(self._last_plain)

    def feed(self, line: bytes) -> Line:
        """Take the next line, without its newline; never raises."""
        raw = line.decode("utf-8", errors="replace").rstrip("\r\n")
        text = clean(raw, self._secrets, _SHOWN_LINE)
        self._remember(text)
        logged = _LOGGED.match(raw)
        level, message = (logged[1], logged[2]) if logged else (None, raw)
        stage = None
        if message.startswith(_COURSE):
            stage = next((stage for pattern, stage in _STAGES if pattern.match(message)), None)
            self.stage = stage or self.stage
            self._read_course(message)
        if level in (None, "ERROR", "WARN", "FATAL"):
            self._read_failure(message, level)
        return Line(text, stage)

    def _read_course(self, message: str) -> None:
        if found := _ARTIFACT.match(message):
            self._read_artifact(found[1], found[2])
        elif found := _BEGUN.match(message):
            if found[2].lower() == self.database:
                self.full_started |= found[1] == "full"
                self.differential_started |= found[1] == "differential"
        elif found := _DIFFERENTIAL_FAILED.match(message):
            if found[1].lower() == self.database:
                self.differential_failure = self._kept(found[2] or "")
        elif (found := _FALLING_BACK.match(message)) and found[1].lower() == self.database:
            self._first_error = None  # of the differential, which no longer matters

    def _read_artifact(self, name: str, database: str) -> None:
        if database.lower() == self.database:
            self._finish(name if self._is_shaped(name) else self._kept(name))

    def _is_shaped(self, name: str) -> bool:
        shaped = _ARTIFACT_NAME.fullmatch(name)
        return shaped is not None and legal_database(shaped[1]) == self.database

    def _finish(self, name: str) -> None:
        if name not in self.finished and len(self.finished) < _MOST_ARTIFACTS:
            self.finished = (*self.finished, name)

    def _read_failure(self, message: str, level: str | None) -> None:
        if _ANY_SIGN.search(message):
            self._read_signs(message)
        if Sign.MISSING_FILE not in self.signs and _MISSING_FILE.match(message):
            self.signs[Sign.MISSING_FILE] = self._kept(message)
        if Sign.OFFLINE not in self.signs and self._names_ours(message) and _OFFLINE.search(message):
            self.signs[Sign.OFFLINE] = self._kept(message)
        if level in ("ERROR", "FATAL"):
            self._first_error = self._first_error or self._kept(message)
        elif level is None and message and not _NOISE.match(message):
            self._last_plain = message

    def _read_signs(self, message: str) -> None:
        for sign, pattern in _SIGNS:
            if sign not in self.signs and pattern.search(message):
                self.signs[sign] = self._kept(message)
        if self.refused_option is None and (found := _OPTION.search(message)):
            self.refused_option = found[1]

    def _names_ours(self, message: str) -> bool:
        """Say whether it names our database, as ``'x'`` or as in ``DatabaseId{c16ce93f[x]}``."""
        low = message.lower()
        return f"'{self.database}'" in low or f"[{self.database}]" in low

    def _kept(self, text: str) -> str:
        return clean(text, self._secrets, _KEPT)

    def _remember(self, text: str) -> None:
        if not text or text.isspace():
            return
        short = text if len(text) <= _TAIL_LINE else text[: _TAIL_LINE - 1] + "…"
        self._tail.append(short)
        self._tail_bytes += len(short.encode()) + 1
        while len(self._tail) > TAIL_LINES or self._tail_bytes > TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft().encode()) + 1
