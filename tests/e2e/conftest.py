"""What the end-to-end tests share."""

from tests.images import images

__all__ = ["images"]
