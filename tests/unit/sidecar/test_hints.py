"""Hints may be lost; what tells them costs nothing where they can't be had, and comes back where they can."""

import asyncio
import ctypes
import errno
import os
import shutil
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from watchdog.observers import inotify_c

from sidecar import hints as hints_module
from sidecar.hints import Hints


def refuse(number: int) -> Callable[..., int]:
    def refused(*_: object) -> int:
        ctypes.set_errno(number)
        return -1

    return refused


def in_loop(act: Callable[[Hints, asyncio.Event], Awaitable[None]], folder: Path) -> None:
    async def run() -> None:
        told = asyncio.Event()
        hints = Hints(str(folder), told.set)
        try:
            await act(hints, told)
        finally:
            hints.close()

    asyncio.run(run())


def test_a_change_of_the_mailbox_is_told_and_of_other_files_is_not(tmp_path: Path) -> None:
    async def act(hints: Hints, told: asyncio.Event) -> None:
        assert hints.ensure()
        (tmp_path / "backup.status").write_text("{}")
        await asyncio.sleep(0.2)
        assert not told.is_set()
        (tmp_path / "backup.request").write_text("{}")
        await asyncio.wait_for(told.wait(), 5)

    in_loop(act, tmp_path)


def test_a_folder_in_the_mailbox_s_place_is_told(tmp_path: Path) -> None:
    async def act(hints: Hints, told: asyncio.Event) -> None:
        assert hints.ensure()
        (tmp_path / "backup.request").mkdir()
        await asyncio.wait_for(told.wait(), 5)

    in_loop(act, tmp_path)


def test_a_folder_that_is_deleted_and_made_again_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "requests"
    folder.mkdir()

    async def act(hints: Hints, told: asyncio.Event) -> None:
        assert hints.ensure()
        shutil.rmtree(folder)
        await asyncio.wait_for(told.wait(), 5)
        folder.mkdir()
        told.clear()
        for _ in range(100):
            await asyncio.sleep(0.02)
            hints.ensure()
        (folder / "backup.request").write_text("{}")
        await asyncio.wait_for(told.wait(), 5)

    in_loop(act, folder)


@pytest.mark.parametrize(("call", "number"), [("inotify_init", errno.EMFILE), ("inotify_add_watch", errno.ENOSPC)])
def test_a_node_without_inotify_left_costs_neither_the_daemon_nor_its_descriptors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    # A node's limits are shared with everything else that runs on it: the call is refused here alone.
    monkeypatch.setattr(inotify_c, call, refuse(number))
    monkeypatch.setattr(hints_module, "_AGAIN_SECONDS", 0.0)

    async def act(hints: Hints, _told: asyncio.Event) -> None:
        before = len(os.listdir("/proc/self/fd")), threading.active_count()
        for _ in range(20):
            assert not hints.ensure()
        assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before
        monkeypatch.undo()
        assert hints.ensure()

    in_loop(act, tmp_path)
