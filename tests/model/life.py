"""One daemon's life in this process: the real Session on the world's folder, from its start to its end or death."""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from shared.wire import SOCKET
from sidecar.session import Session
from sidecar.volume import Volume
from tests.integration.serving import asked
from tests.model.disk import Crash
from tests.model.loop import TimelessLoop
from tests.model.world import World

PATIENCE = 20.0
"""Seconds of the daemon's own time within which it has to answer."""

# Any: a line of JSON.
Line = dict[str, Any]


class Life:
    """A daemon. ``ready`` is whether it answers; ``defects`` are what its log calls so."""

    def __init__(self, world: World) -> None:
        self.ready = False
        self._world = world
        self._disk = world.disk
        self._loop = TimelessLoop(world.disk, world.clock.pass_time)
        self._volume: Volume | None = None
        self._session: Session | None = None
        self._run: asyncio.Task[None] | None = None
        self._talks: list[_Talk] = []
        self._start()

    @property
    def dead(self) -> bool:
        """Say whether it has died on the way."""
        return self._disk.dead

    def ask(self, questions: Sequence[tuple[str, str, object]]) -> list[list[Line]]:
        """Put questions (verb, id, input) at once; give the lines that each was told before the daemon's death."""
        talks = [_Talk(str(self._world.requests), asked(*question)) for question in questions]
        try:
            self._loop.drive(PATIENCE, lambda: all(talk.over() for talk in talks))
            over = [talk.over() for talk in talks]  # what was sent before its death arrives
            assert self.dead or all(over), "a courier got no answer"
            self._mourn_if_dead()
            return [talk.lines() for talk in talks]
        finally:
            for talk in talks:
                talk.close()

    def pass_time(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Let it live on for some seconds, or until it is ``enough``."""
        self._loop.drive(seconds, enough)
        self._mourn_if_dead()

    def stop(self) -> None:
        """End it as SIGTERM does."""
        assert self._session is not None
        assert self._run is not None
        self._session.stop()
        run = self._run
        self._loop.drive(600.0, run.done)
        if not self.dead:
            assert run.done(), "it doesn't end"
            run.result()
            self._disk.dead = True
        self._mourn_if_dead()

    def kill(self) -> None:
        """End it here and now."""
        self._disk.dead = True
        self._mourn_if_dead()

    def _start(self) -> None:
        try:
            with self._disk.outside(False):
                self._volume = Volume.open(str(self._world.requests))
                assert self._volume.try_lock(), "the lock of a dead daemon holds"
            self._session = Session(self._volume, self._world.parts())
        except Crash:
            self._mourn_if_dead()
            return
        self._run = self._loop.create_task(self._session.run())
        run = self._run
        path = f"{self._world.requests}/{SOCKET}"
        before = os.lstat(path).st_ino if os.path.lexists(path) else None
        self._loop.drive(PATIENCE, lambda: run.done() or (os.path.lexists(path) and os.lstat(path).st_ino != before))
        if not self.dead:
            assert not run.done(), f"it ended by itself: {run}"
            self.ready = True
        self._mourn_if_dead()

    def _mourn_if_dead(self) -> None:
        run = self._run
        if self.dead:
            self.ready = False
            self._world.daemon_died()
            self._loop.bury()
            if self._volume is not None:
                self._volume.close()
        elif run is not None and run.done():
            run.result()
            raise AssertionError("it ended by itself")


class _Talk:
    """A courier's connection, read as it comes."""

    def __init__(self, folder: str, line: bytes) -> None:
        self._said = b""
        self._ended = False
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(f"/proc/self/fd/{held}/{SOCKET}")
            self._socket.setblocking(False)
            self._socket.sendall(line)
        except BaseException:
            self._socket.close()
            raise
        finally:
            os.close(held)

    def over(self) -> bool:
        """Read what is there; say whether the daemon has closed."""
        with suppress(BlockingIOError):
            while not self._ended:
                try:
                    chunk = self._socket.recv(1 << 16)
                except ConnectionError:
                    chunk = b""
                self._said += chunk
                self._ended = not chunk
        return self._ended

    def lines(self) -> list[Line]:
        """Give the whole lines that it was told."""
        return [json.loads(line) for line in self._said.split(b"\n")[:-1]]

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class Defects(logging.Handler):
    """Keeps what the daemon's log calls a defect."""

    def __init__(self, disk_is_dead: Callable[[], bool]) -> None:
        super().__init__()
        self.found: list[str] = []
        self._disk_is_dead = disk_is_dead

    def emit(self, record: logging.LogRecord) -> None:
        if not self._disk_is_dead() and ("defect" in record.getMessage() or record.exc_info):
            self.found.append(self.format(record))
