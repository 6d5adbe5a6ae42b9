"""Finds what a test leaves behind: threads, processes, open files, and files that lie about."""

import gc
import os
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

CACHES = frozenset(
    {"__pycache__", ".pytest_cache", ".hypothesis", ".mypy_cache", ".ruff_cache", ".import_linter_cache"},
)
"""What tools leave in the folder they are started in, whatever a test does."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What this process holds at one moment. Taking one costs a fraction of a millisecond."""

    threads: frozenset[threading.Thread]
    children: frozenset[int]
    descriptors: frozenset[tuple[int, str]]
    files: frozenset[str]

    @classmethod
    def take(cls) -> "Snapshot":
        return cls(
            threads=frozenset(threading.enumerate()),
            children=frozenset(_children()),
            descriptors=frozenset(_descriptors()),
            files=frozenset(_files(Path.cwd())) | frozenset(_files(Path(tempfile.gettempdir()))),
        )

    def leaks(self, *, patience: float = 1.0) -> list[str]:
        """Say what is there now and wasn't then; what only needs a moment to go gets ``patience`` seconds."""
        found = self._compare(Snapshot.take())
        until = time.monotonic() + patience
        while found and time.monotonic() < until:
            gc.collect()
            time.sleep(0.02)
            found = self._compare(Snapshot.take())
        return found

    def _compare(self, now: "Snapshot") -> list[str]:
        return [
            *(f"a thread: {thread}" for thread in now.threads - self.threads),
            *(f"a child process: {_describe(pid)}" for pid in sorted(now.children - self.children)),
            *(f"an open file: {number} → {target}" for number, target in sorted(now.descriptors - self.descriptors)),
            *(f"a file: {path}" for path in sorted(now.files - self.files)),
        ]


def _children() -> list[int]:
    pids: list[int] = []
    for thread in os.listdir("/proc/self/task"):
        # Zombies are in it too. A thread that has just ended took none along: they went to another.
        try:
            pids += map(int, Path(f"/proc/self/task/{thread}/children").read_text().split())
        except FileNotFoundError:
            continue
    return pids


def _descriptors() -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append((int(number), os.readlink(f"/proc/self/fd/{number}")))
        except FileNotFoundError:  # the one that the listing was read through
            continue
    return found


def _files(folder: Path) -> list[str]:
    return [str(folder / name) for name in os.listdir(folder) if name not in CACHES]


def _describe(pid: int) -> str:
    try:
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return f"{pid}"
    state = next((line for line in status if line.startswith("State:")), "")
    return f"{pid} {command or status[0]} {state}"
