"""Work in a thread of its own: its outcome is told, and what nobody waits for any more is put away."""

import asyncio
import threading

import pytest

from sidecar.threads import NoThread, in_background, in_thread, in_time


def test_what_the_work_gives_and_what_it_raises_comes_into_the_loop() -> None:
    async def ask() -> int:
        with pytest.raises(ZeroDivisionError):
            await in_thread(lambda: 1 // 0)
        return await in_thread(lambda: 7)

    assert asyncio.run(ask()) == 7


def test_what_comes_after_nobody_waits_any_more_is_handed_over_to_be_put_away() -> None:
    answered = threading.Event()
    put_away: list[str] = []

    def work() -> str:
        answered.wait(10)
        return "an open folder"

    async def give_up() -> None:
        # Not in the loop's thread: putting away may wait for the same disk.
        future = in_thread(
            work, unwanted=lambda found: put_away.append(f"{found}, by {threading.current_thread().name}")
        )
        future.cancel()
        answered.set()
        async with asyncio.timeout(10):
            while not put_away:
                await asyncio.sleep(0.01)

    asyncio.run(give_up())

    assert put_away == ["an open folder, by disk"]


def test_what_comes_after_the_loop_has_ended_troubles_nobody() -> None:
    answered = threading.Event()

    async def leave() -> None:
        in_thread(lambda: answered.wait(10))

    asyncio.run(leave())
    answered.set()


@pytest.fixture
def no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no thread started, as where a limit of pids is reached."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)


@pytest.mark.usefixtures("no_thread")
def test_where_no_thread_can_be_started_who_waits_for_the_work_is_told() -> None:
    async def ask() -> None:
        with pytest.raises(NoThread, match="can't start new thread"):
            await in_thread(lambda: 7)
        assert await in_time(lambda: 7, 1) is None

    asyncio.run(ask())


@pytest.mark.usefixtures("no_thread")
def test_where_no_thread_can_be_started_what_has_to_be_done_is_done_here() -> None:
    done: list[int] = []

    async def ask() -> int | None:
        in_background(lambda: done.append(1))
        return await in_time(lambda: 7, 1, surely=True)

    assert (asyncio.run(ask()), done) == (7, [1])
