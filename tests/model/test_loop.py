"""The event loop whose time is the test's lets it pass wherever something waits for it."""

import asyncio
from contextlib import suppress
from pathlib import Path

from tests.model.disk import Disk
from tests.model.loop import TimelessLoop


async def wait_for_a_moment(seconds: float) -> int:
    """Wait as for a server that may come before the moment does; give how often, 100 times at most."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    waits = 0
    while loop.time() < until and waits < 100:
        waits += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), until - loop.time())
    return waits


def test_a_wait_that_is_shorter_than_a_clock_tells_has_an_end_too(tmp_path: Path) -> None:
    loop = TimelessLoop(Disk(str(tmp_path)), lambda seconds: None)
    waiting = loop.create_task(wait_for_a_moment(1.0))

    loop.drive(1.0 - 1e-10)
    loop.drive(5.0, waiting.done)
    loop.close()

    assert waiting.result() < 5
