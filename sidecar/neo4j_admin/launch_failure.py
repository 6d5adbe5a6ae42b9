"""Tells a person why neo4j-admin could not be started."""

import errno
import os

from shared.errors import ConfigurationError
from sidecar.neo4j_admin.runner import Launch

_SETTING = "NEO4J_BACKUP_NEO4J_ADMIN"


def launch_failure(error: OSError, launch: Launch) -> ConfigurationError:
    """Translate what ``subprocess.Popen`` raised."""
    program = launch.arguments[0]
    why = os.strerror(error.errno) if error.errno else str(error)
    if error.filename == launch.folder:
        return ConfigurationError(
            f"neo4j-admin could not be started in its temporary folder {launch.folder}: {why}",
            hint="The folder has to exist and be open to the sidecar's user; look at NEO4J_BACKUP_TEMP.",
        )
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR if os.path.exists(program):
            return ConfigurationError(
                f"{program} could not be started: the interpreter that its first line names isn't there",
                hint="Use neo4j-admin as the Neo4j image has it; the sidecar's image is built from that.",
            )
        case errno.ENOENT | errno.ENOTDIR:
            return ConfigurationError(
                f"there is no program {program}",
                hint=f"Set {_SETTING} to neo4j-admin's absolute path, or NEO4J_HOME to the folder above its bin/.",
            )
        case errno.EACCES | errno.EPERM:
            return ConfigurationError(
                f"{program} may not be executed by the sidecar's user (uid {os.geteuid()}): {why}",
                hint="It needs the x permission, as the folders above it do, and a file system that isn't noexec.",
            )
        case errno.ENOEXEC:
            return ConfigurationError(
                f"{program} is no program: it is neither a binary for this processor nor a script with a #! line",
                hint=f"Set {_SETTING} to neo4j-admin's absolute path, and check the image's platform.",
            )
        case errno.EAGAIN | errno.ENOMEM | errno.EMFILE | errno.ENFILE:
            return ConfigurationError(
                f"{program} could not be started for want of processes, memory or open files: {why}",
                hint="Raise the container's limit of processes (pids), memory or open files.",
            )
        case _:
            return ConfigurationError(
                f"{program} could not be started: {why}",
                hint=f"Run it by hand in the sidecar's container, or set {_SETTING} to another.",
            )
