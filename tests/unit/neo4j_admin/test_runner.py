"""The values that pass between the daemon and a runner."""

import pytest

from sidecar.neo4j_admin.runner import Exit, Launch


@pytest.mark.parametrize(("status", "signum"), [(None, None), (0, 9)])
def test_an_exit_has_either_a_status_or_a_signal(status: int | None, signum: int | None) -> None:
    with pytest.raises(ValueError, match="either a status or a signal"):
        Exit(status=status, signal=signum)


def test_a_launch_does_not_show_its_environment() -> None:
    launch = Launch(("neo4j-admin",), {"AWS_SECRET_ACCESS_KEY": "hush"}, "/tmp", "abc")

    assert "hush" not in repr(launch)
