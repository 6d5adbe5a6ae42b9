"""Hints that the mailbox or the request folder changed: watchdog's events, and whether they still come."""

import asyncio
import logging
import os
from collections.abc import Callable

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

from shared.wire import SOCKET
from sidecar.volume import LOCK, MAILBOX

# inotify tells only what is asked for: our own documents cost no wake-up.
_ASKED: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileClosedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    # A folder in the mailbox's place is refused at once.
    DirCreatedEvent,
    DirDeletedEvent,
]
_AGAIN_SECONDS = 60.0
# watchdog holds an event "moved from" back for 0.5 s, and all behind it, to find its other half; where the reader is
# a moment ahead of the writer that is so for our own renames too (seen: 3 requests of 100). A hint needs no half.
InotifyMoveEventGrouper.delay = 0.0
log = logging.getLogger("sidecar.hints")


class _Filter(FileSystemEventHandler):
    """Passes on what concerns the mailbox, our files and the folder, in watchdog's thread; must never raise."""

    def __init__(self, folder: str, tell: Callable[[], None]) -> None:
        self._mailbox = os.path.join(folder, MAILBOX)
        self._ours = (folder, os.path.join(folder, LOCK), os.path.join(folder, SOCKET))
        self._tell = tell

    def dispatch(self, event: FileSystemEvent) -> None:
        """Pass a hint on; an exception here would kill watchdog's dispatcher for ever."""
        gone = event.event_type == "deleted" and event.src_path in self._ours
        if gone or self._mailbox in (event.src_path, event.dest_path):
            try:
                self._tell()
            except RuntimeError:
                # The loop is closed: the daemon is ending.
                return


class Hints:
    """Watches a folder and calls ``tell`` in the loop; hints are never facts, and may be lost."""

    def __init__(self, folder: str, tell: Callable[[], None]) -> None:
        self._folder = folder
        self._loop = asyncio.get_running_loop()
        self._tell = tell
        self._handler = _Filter(folder, self._pass_on)
        self._observer: BaseObserver | None = None
        self._told = False
        self._again_at = 0.0

    def _pass_on(self) -> None:
        self._loop.call_soon_threadsafe(self._tell)

    def ensure(self) -> bool:
        """Start watching where nothing watches any more, at most once a minute; say whether hints come."""
        if self._alive():
            return True
        self.close()
        if self._loop.time() < self._again_at:
            return False
        observer: BaseObserver | None = None
        try:
            # Observer() takes an inotify instance, start() a watch in it: a node may be out of either.
            observer = Observer()
            observer.schedule(self._handler, self._folder, recursive=False, event_filter=_ASKED)
            observer.start()
        except OSError as error:
            _end(observer)
            self._again_at = self._loop.time() + _AGAIN_SECONDS
            if not self._told:
                log.warning(
                    "the folder can't be watched, so it is looked at every few seconds instead",
                    extra={"folder": self._folder, "error": str(error)},
                )
            self._told = True
            return False
        self._told = False
        self._observer = observer
        return True

    def close(self) -> None:
        """Stop watching."""
        observer, self._observer = self._observer, None
        _end(observer)

    def _alive(self) -> bool:
        # Deleting the folder kills the emitter while the observer says that it lives.
        observer = self._observer
        return (
            observer is not None
            and observer.is_alive()
            and bool(observer.emitters)
            and all(emitter.is_alive() for emitter in observer.emitters)
        )


def _end(observer: BaseObserver | None) -> None:
    """Stop an observer, also one whose start failed half-way: its descriptors and threads are let go of."""
    if observer is None:
        return
    observer.stop()
    if observer.is_alive():
        observer.join(5.0)
