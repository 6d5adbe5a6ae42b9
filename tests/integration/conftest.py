"""What tests above the stand-in share."""

from tests.genuine import genuine_artifacts
from tests.integration.losing import losing
from tests.integration.small_container import worked
from tests.integration.waits import draining, followed, long_waits, moved, stopped

__all__ = ["draining", "followed", "genuine_artifacts", "long_waits", "losing", "moved", "stopped", "worked"]
