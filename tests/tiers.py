"""Which tiers of tests may be skipped on a machine that lacks what they need."""

import os

import pytest

REQUIRED = "NEO4J_BACKUP_TEST_REQUIRE"
"""Tiers, by commas, that have to run: where one can't, that is an error and no skip (``.ci/run`` sets it)."""


def require(tier: str, available: bool, reason: str) -> None:
    """Skip the test that asks where ``tier`` isn't ``available``, and fail it where the tier is required."""
    if available:
        return
    if tier in os.environ.get(REQUIRED, "").replace(" ", "").split(","):
        pytest.fail(f"the tier {tier} is required here ({REQUIRED}) and can't run: {reason}", pytrace=False)
    pytest.skip(f"needs {tier}: {reason}")
