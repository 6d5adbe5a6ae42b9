"""What an operating system's error on one of our folders means to a person."""

import errno

from shared.errors import BackupError, ConfigurationError, InsufficientSpace
from sidecar.files import Unflushed


def on_request_volume(error: OSError, so: str = "nothing was accepted or changed") -> BackupError:
    """Give the error for what could not be put on the request volume; ``so`` says what follows."""
    reason = error.strerror or str(error)
    if isinstance(error, Unflushed):
        return ConfigurationError(
            f"the request volume doesn't say that it keeps what was written ({reason}): whether it holds can't be told",
            hint="Look at the volume. `neo4j-backup list` shows what holds once it is well; then ask again.",
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InsufficientSpace(
            f"the request volume is full, so {so}: {reason}",
            hint="Free space on the request volume; a few megabytes are enough.",
        )
    return ConfigurationError(
        f"the request volume can't be written, so {so}: {reason}",
        hint="The request volume has to be writable for the sidecar's user (7474, by fsGroup in a pod).",
    )
