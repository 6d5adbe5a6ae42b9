"""Three minutes of the soak: mixed load with a fault every 5 s (`make soak` is an hour of it)."""

from pathlib import Path

import pytest

from tests.soak.soaking import soak

SECONDS = 180.0


@pytest.mark.timeout(1200)
def test_under_load_and_faults_every_request_ends_once_and_in_the_truth(tmp_path: Path) -> None:
    figures = soak(tmp_path / "rig", SECONDS)

    assert figures.problems == []
    assert figures.states["succeeded"] > 0
    assert figures.states["failed"] > 0
    assert sum(figures.struck.values()) > 0
