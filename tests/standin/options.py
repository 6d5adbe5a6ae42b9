"""The options of `database backup` and the release that brought each, from section 1.2 of the reference."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .versions import Version

FLAG, SWITCH, VALUE, LIST = "flag", "switch", "value", "list"
"""Bare; bare or =true or =false; with a value; with values parted by commas, and repeatable."""

TYPES = ("FULL", "DIFF", "AUTO")
SEVERAL_DATABASES = (5, 16, 0)
OPTIONAL_DATABASE = (5, 6, 0)
NO_METADATA = (5, 6, 0)
NAMED_USERS = (2025, 10, 0)

# As the genuine 5.26.28 lists them.
_SIZE_UNITS = (
    *("B", "KiB", "KB", "K", "kB", "kb", "k", "MiB", "MB", "M", "mB", "mb", "m"),
    *("GiB", "GB", "G", "gB", "gb", "g", "TiB", "TB", "PiB", "PB", "EiB", "EB"),
)


class Option:
    """One option: its name, how it takes a value, what its value is called, since when, and what it is for."""

    __slots__ = ("help", "kind", "label", "name", "since")

    def __init__(self, name: str, kind: str, label: str, help_text: str, since: Version = (5, 0, 0)) -> None:
        self.name = name
        self.kind = kind
        self.label = label
        self.help = help_text
        self.since = since

    @property
    def shown(self) -> str:
        """As help and synopsis write it."""
        match self.kind:
            case "flag":
                return self.name
            case "switch":
                return f"{self.name}[={self.label}]"
            case "list":
                return f"{self.name}={self.label}[,{self.label}...]"
            case _:
                return f"{self.name}={self.label}"


_BOOL = "true|false"
_ALL = (
    Option("--additional-config", VALUE, "<file>", "A configuration file that goes before all others."),
    Option("--compress", SWITCH, _BOOL, "Compress the artifact."),
    Option("--expand-commands", FLAG, "", "Allow command expansion in configuration values."),
    Option("--from", LIST, "<host:port>", "The servers to back up from, tried in order."),
    Option("--help", FLAG, "", "Show this text."),
    Option("--include-metadata", VALUE, "<metadata>", "Which users and roles go into the artifact."),
    Option("--inspect-path", VALUE, "<path>", "List the artifacts of a folder."),
    Option("--keep-failed", SWITCH, _BOOL, "Keep the folder of a backup that failed."),
    Option("--pagecache", VALUE, "<size>", "The size of the page cache of the backup."),
    Option("--parallel-download", SWITCH, _BOOL, "Copy from several servers.", (2025, 11, 0)),
    Option("--parallel-recovery", SWITCH, _BOOL, "Recover with several threads."),
    Option("--prefer-diff-as-parent", FLAG, "", "Continue the newest differential.", (2025, 4, 0)),
    Option("--remote-address-resolution", SWITCH, _BOOL, "Ask the servers for addresses.", (2025, 9, 0)),
    Option("--skip-recovery", SWITCH, _BOOL, "Leave a full artifact unrecovered.", (2025, 11, 0)),
    Option("--temp-path", VALUE, "<path>", "An empty folder for working files.", (5, 24, 0)),
    Option("--to-path", VALUE, "<path>", "The folder that the artifact goes to."),
    Option("--type", VALUE, "<type>", "FULL, DIFF or AUTO, the default."),
    Option("--verbose", FLAG, "", "Print more."),
)


def of(version: Version) -> dict[str, Option]:
    """What this release knows, by name."""
    known = {option.name: option for option in _ALL if option.since <= version}
    return {**known, "-h": known["--help"]}


def metadata_problem(value: str, version: Version) -> str | None:
    """Why ``value`` is none for --include-metadata, or None; empty is taken, as Neo4j's chart passes it."""
    words = ["all", "users", "roles", *(["none"] if version >= NO_METADATA else [])]
    named = value.startswith("users=") and version >= NAMED_USERS and all(value.removeprefix("users=").split(","))
    return None if not value or value.lower() in words or named else f"expected one of {words} but was '{value}'"


def size_problem(value: str) -> str | None:
    """Why ``value`` is no size, or None; the words are those of 5.26.28's ByteUnitConverter."""
    number = value.rstrip("BKMGTPEikmgb").rstrip()
    unit = value[len(number) :].strip()
    whole = number.replace(".", "", 1)
    if whole.isdecimal() and whole.isascii() and (not unit or unit in _SIZE_UNITS):
        return None
    valid = ", ".join(f"`{known}`" for known in _SIZE_UNITS)
    return (
        f"cannot convert '{value}' to byte units (java.lang.IllegalArgumentException: '{value}' is not a valid size, "
        f"must be e.g. 10, 5K, 1M, 11G (valid multipliers are {valid}))"
    )


def name_problem(name: str) -> str | None:
    """Why ``name`` is no database name or pattern, or None; the words are those of 5.26.28."""
    problem = ""
    if not name:
        problem = "The provided database name is empty."
    elif not name.isascii() or not all(letter.isalnum() or letter in ".-*?" for letter in name):
        problem = (
            f"Database name '{name.lower()}' contains illegal characters. Use simple ascii characters, numbers, dots, "
            "question marks, asterisk and dashes."
        )
    elif len(name) > 63:
        problem = "The provided database name must have a length between 1 and 63 characters."
    return f"Invalid database name '{name}'. (java.lang.IllegalArgumentException: {problem})" if problem else None
