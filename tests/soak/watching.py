"""Watches the documents on the volume, as anybody who shares it could."""

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.rig import Rig
from tests.soak.books import Books

LOOK_SECONDS = 0.3


class Watcher:
    """Reads each document anew once its file is another; a whole document is a new file."""

    def __init__(self, rig: Rig, books: Books) -> None:
        self._folder = rig.requests / "status"
        self._books = books
        self._known: dict[str, tuple[int, int]] = {}

    def look(self) -> int:
        """Read what has changed and give how many documents of requests that weren't refused there are."""
        try:
            with os.scandir(self._folder) as entries:
                found = [entry.name for entry in entries if entry.name.endswith(".json") and entry.name[0] != "."]
        except FileNotFoundError:
            return 0
        for name in found:
            try:
                with (self._folder / name).open("rb") as file:
                    status = os.fstat(file.fileno())
                    if self._known.get(name) == (status.st_ino, status.st_mtime_ns):
                        continue
                    data = file.read()
            except FileNotFoundError:
                continue
            self._books.see(json.loads(data), data)
            self._known[name] = status.st_ino, status.st_mtime_ns
        return sum(not name.startswith("refused-") for name in found)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look again and again until this is left."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(LOOK_SECONDS):
                self.look()

        with ThreadPoolExecutor(1) as pool:
            watched = pool.submit(watch)
            try:
                yield
            finally:
                ended.set()
            watched.result()
