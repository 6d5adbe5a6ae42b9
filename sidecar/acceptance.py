"""Which requests could ever run here: a path that may be a target, names that databases may have."""

import threading
from contextlib import suppress

from shared.errors import RequestRejected
from shared.protocol import BackupRequest
from sidecar.neo4j_admin.databases import refusal
from sidecar.path_rules import check_target
from sidecar.settings import Settings

LOOK_SECONDS = 1.0
"""How long a target may take to be looked at: the loop waits for that, and a volume may never answer."""


class Acceptance:
    """Refuses by the settings what would reach a path, an option or a shell that it may not."""

    def __init__(self, settings: Settings) -> None:
        self._roots = settings.allowed_roots
        self._looking: threading.Thread | None = None

    def check(self, request: BackupRequest) -> None:
        """Raise RequestRejected that says what is wrong and what would be right."""
        problems = [problem for name in request.database or () if (problem := refusal(name))]
        if problems:
            raise RequestRejected("; ".join(problems[:3]), hint="Leave 'database' out for every database.")
        check_target(request.path, self._roots, look=False)
        self._look(request.path)

    def _look(self, path: str) -> None:
        """Look at what lies there, for an early answer; where that takes long the request's turn tells."""
        if self._looking is not None and self._looking.is_alive():
            # One that hangs is enough: who asks again and again would have a thread for each.
            return
        found: list[RequestRejected] = []

        def look() -> None:
            try:
                check_target(path, self._roots)
            except RequestRejected as error:
                found.append(error)

        self._looking = threading.Thread(target=look, name="look", daemon=True)
        # Where no thread can be started, the request's turn tells.
        with suppress(RuntimeError):
            self._looking.start()
            self._looking.join(LOOK_SECONDS)
        if found:
            raise found[0]
