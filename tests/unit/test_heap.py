"""Memory: what is garbage is collected after each request, what lives for ever isn't looked at again."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from sidecar import heap


class Knot:
    """Something that holds itself: only a collection takes it away."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def nothing_by_itself() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.usefixtures("nothing_by_itself")
def test_garbage_in_cycles_goes_with_what_is_given_back() -> None:
    knot = weakref.ref(Knot())
    assert knot() is not None

    heap.give_back()

    assert knot() is None


@pytest.mark.usefixtures("nothing_by_itself")
def test_what_is_there_when_the_daemon_has_settled_is_not_looked_at_again() -> None:
    stays = Knot()
    garbage = weakref.ref(Knot())

    heap.settle()

    assert garbage() is None
    assert gc.get_freeze_count() > 0
    assert not any(each is stays for each in gc.get_objects())
