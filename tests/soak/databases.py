"""The databases of the pretended server: most of them have a fault that each run of theirs meets."""

import random

DATABASES: dict[str, tuple[list[object], frozenset[str]]] = {
    "neo4j": ([], frozenset()),
    "movies": ([], frozenset()),
    "slow": ([{"fault": "hang", "seconds": 1.5}], frozenset()),
    "chatty": ([{"fault": "flood", "bytes": 100_000}, "invalid_utf8", "noise"], frozenset()),
    "orphan": ([{"fault": "grandchild", "session": True, "seconds": 30}], frozenset()),
    "stuck": (["ignore_sigterm", {"fault": "hang", "stage": "artifact"}], frozenset({"backup_timed_out"})),
    "fails": (["fail"], frozenset({"backup_failed"})),
    "cut": (["truncated_artifact"], frozenset({"artifact_unverified"})),
    "empty": (["empty_artifact"], frozenset({"artifact_unverified"})),
    "unsaid": (["file_without_line"], frozenset({"artifact_unverified"})),
    "nothing": (["line_without_file"], frozenset({"artifact_unverified"})),
    "stranger": (["wrong_database"], frozenset({"artifact_unverified"})),
    "padded": (["trailing_bytes"], frozenset({"artifact_unverified"})),
    "full": ([{"fault": "enospc", "stage": "artifact"}], frozenset({"insufficient_space"})),
    "killed": (["killed_after_success"], frozenset({"backup_failed"})),
    "heap": (["heap_too_small"], frozenset({"out_of_memory"})),
}
"""Each with the stand-in's faults, and the codes that its backups fail with by themselves."""

_OFTEN = ("neo4j", "movies", "chatty", "slow", "orphan")
_FAILING = tuple(name for name in DATABASES if name not in (*_OFTEN, "stuck"))


def faults() -> list[dict[str, object]]:
    """Give the stand-in's knob."""
    found: list[dict[str, object]] = []
    for name, (given, _) in DATABASES.items():
        for fault in given:
            found.append({**(fault if isinstance(fault, dict) else {"fault": fault}), "database": name})
    return found


def choose(chance: random.Random) -> list[str]:
    """Give the databases of a request: one that can be backed up, one that fails, two, now and then one stuck."""
    drawn = chance.random()
    if drawn < 0.03:
        return ["stuck"]
    if drawn < 0.6:
        return [chance.choice(_OFTEN)]
    if drawn < 0.85:
        return [chance.choice(_FAILING)]
    return [chance.choice(_OFTEN[:2]), chance.choice(_FAILING)]
