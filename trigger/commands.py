"""The commands that a person may want next, ready to be typed."""

import shlex


class Commands:
    """Commands that reach the same sidecar; ``flags`` are the options that do."""

    def __init__(self, flags: tuple[str, ...]) -> None:
        self._flags = flags

    def status(self, request_id: str) -> str:
        """Tell how a request is."""
        return self._join("status", request_id)

    def follow(self, request_id: str) -> str:
        """Wait for a request's end."""
        return self._join("status", "--follow", request_id)

    def cancel(self, request_id: str) -> str:
        """Cancel a request."""
        return self._join("cancel", request_id)

    def _join(self, *words: str) -> str:
        return shlex.join(["neo4j-backup", *words, *self._flags])
