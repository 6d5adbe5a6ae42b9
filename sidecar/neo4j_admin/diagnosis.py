"""Tells a failed run in the user's words: which error it is, and what to do about it.

Each rule takes the facts and answers for one cause, the surest causes first. What the reference of
neo4j-admin marks as unsure wording never decides alone: there the rule rests on what was checked.
"""

from collections.abc import Callable

from shared.errors import BackupError, BackupFailed
from shared.protocol import BackupType
from sidecar.neo4j_admin import backup_faults, program_faults
from sidecar.neo4j_admin.databases import SYSTEM
from sidecar.neo4j_admin.facts import SEE_OUTPUT, Facts, quoted
from sidecar.neo4j_admin.output import Sign

_RULES: tuple[Callable[[Facts], BackupError | None], ...] = (
    program_faults.wrong_edition,
    program_faults.refused_command_line,
    program_faults.not_runnable,
    program_faults.out_of_memory,
    program_faults.no_jvm,
    program_faults.killed,
    backup_faults.no_space,
    program_faults.missing_configuration,
    backup_faults.shard,
    backup_faults.unreachable,
    backup_faults.not_writable,
    backup_faults.no_database,
    backup_faults.no_parent,
    backup_faults.in_use,
    backup_faults.finished_with_problems,
    backup_faults.offline,
    backup_faults.older_than_server,
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
    of it had begun, both. A database that failed to start is offline too.
    """
    observed = facts.observed
    if facts.exit.status != 1 or facts.database == SYSTEM:
        return None
    if facts.database_folder is not True or not facts.connects or facts.deaf:
        return None
    if any(rule(facts) for rule in _RULES[: _RULES.index(backup_faults.offline)]):
        return None
    unlocked = facts.database_open is False
    said = Sign.OFFLINE in observed.signs and facts.database_open is not True
    begun = observed.full_started or observed.differential_started
    if not ((unlocked and said) if begun else (unlocked or said)):
        return None
    return f"database {facts.database!r} is offline; an offline database can't be backed up"


def _unexplained(facts: Facts) -> BackupError:
    hints = [SEE_OUTPUT]
    if facts.type is BackupType.DIFF:
        hints.append("If what it would build on is the trouble, AUTO or FULL will do.")
    if Sign.DENIED in facts.observed.signs:
        hints.append(f"It may write {facts.target}; it also needs /tmp and the logs folder of Neo4j's home.")
    if facts.deaf:
        hints.append(f"No connection at {', '.join(facts.deaf)}.")
    return BackupFailed(
        f"neo4j-admin exited with {facts.exit.status} and made no backup of {facts.database!r}"
        + quoted(facts.observed.said),
        hint=" ".join(hints),
    )
