"""What the model's tests share."""

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def quiet() -> Iterator[None]:
    """Keep the daemon's log off the screen: it tells of each of thousands of deaths."""
    loggers = [logging.getLogger("sidecar"), logging.getLogger("asyncio")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.propagate = False
    yield
    for logger, propagate in zip(loggers, before, strict=True):
        logger.propagate = propagate
