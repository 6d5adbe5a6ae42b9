"""What has to be so before anything is copied: neo4j-admin is there, and its licence is answered."""

import os
from collections.abc import Mapping
from pathlib import Path

from shared.errors import ConfigurationError
from sidecar.settings import Settings

_PROGRAM = "neo4j-admin"
_ANSWERS = ("yes", "eval")


def find_neo4j_admin(settings: Settings, environment: Mapping[str, str]) -> Path:
    """Find the program: the setting, else ``neo4j-admin`` on PATH, else ``$NEO4J_HOME/bin/neo4j-admin``.

    Raises ConfigurationError that says where it was looked for, or that it may not be executed.
    """
    if settings.neo4j_admin is not None:
        candidates, looked = [settings.neo4j_admin], f"at {settings.neo4j_admin} (NEO4J_BACKUP_NEO4J_ADMIN)"
    else:
        # A relative entry of PATH would mean another program in each folder.
        on_path = [folder for folder in environment.get("PATH", "").split(":") if folder.startswith("/")]
        home = environment.get("NEO4J_HOME", "")
        folders = [*on_path, os.path.join(home, "bin")] if home.startswith("/") else on_path
        candidates = [os.path.join(folder, _PROGRAM) for folder in folders]
        looked = f"in the folders of PATH ({':'.join(on_path)}), nor at $NEO4J_HOME/bin ({home or 'not set'})"
    there = [candidate for candidate in candidates if os.path.isfile(candidate)]
    for candidate in there:
        if os.access(candidate, os.X_OK):
            return Path(candidate)
    if there:
        raise ConfigurationError(
            f"{there[0]} may not be executed by the sidecar's user (uid {os.geteuid()})",
            hint="It needs the x permission, and a file system that isn't mounted noexec.",
        )
    raise ConfigurationError(
        f"there is no neo4j-admin {looked}",
        hint="Build the sidecar's image from the Neo4j image that the server runs, or set NEO4J_BACKUP_NEO4J_ADMIN.",
    )


def check_licence(settings: Settings) -> None:
    """Ask what the official image's entry point asks, which nothing here passes through.

    Raises ConfigurationError where Neo4j Enterprise's licence isn't answered.
    """
    if settings.edition != "enterprise" or settings.licence in _ANSWERS:
        return
    raise ConfigurationError(
        "this is Neo4j Enterprise, and NEO4J_ACCEPT_LICENSE_AGREEMENT is neither yes nor eval",
        hint="Set NEO4J_ACCEPT_LICENSE_AGREEMENT in the sidecar's container: yes where you hold a licence "
        "(https://neo4j.com/terms/licensing/), eval to evaluate it.",
    )
