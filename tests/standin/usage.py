"""The help and usage texts, in the layout of the real ones and in words of our own."""

from __future__ import annotations

from . import options
from .versions import COMMUNITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .versions import Version

WIDTH = 120
VERBOSE_HINT = "Run with '--verbose' for a more detailed error message."
"""What follows an error on standard error in the releases before those named by date."""
LAUNCHER = "Usage: Neo4j Admin\nNeo4j Admin CLI."
_ROOT = """\
Usage: neo4j-admin [-hV] [--expand-commands] [--verbose] [COMMAND]
Neo4j database administration tool.
      --expand-commands   Allow command expansion in config value evaluation.
  -h, --help              Show this help message and exit.
  -V, --version           Print version information and exit.
      --verbose           Prints additional information.
Commands:
"""
_ROOT_COMMANDS = {
    "version": "Print version information and exit.",
    "help": "Display help information about the specified command.",
    "database": "Database-specific administration tasks.",
    "dbms": "DBMS-wide (for single and clustered environments) administration tasks.",
    "server": "Server-wide administration tasks.",
    "backup": "Backup-specific administration tasks.",
}
_ENVIRONMENT = """
Environment variables:
  NEO4J_CONF    Path to directory which contains neo4j.conf.
  NEO4J_DEBUG   Set to anything to enable debug output.
  NEO4J_HOME    Neo4j home directory.
  HEAP_SIZE     Set JVM maximum heap size during command execution. Takes a number and a unit, for example 512m.
  JAVA_OPTS     Used to pass custom setting to Java Virtual Machine executing the command."""

GROUPS = ("database", "dbms", "server", "backup")
_COMMUNITY = {
    "database": ("check", "dump", "import", "info", "load", "migrate", "upload"),
    "dbms": ("set-default-admin", "set-initial-password"),
    "server": ("get", "memory-recommendation", "report", "validate-config"),
    "backup": (),
}
_ENTERPRISE = {
    "database": ("aggregate-backup", "backup", "copy", "restore"),
    "dbms": ("unbind-system-db",),
    "server": ("license", "unbind"),
}
_BACKUP_GROUP = {"inspect": (5, 25, 0), "aggregate": (2025, 1, 0), "validate": (2025, 12, 0)}
_SUMMARY = "Perform an online backup from a running Neo4j enterprise server."
_ABOUT = """\
Perform an online backup of one or several databases over the network, from a running Neo4j server into a folder. \
Each becomes one artifact, full or differential. This is a stand-in for tests: it copies nothing, and what it \
writes is filler under a genuine head."""


def commands(group: str, version: Version, edition: str) -> tuple[str, ...]:
    """The commands of a group that this release has; the stand-in imitates `database backup` alone."""
    if edition == COMMUNITY:
        return _COMMUNITY[group]
    newer = tuple(name for name, since in _BACKUP_GROUP.items() if group == "backup" and since <= version)
    return tuple(sorted({*_COMMUNITY[group], *_ENTERPRISE.get(group, ()), *newer}))


def root() -> str:
    listed = "".join(f"  {name:10}{text}\n" for name, text in _ROOT_COMMANDS.items())
    return _ROOT + listed + _ENVIRONMENT


def group(name: str, version: Version, edition: str) -> str:
    listed = "".join(f"\n  {command}" for command in commands(name, version, edition))
    return (
        f"Usage: neo4j-admin {name} [COMMAND]\n{_ROOT_COMMANDS[name]}\nCommands:\n"
        f"  help, -h, --help  Display help information about the specified command.{listed}"
    )


def backup(version: Version) -> str:
    """What `database backup --help` prints, and what follows a refusal."""
    import textwrap

    known = [option for name, option in options.of(version).items() if name != "-h"]
    flags = [f"[{option.shown}]" for option in known if option.kind == options.FLAG and option.name != "--help"]
    rest = [f"[{option.shown}]" for option in known if option.kind not in (options.FLAG, options.LIST)]
    head = "neo4j-admin database backup "
    synopsis = textwrap.fill(
        head + " ".join(["[-h]", *flags, *rest, "[--from=<host:port>[,<host:port>...]]...", _positional(version)]),
        WIDTH,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
    )
    listed = "\n".join(f"      {option.shown}\n{' ' * 26}{option.help}" for option in known)
    parameter = f"      {_positional(version).strip('[].')}\n{' ' * 26}The database; * and ? stand for others."
    about = textwrap.fill(_ABOUT, WIDTH)
    return (
        f"\n{_SUMMARY}\n\nUSAGE\n\n{synopsis}\n\nDESCRIPTION\n\n{about}\n\n"
        f"PARAMETERS\n\n{parameter}\n\nOPTIONS\n\n{listed}"
    )


def _positional(version: Version) -> str:
    if version >= options.SEVERAL_DATABASES:
        return "[<database>...]"
    return "[<database>]" if version >= options.OPTIONAL_DATABASE else "<database>"
