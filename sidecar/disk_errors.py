"""What an operating system's error on one of our folders means to a person."""

import errno

from shared.errors import BackupError, ConfigurationError, InsufficientSpace


def on_request_volume(error: OSError) -> BackupError:
    """Give the error for a request that could not be put on the request volume; nothing was accepted."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InsufficientSpace(
            f"the request volume is full, so nothing was accepted or changed: {reason}",
            hint="Free space on the request volume; a few megabytes are enough.",
        )
    return ConfigurationError(
        f"the request volume can't be written, so nothing was accepted or changed: {reason}",
        hint="The request volume has to be writable for the sidecar's user (7474, by fsGroup in a pod).",
    )
