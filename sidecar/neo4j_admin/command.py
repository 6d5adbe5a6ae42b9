"""The command line and the environment of one run of ``neo4j-admin database backup``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.protocol import BackupType
from sidecar.neo4j_admin.databases import SYSTEM, legal_database
from sidecar.neo4j_admin.options import INCLUDE_METADATA, Options
from sidecar.neo4j_admin.runner import WORD_VARIABLE
from sidecar.neo4j_admin.version import Version

JAVA_TOOL_OPTIONS_SETTING = "NEO4J_BACKUP_JAVA_TOOL_OPTIONS"
_INHERITED = ("PATH", "JAVA_HOME", "LANG", "LC_ALL", "GOOGLE_APPLICATION_CREDENTIALS")
_INHERITED_PREFIXES = ("AWS_", "AZURE_STORAGE_")
_SECRET_SUFFIXES = ("_KEY", "_KEY_ID", "_TOKEN", "_SECRET", "_CONNECTION_STRING", "_PASSWORD")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Run:
    """One backup of one database.

    ``servers`` are ``host`` or ``host:port``, tried in their order; ``to_path`` and ``temp_path``
    are absolute, and the second is empty; ``pagecache`` has a unit, such as ``64m``.
    """

    database: str
    type: BackupType
    servers: tuple[str, ...]
    to_path: str
    temp_path: str
    pagecache: str


def type_for(database: str, asked: BackupType) -> BackupType:
    """Tell the type that ``database`` is run as.

    ``system`` always gets AUTO where DIFF was asked for: a request for every database means it too,
    and nobody sees to it that a full backup of it lies there.
    """
    return BackupType.AUTO if database == SYSTEM and asked is BackupType.DIFF else asked


def build(program: str, version: Version, run: Run, options: Options) -> tuple[str, ...]:
    """Write the command line; the database comes last, since an option with several values could swallow it.

    Raises ConfigurationError if ``version`` lacks one of the options, and ValueError for what is no
    database's name: a request's was tested long before.
    """
    database = legal_database(run.database)
    if database is None:
        raise ValueError(f"{run.database!r} is not the name of one database")
    if database == SYSTEM:
        options = options.without(INCLUDE_METADATA)
    if lacking := options.lacking(version):
        raise lacking
    return (
        program,
        "database",
        "backup",
        f"--from={','.join(run.servers)}",
        f"--to-path={run.to_path}",
        f"--temp-path={run.temp_path}",
        f"--type={type_for(database, run.type)}",
        f"--pagecache={run.pagecache}",
        *options.arguments(),
        database,
    )


def environment(inherited: Mapping[str, str], *, home: Path | None, heap: str, word: str) -> dict[str, str]:
    """Choose what neo4j-admin sees of our environment; everything else stays out.

    Above all ``NEO4J_*``, of which Kubernetes adds its own for a Service called neo4j, and
    ``JAVA_OPTS``, which would silently replace the heap. ``heap`` is such as ``512m``; ``word``
    marks the processes of this run.
    """
    chosen = {
        name: value for name, value in inherited.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
    chosen.setdefault("PATH", _DEFAULT_PATH)
    if "LANG" not in chosen and "LC_ALL" not in chosen:
        # Without a locale Java turns each letter of a path that isn't ASCII into question marks.
        chosen["LANG"] = "C.UTF-8"
    if home is not None:
        chosen["NEO4J_HOME"] = str(home)
    if java_tool_options := inherited.get(JAVA_TOOL_OPTIONS_SETTING):
        chosen["JAVA_TOOL_OPTIONS"] = java_tool_options
    # The time in an artifact's name is the client's local one.
    return chosen | {"HEAP_SIZE": heap, "TZ": "UTC", WORD_VARIABLE: word}


def secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values among the cloud credentials that may be printed nowhere."""
    return tuple(
        value
        for name, value in environment.items()
        if value and name.startswith(_INHERITED_PREFIXES) and name.endswith(_SECRET_SUFFIXES)
    )
