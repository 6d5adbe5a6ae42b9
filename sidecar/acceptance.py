"""Which requests could ever run here: a path that may be a target, names that databases may have."""

from shared.errors import RequestRejected
from shared.protocol import BackupRequest
from sidecar.neo4j_admin.databases import refusal
from sidecar.path_rules import check_target
from sidecar.settings import Settings


class Acceptance:
    """Refuses by the settings what would reach a path, an option or a shell that it may not."""

    def __init__(self, settings: Settings) -> None:
        self._roots = settings.allowed_roots

    def check(self, request: BackupRequest) -> None:
        """Raise RequestRejected that says what is wrong and what would be right."""
        problems = [problem for name in request.database or () if (problem := refusal(name))]
        if problems:
            raise RequestRejected("; ".join(problems[:3]), hint="Leave 'database' out for every database.")
        check_target(request.path, self._roots)
