"""The causes of a failed run that lie in neo4j-admin's program and its process: edition, options, Java, memory."""

import signal

from shared.errors import BackupError, BackupFailed, ConfigurationError, OutOfMemory
from sidecar.neo4j_admin.facts import SEE_OUTPUT, Facts, quoted
from sidecar.neo4j_admin.options import ADDITIONAL_CONFIG, source_of
from sidecar.neo4j_admin.output import Sign


def wrong_edition(facts: Facts) -> BackupError | None:
    """Exit 2, which is given only where the command is unknown (tried with Community 5.26)."""
    if facts.exit.status != 2:
        return None
    return ConfigurationError(
        f"{facts.program} has no command `database backup`, which is in Neo4j Enterprise only"
        + (" (jars of Enterprise lie beside it, though)" if facts.enterprise else ""),
        hint="Build the sidecar's image from an Enterprise image (NEO4J_IMAGE), "
        "or set NEO4J_BACKUP_NEO4J_ADMIN to the Enterprise program.",
    )


def refused_command_line(facts: Facts) -> BackupError | None:
    """Exit 64: an option, a value or the environment is refused."""
    if facts.exit.status != 64:
        return None
    said = quoted(facts.observed.signs.get(Sign.REFUSED_OPTION) or facts.observed.said)
    option = facts.observed.refused_option
    source = source_of(option) if option else None
    if option is None or source is None:
        return ConfigurationError(f"{facts.program} refused its command line or environment{said}", hint=SEE_OUTPUT)
    return ConfigurationError(
        f"{facts.program} refuses {option}, which comes from {source}{said}",
        hint=f"Correct or unset {source}, or use a Neo4j whose neo4j-admin has {option}.",
    )


def not_runnable(facts: Facts) -> BackupError | None:
    """Exit 126 and 127, as the launching script has them from its shell."""
    if facts.exit.status not in (126, 127):
        return None
    return ConfigurationError(
        f"neo4j-admin, or the Java that it starts, is not there or may not be executed{quoted(facts.observed.said)}",
        hint="Check NEO4J_BACKUP_NEO4J_ADMIN and JAVA_HOME; the image needs a Java that this Neo4j runs on.",
    )


def out_of_memory(facts: Facts) -> BackupError | None:
    """A counted kill, or the JVM's own words."""
    signs = facts.observed.signs
    if facts.oom_killed:
        return OutOfMemory(
            f"neo4j-admin was killed while it backed up {facts.database!r}: the container's memory was used up",
            hint="Raise the container's memory limit, or lower NEO4J_BACKUP_HEAP and NEO4J_BACKUP_PAGECACHE.",
        )
    if Sign.HEAP in signs:
        return OutOfMemory(
            f"neo4j-admin's heap was too small to back up {facts.database!r}{quoted(signs[Sign.HEAP])}",
            hint="Raise NEO4J_BACKUP_HEAP, and the container's memory limit with it.",
        )
    if Sign.MEMORY in signs:
        return OutOfMemory(
            f"neo4j-admin got no more memory outside its heap{quoted(signs[Sign.MEMORY])}",
            hint="Raise the container's memory limit, or lower NEO4J_BACKUP_HEAP and NEO4J_BACKUP_PAGECACHE.",
        )
    return None


def no_jvm(facts: Facts) -> BackupError | None:
    """Java's own words for settings that it can't start with."""
    if Sign.JVM not in facts.observed.signs:
        return None
    return ConfigurationError(
        f"Java did not start{quoted(facts.observed.said)}",
        hint="Check NEO4J_BACKUP_HEAP (such as 512m, and less than the container's memory) "
        "and NEO4J_BACKUP_JAVA_TOOL_OPTIONS.",
    )


def killed(facts: Facts) -> BackupError | None:
    """A signal that isn't ours; a kill for want of memory was told before."""
    number = facts.killed_by
    if number is None:
        return None
    if number == signal.SIGABRT:
        return BackupFailed(
            f"neo4j-admin's JVM aborted while it backed up {facts.database!r}{quoted(facts.observed.said)}",
            hint="The usual cause is too little memory: raise the container's limit. " + SEE_OUTPUT,
        )
    counted = "" if facts.oom_killed is None else "; no kill for want of memory was counted in the container"
    return BackupFailed(
        f"neo4j-admin was killed ({_signal_name(number)}) while it backed up {facts.database!r}, "
        f"and not by the sidecar{counted}",
        hint="Look on the node for who ends processes, such as an eviction or its own memory running out.",
    )


def missing_configuration(facts: Facts) -> BackupError | None:
    """The confirmed sentence about the file of ``--additional-config``."""
    said = facts.observed.signs.get(Sign.MISSING_FILE)
    path = facts.options.get(ADDITIONAL_CONFIG)
    if said is None or path is None or f"File {path} does not exist" not in said:
        return None
    return ConfigurationError(
        f"{ADDITIONAL_CONFIG.setting} names {path}, which doesn't exist",
        hint="Mount that file into the sidecar's container, or correct the setting.",
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
