"""What ``neo4j-backup check`` says of temporary folders that runs have left, which may be as large as the database."""

import os
import shlex

from shared.protocol import Check, CheckState
from shared.sizes import format_size
from sidecar.abandoned import Whose, runs_in, whose
from sidecar.data_folder import folder_bytes
from sidecar.lock_reach import locks_reach_all

_NAME = "leftovers"
_NAMED = 3


def leftover_checks(within: str) -> list[Check]:
    """Name the run folders in ``within`` that nobody is known to be at, with their sizes; nothing is changed."""
    reach = locks_reach_all(within)
    found: dict[Whose, list[str]] = {}
    for name in runs_in(within):
        if os.path.isdir(os.path.join(within, name)):
            owner = whose(within, name)
            # A lock that can be taken says something only where it would be kept from us.
            found.setdefault(Whose.UNTOLD if owner is Whose.NOBODYS and not reach else owner, []).append(name)
    checks = []
    if names := found.get(Whose.NOBODYS):
        checks.append(_check(within, names, "nobody is at", "The next backup with a target here removes them."))
    if names := found.get(Whose.UNTOLD):
        command = shlex.join(("rm", "-rf", *(os.path.join(within, name) for name in names[:_NAMED])))
        hint = f"While no sidecar that has this volume runs a backup, remove them: {command}"
        checks.append(_check(within, names, "may be left of a run that is gone, which can't be told here", hint))
    return checks


def _check(within: str, names: list[str], what: str, hint: str) -> Check:
    sizes = [f"{name} ({format_size(folder_bytes(os.path.join(within, name)) or 0)})" for name in names[:_NAMED]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Check(
        name=_NAME,
        state=CheckState.UNKNOWN,
        message=f"temporary folders in {within} that {what}: {', '.join(sizes)}{more}",
        hint=hint,
    )
