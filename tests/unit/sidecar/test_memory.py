"""neo4j-admin's heap and page cache fit the container, or the run is refused with the figure to set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ConfigurationError
from sidecar.memory import DAEMON, JVMS, LEAST_HEAP, LEAST_PAGECACHE, JvmMemory, choose_memory

MIB = 1024**2
GIB = 1024**3
LEAST = DAEMON + JVMS + LEAST_HEAP + LEAST_PAGECACHE


@pytest.mark.parametrize(
    ("limit", "heap", "pagecache"),
    [
        (500 * MIB, "64m", "8m"),
        (512 * MIB, "64m", "20m"),
        (1 * GIB, "298m", "149m"),
        (2 * GIB, "810m", "405m"),
        (64 * GIB, "2g", "4g"),
        (None, "512m", "256m"),
    ],
)
def test_heap_and_page_cache_come_from_the_containers_limit(limit: int | None, heap: str, pagecache: str) -> None:
    memory = choose_memory(limit, heap=None, pagecache=None, check=True)

    assert (memory.heap, memory.pagecache) == (heap, pagecache)


@pytest.mark.parametrize("limit", [None, 4 * GIB])
def test_what_is_set_holds(limit: int | None) -> None:
    memory = choose_memory(limit, heap=3 * GIB, pagecache=16 * MIB, check=True)

    assert memory == JvmMemory(3 * GIB, 16 * MIB)


def test_beside_a_heap_that_is_set_the_page_cache_gets_what_is_left() -> None:
    memory = choose_memory(1 * GIB, heap=580 * MIB, pagecache=None, check=True)

    assert memory == JvmMemory(580 * MIB, 16 * MIB)


def test_beside_a_page_cache_that_is_set_the_heap_gets_what_is_left() -> None:
    memory = choose_memory(1 * GIB, heap=None, pagecache=500 * MIB, check=True)

    assert memory == JvmMemory(96 * MIB, 500 * MIB)


def test_a_limit_that_is_too_small_is_refused_with_the_limit_to_set() -> None:
    with pytest.raises(ConfigurationError) as refused:
        choose_memory(256 * MIB, heap=None, pagecache=None, check=True)

    assert "256Mi" in refused.value.message
    assert "500Mi" in refused.value.message
    assert "to 500Mi or more" in refused.value.hint
    assert "NEO4J_BACKUP_MEMORY_CHECK=off" in refused.value.hint
    assert "lower" not in refused.value.hint


def test_the_limit_that_is_named_is_enough_and_a_byte_less_is_not() -> None:
    choose_memory(500 * MIB, heap=None, pagecache=None, check=True)

    with pytest.raises(ConfigurationError):
        choose_memory(500 * MIB - 1, heap=None, pagecache=None, check=True)


def test_settings_that_ask_for_too_much_are_named() -> None:
    with pytest.raises(ConfigurationError) as refused:
        choose_memory(1 * GIB, heap=2 * GIB, pagecache=8 * MIB, check=True)

    assert "to 2484Mi or more" in refused.value.hint
    assert "lower NEO4J_BACKUP_HEAP (now 2g) to as little as 64m" in refused.value.hint
    assert "NEO4J_BACKUP_PAGECACHE" not in refused.value.hint


@pytest.mark.parametrize(
    ("heap", "pagecache", "chosen"),
    [(None, None, JvmMemory(LEAST_HEAP, LEAST_PAGECACHE)), (2 * GIB, None, JvmMemory(2 * GIB, LEAST_PAGECACHE))],
)
def test_with_the_check_off_a_small_container_gets_the_least(
    heap: int | None, pagecache: int | None, chosen: JvmMemory
) -> None:
    assert choose_memory(128 * MIB, heap=heap, pagecache=pagecache, check=False) == chosen


def test_the_check_changes_nothing_where_there_is_room() -> None:
    on, off = (choose_memory(2 * GIB, heap=None, pagecache=None, check=check) for check in (True, False))

    assert on == off


sizes = st.integers(0, 1 << 43)


@given(
    limit=sizes,
    heap=st.none() | st.integers(LEAST_HEAP, 1 << 42),
    pagecache=st.none() | st.integers(LEAST_PAGECACHE, 1 << 42),
)
def test_what_passes_the_check_fits_beside_the_sidecar(limit: int, heap: int | None, pagecache: int | None) -> None:
    try:
        memory = choose_memory(limit, heap=heap, pagecache=pagecache, check=True)
    except ConfigurationError:
        assert limit < LEAST - LEAST_HEAP - LEAST_PAGECACHE + (heap or LEAST_HEAP) + (pagecache or LEAST_PAGECACHE)
    else:
        assert DAEMON + JVMS + memory.heap_bytes + memory.pagecache_bytes <= limit
        assert memory.heap_bytes >= LEAST_HEAP
        assert memory.pagecache_bytes >= LEAST_PAGECACHE
        assert heap in (None, memory.heap_bytes)
        assert pagecache in (None, memory.pagecache_bytes)
