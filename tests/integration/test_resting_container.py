"""Between its backups the sidecar costs next to nothing."""

import time

import pytest

from tests.docker_host import cpu_seconds
from tests.integration.small_container import Worked

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]
REST_SECONDS = 60.0
SHARE = 0.001
"""Of a core."""
RESIDENT_KIB = 40 * 1024


def test_a_daemon_that_has_worked_rests_within_a_thousandth_of_a_core(worked: Worked) -> None:
    time.sleep(max(0.0, worked.since + REST_SECONDS - time.monotonic()))

    used = cpu_seconds(worked.sidecar.name) - worked.cpu_seconds

    assert used / (time.monotonic() - worked.since) < SHARE


def test_a_daemon_that_has_worked_rests_in_less_than_40_mib(worked: Worked) -> None:
    assert worked.sidecar.resident_kib() < RESIDENT_KIB
