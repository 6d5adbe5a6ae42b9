"""A disk that answers an error for a moment ends no run that is well, and takes no artifact that is good."""

import errno
import os
from collections.abc import Callable

import pytest

from shared.lifecycle import State
from sidecar.neo4j_admin.runner import Launch
from tests.fakes.runner import Do, FakeRunner, Pause, Script
from tests.unit.sidecar.house import House, making_a_backup

DOWN = OSError(errno.EHOSTDOWN, os.strerror(errno.EHOSTDOWN))


def failing_looks(monkeypatch: pytest.MonkeyPatch, answered: list[bool]) -> Callable[[Launch], None]:
    """Give what has every other look at the target's space fail from then on, the first one too."""
    look = os.fstatvfs

    def fstatvfs(descriptor: int) -> os.statvfs_result:
        answered.append(len(answered) % 2 == 1)
        if not answered[-1]:
            raise DOWN
        return look(descriptor)

    return lambda launch: monkeypatch.setattr(os, "fstatvfs", fstatvfs)


def test_a_look_at_the_space_that_fails_tells_nothing_and_the_next_one_is_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.submit()
    answered: list[bool] = []
    steps = (Do(failing_looks(monkeypatch, answered)), Pause(1.3), *making_a_backup(house).steps)

    document = house.run(FakeRunner([Script(steps)]))

    assert document.state is State.SUCCEEDED, document.message
    assert answered[:2] == [False, True]
