"""The overlays, one after the other."""

import pytest

from tests.manifests import OVERLAYS, Document, overlay


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[Document]:
    """Give the objects of each overlay."""
    return overlay(request.param)
