"""The one table of the options of ``database backup`` that a person may set: setting, first version, kind of value."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeAlias

from shared.errors import ConfigurationError
from shared.text import printable
from sidecar.neo4j_admin.version import Version

Value: TypeAlias = bool | str
"""A switch or a flag is a bool; everything else is text that is fit for the command line."""

_WORDS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}
_ALWAYS = Version(5, 0)
_USER_LIST_SINCE = Version(2025, 10)


class Kind(StrEnum):
    """How an option is written on the command line."""

    SWITCH = "switch"
    """``--option=true`` or ``--option=false``"""
    FLAG = "flag"
    """``--option`` or nothing"""
    VALUE = "value"
    """``--option=value``"""


@dataclass(frozen=True, slots=True)
class Row:
    """One option: ``NEO4J_BACKUP_<NAME>`` sets it, neo4j-admin of ``since`` is the first that has it."""

    name: str
    option: str
    kind: Kind
    since: Version
    description: str
    validate: Callable[[str], str] = str
    """For a value: what it returns goes on the command line; it raises ValueError."""

    @property
    def setting(self) -> str:
        """The environment variable."""
        return f"NEO4J_BACKUP_{self.name.upper()}"

    def since_with(self, value: Value) -> Version:
        """Tell the first version that takes the option with this value."""
        if self.option == "--include-metadata" and isinstance(value, str) and value.startswith("users="):
            return max(self.since, _USER_LIST_SINCE)
        return self.since

    def argument(self, value: Value) -> str | None:
        """Write it for the command line; None for a flag that is off.

        Always one argument: after a space picocli could take the database for a second value.
        """
        if self.kind is Kind.FLAG:
            return self.option if value else None
        return f"{self.option}={value if isinstance(value, str) else str(value).lower()}"


def _metadata(text: str) -> str:
    word = text.lower()
    if word in ("none", "all", "users", "roles"):
        return word
    if re.fullmatch(r"users=[^\s,=]+(,[^\s,=]+)*", text) and text.isprintable():
        return text
    raise ValueError("it takes none, all, users, roles, or users=<name>,<name> (neo4j-admin 2025.10 and later)")


def _absolute_path(text: str) -> str:
    if text.startswith("/") and text.isprintable():
        return text
    raise ValueError("it takes the absolute path of a file, such as /conf/backup.conf")


TABLE: tuple[Row, ...] = (
    Row("compress", "--compress", Kind.SWITCH, _ALWAYS, "compress the artifact; neo4j-admin does unless told not to"),
    Row(
        "parallel_recovery",
        "--parallel-recovery",
        Kind.SWITCH,
        _ALWAYS,
        "recover a full backup with several threads; Neo4j calls it experimental",
    ),
    Row(
        "include_metadata",
        "--include-metadata",
        Kind.VALUE,
        _ALWAYS,
        "users and roles to put into the artifact: none, all, users, roles, or from 2025.10 on users=<name>,<name>; "
        "never passed for system",
        _metadata,
    ),
    Row(
        "additional_config",
        "--additional-config",
        Kind.VALUE,
        _ALWAYS,
        "a file with further configuration of neo4j-admin, such as TLS for the backup port",
        _absolute_path,
    ),
    Row(
        "keep_failed",
        "--keep-failed",
        Kind.SWITCH,
        _ALWAYS,
        "keep the working folder of a run that failed, for somebody to look at",
    ),
    Row("verbose", "--verbose", Kind.FLAG, _ALWAYS, "print more, with stack traces"),
    Row(
        "prefer_diff_as_parent",
        "--prefer-diff-as-parent",
        Kind.FLAG,
        Version(2025, 4),
        "build a differential on the newest differential even where a newer full backup lies there",
    ),
    Row(
        "remote_address_resolution",
        "--remote-address-resolution",
        Kind.SWITCH,
        Version(2025, 9),
        "ask the server which others to copy from; needed for the shards of a property-sharded database",
    ),
    Row(
        "parallel_download",
        "--parallel-download",
        Kind.SWITCH,
        Version(2025, 11),
        "copy from several servers at once",
    ),
)
BY_NAME: Mapping[str, Row] = {row.name: row for row in TABLE}
INCLUDE_METADATA = BY_NAME["include_metadata"]
ADDITIONAL_CONFIG = BY_NAME["additional_config"]
REMOTE_ADDRESS_RESOLUTION = BY_NAME["remote_address_resolution"]

# Options that are always passed, and what each comes from.
_SOURCES = {
    "--from": "NEO4J_BACKUP_FROM",
    "--to-path": "the request's path",
    "--temp-path": "NEO4J_BACKUP_TEMP",
    "--type": "the request's type",
    "--pagecache": "NEO4J_BACKUP_PAGECACHE",
}


def source_of(option: str) -> str | None:
    """Tell the setting that an option on our command line comes from; None for one that we never pass."""
    rows = {row.option: row.setting for row in TABLE}
    return rows.get(option) or _SOURCES.get(option)


def parse(row: Row, text: str) -> Value:
    """Read a setting's text. Raises ValueError that names the setting and says what it takes."""
    stripped = text.strip()
    said = f"{row.setting} is {printable(repr(stripped), 80)}"
    if row.kind is not Kind.VALUE:
        if stripped.lower() in _WORDS:
            return _WORDS[stripped.lower()]
        raise ValueError(f"{said}; it takes true or false")
    try:
        return row.validate(stripped)
    except ValueError as error:
        raise ValueError(f"{said}; {error}") from None


@dataclass(frozen=True, slots=True)
class Options:
    """The options that were set, in the table's order; one that isn't here is not passed at all."""

    chosen: tuple[tuple[Row, Value], ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Value | None]) -> Self:
        """Take parsed values by row name; None is one that wasn't set. Raises KeyError for an unknown name."""
        known = {BY_NAME[name].name: value for name, value in values.items()}
        return cls(tuple((row, value) for row in TABLE if (value := known.get(row.name)) is not None))

    def get(self, row: Row) -> Value | None:
        """Return what was chosen for ``row``; None if nothing was."""
        return dict(self.chosen).get(row)

    def without(self, row: Row) -> "Options":
        """Return them but for one."""
        return Options(tuple(choice for choice in self.chosen if choice[0] != row))

    def arguments(self) -> tuple[str, ...]:
        """Write them for the command line, each as one argument."""
        return tuple(argument for row, value in self.chosen if (argument := row.argument(value)) is not None)

    def lacking(self, version: Version) -> ConfigurationError | None:
        """Say which of them neo4j-admin of ``version`` doesn't have; None if it has all."""
        missing = [
            f"{row.setting} needs {row.option}{_with(row, value)}, which neo4j-admin has from {since.release} on"
            for row, value in self.chosen
            if row.argument(value) is not None and not version.at_least(since := row.since_with(value))
        ]
        if not missing:
            return None
        return ConfigurationError(
            f"{'; '.join(missing)}; the one here is {version}",
            hint="Unset it in the sidecar's environment, or build its image from a later Neo4j.",
        )


def _with(row: Row, value: Value) -> str:
    return f"={value}" if row.since_with(value) != row.since else ""
