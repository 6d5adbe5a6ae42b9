"""What tests above the stand-in share."""

from tests.genuine import genuine_artifacts
from tests.images import images
from tests.integration.small_container import worked

__all__ = ["genuine_artifacts", "images", "worked"]
