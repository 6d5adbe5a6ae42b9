"""A folder as a setting names it, and which one the request volume is. For couriers too: the standard library only."""

import os
from collections.abc import Mapping

REQUESTS = "NEO4J_BACKUP_REQUESTS"
DEFAULT_REQUESTS = "/backup-requests"


def folder(text: str) -> str:
    """Read an absolute path and normalise it; ValueError says what would have been right."""
    if not text.startswith("/") or not text.isprintable() or ".." in text.split("/"):
        from shared.text import printable

        raise ValueError(f"{printable(repr(text), 80)} is no absolute path without '..', such as /data")
    # normpath keeps two slashes in front.
    return "/" + os.path.normpath(text).lstrip("/")


def requests_folder(environment: Mapping[str, str]) -> str:
    """Give the request volume as the daemon's settings have it: with the default in the place of a wrong one."""
    try:
        return folder(environment.get(REQUESTS, "").strip() or DEFAULT_REQUESTS)
    except ValueError:
        return DEFAULT_REQUESTS
