"""Which environment variables are meant for the sidecar, and which look like a mistake or a secret."""

import re
from collections.abc import Iterable, Mapping

from shared.text import printable

PREFIX = "NEO4J_BACKUP_"
_TRIGGERS = f"{PREFIX}TRIGGER_"
# Kubernetes adds these for each Service: one called neo4j-backup, or neo4j-backup-<anything>.
_SERVICE_LINK = re.compile(
    rf"{PREFIX}(?:[A-Z0-9_]+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_PORT_LINK = re.compile(rf"{PREFIX}(?:[A-Z0-9_]+_)?PORT")
_PORT_VALUE = re.compile(r"(?:tcp|udp|sctp)://.*")
_SECRET = re.compile(r"(?:pass(?:word|phrase|wd)?|pwd|secret|token|key|keyid|credentials?)\Z", re.IGNORECASE)


def unknown_variables(environment: Mapping[str, str], known: Iterable[str]) -> tuple[str, ...]:
    """Warn of ``NEO4J_BACKUP_*`` variables that nobody reads: most are misspelt. Their values aren't repeated."""
    names = set(known)
    return tuple(
        _warning(name, names)
        for name, value in sorted(environment.items())
        if name.startswith(PREFIX)
        and name not in names
        and not name.startswith(_TRIGGERS)
        and not _is_service_link(name, value)
    )


def looks_like_secret(name: str) -> bool:
    """Say whether what ``name`` names may not be printed: a password, a key, a token."""
    return _SECRET.search(name) is not None


def _is_service_link(name: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(name):
        return True
    return bool(_PORT_LINK.fullmatch(name) and _PORT_VALUE.fullmatch(value))


def _warning(name: str, known: set[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    meant = f"; {near[0]} may be meant" if near else "; `neo4j-backup-sidecar settings` lists those there are"
    return f"{printable(name, 80)} is no setting of the sidecar{meant}"
