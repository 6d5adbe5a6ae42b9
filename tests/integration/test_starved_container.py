"""A daemon with a tenth of a core, beside many processes that compute on it, is slow and not dead."""

from collections.abc import Iterator

import pytest

from tests.containers import Sidecar, a_sidecar, trigger
from tests.docker_host import docker, inspected
from tests.images import Images
from tests.integration.small_container import LIMITS
from tests.pace import slower

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]
COMPUTE = """
import os, sys
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
while True:
    pass
"""
COMPUTING = 8
"""How many compute at each of two priorities; on a slower machine fewer, since a tenth of a core is less there."""
AS_NEO4J_ADMIN = 10
"""How much nicer the threads of a run are than the daemon."""


@pytest.fixture(scope="module")
def starved(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    folder = tmp_path_factory.mktemp("starved")
    with a_sidecar(images.sidecar, images.standin, folder, *LIMITS, NEO4J_BACKUP_MEMORY_CHECK="off") as sidecar:
        yield sidecar


def compute(sidecar: Sidecar, count: int, nicer: int) -> None:
    """Start so many that want all there is."""
    docker("exec", "--detach", sidecar.name, "nice", "-n", str(nicer), "python3", "-c", COMPUTE, str(count))


def test_beside_many_that_compute_it_is_slow_and_nothing_kills_it_or_calls_it_dead(starved: Sidecar) -> None:
    count = max(2, round(COMPUTING / slower()))
    before = inspected(starved.name)["State"]

    compute(starved, count, AS_NEO4J_ADMIN)
    backup = trigger("trigger", starved.name, "--path", "/backups/nightly", "--type", "FULL", "--database", "neo4j")
    compute(starved, count, 0)
    listed = trigger("list", starved.name)

    assert sum(" -c " in arguments for arguments in starved.runs()) == 2 * count
    assert (backup.exit_code, listed.exit_code) == (0, 0), backup.said + listed.said
    assert "No contact" not in backup.said + listed.said
    after = inspected(starved.name)["State"]
    assert (after["Pid"], after["Running"], after["OOMKilled"]) == (before["Pid"], True, False)
    assert "Timeout (" not in starved.log(), "it does not end itself"
