"""Everything that the daemon is made of and that a test may replace, built in one place."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sidecar.clock import Clock, SystemClock
from sidecar.links import Links
from sidecar.neo4j_admin.processes import ProcessRunner
from sidecar.neo4j_admin.runner import Runner
from sidecar.preparation import Preparation
from sidecar.settings import Loaded, Settings, load


@dataclass(frozen=True, slots=True)
class Parts:
    """The collaborators of a session; ``environment`` is the daemon's own."""

    environment: Mapping[str, str] = field(repr=False)
    loaded: Loaded
    clock: Clock
    runner: Runner
    preparation: Preparation
    links: Links

    @property
    def settings(self) -> Settings:
        """Give the settings as they hold."""
        return self.loaded.settings


def build(environment: Mapping[str, str]) -> Parts:
    """Put the real daemon together."""
    loaded = load(environment)
    runner = ProcessRunner()
    preparation = Preparation(loaded, environment, runner)
    return Parts(dict(environment), loaded, SystemClock(), runner, preparation, Links())
