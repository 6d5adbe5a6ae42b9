"""The causes of a failed run that lie in what was to be copied, from where and to where."""

from shared.errors import BackupError, BackupFailed, ConfigurationError, InsufficientSpace, ServerUnavailable
from shared.protocol import BackupType
from sidecar.neo4j_admin.facts import SEE_OUTPUT, Facts, quoted
from sidecar.neo4j_admin.options import REMOTE_ADDRESS_RESOLUTION
from sidecar.neo4j_admin.output import Sign

SPACE_FLOOR = 16 * 1024 * 1024
"""Fewer free bytes than this after a failure are taken for its cause."""


def no_space(facts: Facts) -> BackupError | None:
    """Next to nothing free, or the operating system's own words: a run that failed has freed what it took."""
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
        + quoted(facts.observed.signs[Sign.NO_SPACE]),
        hint=f"Free some space or grow the volume, or its quota or inodes: {facts.target} takes the artifact, "
        f"{facts.temp} needs the database's size for temporary files, and /tmp and Neo4j's logs folder a little.",
    )


def shard(facts: Facts) -> BackupError | None:
    """The confirmed sentence about shards."""
    if Sign.SHARD not in facts.observed.signs:
        return None
    return ConfigurationError(
        f"{facts.database!r} is a shard of a property-sharded database, "
        f"which can be backed up with {REMOTE_ADDRESS_RESOLUTION.option} only",
        hint=f"Set {REMOTE_ADDRESS_RESOLUTION.setting}=true "
        f"(neo4j-admin {REMOTE_ADDRESS_RESOLUTION.since.release} and later); property shards take FULL only.",
    )


def unreachable(facts: Facts) -> BackupError | None:
    """No address takes a connection; where some do, the others are told in another rule's words."""
    if not facts.connects or len(facts.deaf) < len(facts.connects):
        return None
    return ServerUnavailable(
        f"the backup of {facts.database!r} failed, and the server takes no connection at {', '.join(facts.deaf)}",
        hint="Check that Neo4j runs, that server.backup.enabled isn't false, and that "
        "server.backup.listen_address is the address in NEO4J_BACKUP_FROM.",
    )


def not_writable(facts: Facts) -> BackupError | None:
    """A folder that was tried and can't be written."""
    refused = [
        path
        for path, writable in ((facts.target, facts.target_writable), (facts.temp, facts.temp_writable))
        if writable is False
    ]
    if not refused:
        return None
    return ConfigurationError(
        f"{' and '.join(refused)} may not be written, or is no longer there"
        + quoted(facts.observed.signs.get(Sign.DENIED, "")),
        hint="The folder has to belong to the user that the sidecar runs as (7474:7474; in Kubernetes fsGroup 7474), "
        "on a volume that isn't mounted read-only, and nobody may delete it while a backup runs.",
    )


def no_database(facts: Facts) -> BackupError | None:
    """The database's folder isn't there, as for an alias or a composite database."""
    if facts.database_folder is not False:
        return None
    return ConfigurationError(
        f"this server holds no database {facts.database!r}",
        hint="Name one that SHOW DATABASES lists for this server. An alias or a composite database can't be backed up: "
        "name the databases behind it.",
    )


def no_parent(facts: Facts) -> BackupError | None:
    """A differential with nothing to build on, or whose failure has its confirmed line."""
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
        f"the differential backup of {facts.database!r} failed{quoted(observed.differential_failure)}",
        hint="Ask for AUTO or FULL. The server may have pruned the transactions since the last backup "
        "(db.tx_log.rotation.retention_policy), or the database was restored or created anew since.",
    )


def in_use(facts: Facts) -> BackupError | None:
    """The words of Neo4j's file locks."""
    if Sign.IN_USE not in facts.observed.signs:
        return None
    return BackupFailed(
        f"the store that neo4j-admin works on is in use{quoted(facts.observed.signs[Sign.IN_USE])}",
        hint=f"Another neo4j-admin may be working in {facts.target} or {facts.temp}: let it end, and ask again.",
    )


def finished_with_problems(facts: Facts) -> BackupError | None:
    """Exit 1 means "failed, or succeeded with problems", and nothing tells one from the other."""
    if facts.observed.artifact is None:
        return None
    deaf = f"; no connection at {', '.join(facts.deaf)}" if facts.deaf else ""
    return BackupFailed(
        f"neo4j-admin said that it finished {facts.observed.artifact} and exited with {facts.exit.status}, "
        f"which is no success: something about it failed{deaf}{quoted(facts.observed.said)}",
        hint="Every server in NEO4J_BACKUP_FROM has to be reachable, or leave out those that aren't."
        if deaf
        else SEE_OUTPUT,
    )


def offline(facts: Facts) -> BackupError | None:
    """The server doesn't have it open, or neo4j-admin says so and nothing speaks against it."""
    said = Sign.OFFLINE in facts.observed.signs and facts.database_open is not True
    if facts.database_open is not False and not said:
        return None
    return BackupFailed(
        f"database {facts.database!r} isn't online: the server "
        + ("doesn't have it open" if facts.database_open is False else "answers that it is offline")
        + quoted(facts.observed.said),
        hint=f"Start it (START DATABASE `{facts.database}`), or look with SHOW DATABASES why it doesn't.",
    )


def older_than_server(facts: Facts) -> BackupError | None:
    """Nothing else explains it, and the versions are the wrong way round."""
    ours, theirs = facts.version, facts.server_version
    if ours is None or theirs is None or (ours.major, ours.minor) >= (theirs.major, theirs.minor):
        return None
    return BackupFailed(
        f"the backup of {facts.database!r} failed, and neo4j-admin {ours} is older than the server, "
        f"{theirs}{quoted(facts.observed.said)}",
        hint="Build the sidecar's image from the Neo4j image that the server runs.",
    )
