"""What tests above the stand-in share."""

from tests.genuine import genuine_artifacts

__all__ = ["genuine_artifacts"]
