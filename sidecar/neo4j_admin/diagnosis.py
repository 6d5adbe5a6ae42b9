"""Tells a failed run in the user's words: which error it is, and what to do about it.

Each rule takes the facts and answers for one cause, the surest causes first. What the reference of
neo4j-admin marks as unsure wording never decides alone: there the rule rests on what was checked.
"""

import signal
from collections.abc import Callable

from shared.errors import (
    BackupError,
    BackupFailed,
    ConfigurationError,
    InsufficientSpace,
    OutOfMemory,
    ServerUnavailable,
)
from shared.protocol import BackupType
from sidecar.neo4j_admin.databases import SYSTEM
from sidecar.neo4j_admin.facts import Facts
from sidecar.neo4j_admin.options import ADDITIONAL_CONFIG, REMOTE_ADDRESS_RESOLUTION, source_of
from sidecar.neo4j_admin.output import Sign

SPACE_FLOOR = 16 * 1024 * 1024
"""Fewer free bytes than this after a failure are taken for its cause."""
_SEE = (
    "Its last lines are in output_tail, all of them in the request's log; NEO4J_BACKUP_VERBOSE=true makes it say more."
)


def diagnose(facts: Facts) -> BackupError:
    """Say why a run that didn't exit 0 made no backup."""
    return next((error for rule in _RULES if (error := rule(facts))), None) or _unexplained(facts)


def skippable(facts: Facts) -> str | None:
    """Say that the database is offline, where a request for every database may pass over it; else None.

    A wrong yes would hide a backup that is missing, so all of this has to hold: neo4j-admin exited
    with 1, no rule knows another cause, it is not ``system``, its folder lies here, every address
    takes connections, no artifact was finished, and it is offline on one of two grounds: the
    server's lock on its store was looked for and not found, or neo4j-admin says in an error that
    names it that it is offline (wording that isn't confirmed) and no lock was seen. Where a backup
    of it had begun, both.
    """
    observed = facts.observed
    if facts.exit.status != 1 or facts.database == SYSTEM or observed.artifact:
        return None
    if facts.database_folder is not True or not facts.connects or facts.deaf:
        return None
    if any(rule(facts) for rule in _RULES[: _RULES.index(_offline)]):
        return None
    unlocked = facts.database_open is False
    said = Sign.OFFLINE in observed.signs and facts.database_open is not True
    begun = observed.full_started or observed.differential_started
    if not ((unlocked and said) if begun else (unlocked or said)):
        return None
    return f"database {facts.database!r} is offline; an offline database can't be backed up"


def _wrong_edition(facts: Facts) -> BackupError | None:
    # 2 is given only where the command is unknown (AdminTool), and Community has no `database backup`.
    if facts.exit.status != 2:
        return None
    which = "is Neo4j Enterprise and still" if facts.enterprise else "is Neo4j Community, which"
    return ConfigurationError(
        f"{facts.program} has no command `database backup`: it {which} doesn't have it; it takes 5.24 or later of "
        "Neo4j Enterprise",
        hint="Build the sidecar's image from an Enterprise image (NEO4J_IMAGE), "
        "or set NEO4J_BACKUP_NEO4J_ADMIN to the Enterprise program.",
    )


def _refused_command_line(facts: Facts) -> BackupError | None:
    if facts.exit.status != 64:
        return None
    said = _quoted(facts.observed.signs.get(Sign.REFUSED_OPTION) or facts.observed.said)
    option = facts.observed.refused_option
    source = source_of(option) if option else None
    if option is None or source is None:
        return ConfigurationError(f"{facts.program} refused its command line or environment{said}", hint=_SEE)
    return ConfigurationError(
        f"{facts.program} refuses {option}, which comes from {source}{said}",
        hint=f"Correct or unset {source}, or use a Neo4j whose neo4j-admin has {option}.",
    )


def _not_runnable(facts: Facts) -> BackupError | None:
    if facts.exit.status not in (126, 127):
        return None
    return ConfigurationError(
        f"neo4j-admin, or the Java that it starts, is not there or may not be executed{_quoted(facts.observed.said)}",
        hint="Check NEO4J_BACKUP_NEO4J_ADMIN and JAVA_HOME; the image needs a Java that this Neo4j runs on.",
    )


def _out_of_memory(facts: Facts) -> BackupError | None:
    signs = facts.observed.signs
    if facts.oom_killed:
        return OutOfMemory(
            f"neo4j-admin was killed while it backed up {facts.database!r}: the container's memory was used up",
            hint="Raise the container's memory limit, or lower NEO4J_BACKUP_HEAP and NEO4J_BACKUP_PAGECACHE.",
        )
    if Sign.HEAP in signs:
        return OutOfMemory(
            f"neo4j-admin's heap was too small to back up {facts.database!r}{_quoted(signs[Sign.HEAP])}",
            hint="Raise NEO4J_BACKUP_HEAP, and the container's memory limit with it.",
        )
    if Sign.MEMORY in signs:
        return OutOfMemory(
            f"neo4j-admin got no more memory outside its heap{_quoted(signs[Sign.MEMORY])}",
            hint="Raise the container's memory limit, or lower NEO4J_BACKUP_HEAP and NEO4J_BACKUP_PAGECACHE.",
        )
    return None


def _no_jvm(facts: Facts) -> BackupError | None:
    if Sign.JVM not in facts.observed.signs:
        return None
    return ConfigurationError(
        f"Java did not start{_quoted(facts.observed.said)}",
        hint="Check NEO4J_BACKUP_HEAP (such as 512m, and less than the container's memory) "
        "and NEO4J_BACKUP_JAVA_TOOL_OPTIONS.",
    )


def _killed(facts: Facts) -> BackupError | None:
    number = facts.killed_by
    if number is None:
        return None
    if number == signal.SIGABRT:
        return BackupFailed(
            f"neo4j-admin's JVM aborted while it backed up {facts.database!r}{_quoted(facts.observed.said)}",
            hint="The usual cause is too little memory: raise the container's limit. " + _SEE,
        )
    return BackupFailed(
        f"neo4j-admin was killed ({_signal_name(number)}) while it backed up {facts.database!r}, "
        "not by the sidecar, and no kill for want of memory was counted",
        hint="Look on the node for who ends processes, such as an eviction or its own memory running out.",
    )


def _no_space(facts: Facts) -> BackupError | None:
    for what, path, free in (
        ("the target", facts.target, facts.target_free),
        ("temporary files", facts.temp, facts.temp_free),
    ):
        if free is not None and free < SPACE_FLOOR:
            return InsufficientSpace(
                f"the file system for {what} ran full: {free} bytes were free at {path}",
                hint="Free some space or grow the volume: a backup needs the database's size for temporary files "
                "and again for the artifact. NEO4J_BACKUP_TEMP can lie on another volume.",
            )
    if Sign.NO_SPACE not in facts.observed.signs:
        return None
    return InsufficientSpace(
        f"neo4j-admin had no space left while it backed up {facts.database!r}"
        + _quoted(facts.observed.signs[Sign.NO_SPACE]),
        hint=f"Free some space or grow the volume, or its quota or inodes: {facts.target} takes the artifact, "
        f"{facts.temp} needs the database's size for temporary files, and /tmp and Neo4j's logs folder a little.",
    )


def _missing_configuration(facts: Facts) -> BackupError | None:
    said = facts.observed.signs.get(Sign.MISSING_FILE)
    path = facts.options.get(ADDITIONAL_CONFIG)
    if said is None or path is None or f"File {path} does not exist" not in said:
        return None
    return ConfigurationError(
        f"{ADDITIONAL_CONFIG.setting} names {path}, which doesn't exist",
        hint="Mount that file into the sidecar's container, or correct the setting.",
    )


def _shard(facts: Facts) -> BackupError | None:
    if Sign.SHARD not in facts.observed.signs:
        return None
    return ConfigurationError(
        f"{facts.database!r} is a shard of a property-sharded database, "
        f"which can be backed up with {REMOTE_ADDRESS_RESOLUTION.option} only",
        hint=f"Set {REMOTE_ADDRESS_RESOLUTION.setting}=true "
        f"(neo4j-admin {REMOTE_ADDRESS_RESOLUTION.since.release} and later); property shards take FULL only.",
    )


def _unreachable(facts: Facts) -> BackupError | None:
    if not facts.connects or len(facts.deaf) < len(facts.connects):
        return None
    return ServerUnavailable(
        f"the backup of {facts.database!r} failed, and the server takes no connection at {', '.join(facts.deaf)}",
        hint="Check that Neo4j runs, that server.backup.enabled isn't false, and that "
        "server.backup.listen_address is the address in NEO4J_BACKUP_FROM.",
    )


def _not_writable(facts: Facts) -> BackupError | None:
    refused = [
        path
        for path, writable in ((facts.target, facts.target_writable), (facts.temp, facts.temp_writable))
        if writable is False
    ]
    if not refused:
        return None
    return ConfigurationError(
        f"{' and '.join(refused)} may not be written" + _quoted(facts.observed.signs.get(Sign.DENIED, "")),
        hint="The folder has to belong to the user that the sidecar runs as (7474:7474; in Kubernetes fsGroup 7474), "
        "on a volume that isn't mounted read-only.",
    )


def _no_database(facts: Facts) -> BackupError | None:
    if facts.database_folder is not False:
        return None
    return ConfigurationError(
        f"this server holds no database {facts.database!r}",
        hint="Name one that SHOW DATABASES lists for this server. An alias or a composite database can't be backed up: "
        "name the databases behind it.",
    )


def _no_parent(facts: Facts) -> BackupError | None:
    observed = facts.observed
    if facts.type is not BackupType.DIFF or observed.artifact:
        return None
    if facts.chain is False:
        return BackupFailed(
            f"no full backup of {facts.database!r} lies in {facts.target} that a differential could build on",
            hint="Ask for AUTO, which makes a full one where there is none, or for FULL first.",
        )
    if observed.differential_failure is None:
        return None
    return BackupFailed(
        f"the differential backup of {facts.database!r} failed{_quoted(observed.differential_failure)}",
        hint="Ask for AUTO or FULL. The server may have pruned the transactions since the last backup "
        "(db.tx_log.rotation.retention_policy), or the database was restored or created anew since.",
    )


def _in_use(facts: Facts) -> BackupError | None:
    if Sign.IN_USE not in facts.observed.signs:
        return None
    return BackupFailed(
        f"the store that neo4j-admin works on is in use{_quoted(facts.observed.signs[Sign.IN_USE])}",
        hint=f"Another neo4j-admin may be working in {facts.target} or {facts.temp}: let it end, and ask again.",
    )


def _finished_with_problems(facts: Facts) -> BackupError | None:
    if facts.observed.artifact is None:
        return None
    deaf = f"; no connection at {', '.join(facts.deaf)}" if facts.deaf else ""
    return BackupFailed(
        f"neo4j-admin said that it finished {facts.observed.artifact} and exited with {facts.exit.status}, "
        f"which is no success: something about it failed{deaf}{_quoted(facts.observed.said)}",
        hint="Every server in NEO4J_BACKUP_FROM has to be reachable, or leave out those that aren't." if deaf else _SEE,
    )


def _offline(facts: Facts) -> BackupError | None:
    said = Sign.OFFLINE in facts.observed.signs and facts.database_open is not True
    if facts.database_open is not False and not said:
        return None
    return BackupFailed(
        f"database {facts.database!r} isn't online: the server "
        + ("doesn't have it open" if facts.database_open is False else "answers that it is offline")
        + _quoted(facts.observed.said),
        hint=f"Start it (START DATABASE `{facts.database}`), or look with SHOW DATABASES why it doesn't.",
    )


def _older_than_server(facts: Facts) -> BackupError | None:
    if facts.version is None or facts.server_version is None or facts.version.at_least(facts.server_version):
        return None
    return BackupFailed(
        f"the backup of {facts.database!r} failed, and neo4j-admin {facts.version} is older than the server, "
        f"{facts.server_version}{_quoted(facts.observed.said)}",
        hint="Build the sidecar's image from the Neo4j image that the server runs.",
    )


def _unexplained(facts: Facts) -> BackupError:
    hints = [_SEE]
    if facts.type is BackupType.DIFF:
        hints.append("If what it would build on is the trouble, AUTO or FULL will do.")
    if Sign.DENIED in facts.observed.signs:
        hints.append(f"It may write {facts.target}; it also needs /tmp and the logs folder of Neo4j's home.")
    if facts.deaf:
        hints.append(f"No connection at {', '.join(facts.deaf)}.")
    return BackupFailed(
        f"neo4j-admin exited with {facts.exit.status} and made no backup of {facts.database!r}"
        + _quoted(facts.observed.said),
        hint=" ".join(hints),
    )


_RULES: tuple[Callable[[Facts], BackupError | None], ...] = (
    _wrong_edition,
    _refused_command_line,
    _not_runnable,
    _out_of_memory,
    _no_jvm,
    _killed,
    _no_space,
    _missing_configuration,
    _shard,
    _unreachable,
    _not_writable,
    _no_database,
    _no_parent,
    _in_use,
    _finished_with_problems,
    _offline,
    _older_than_server,
)


def _quoted(said: str) -> str:
    return f" ({said})" if said else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
