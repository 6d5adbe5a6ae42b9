"""Small programs that stand for a launcher and what it starts, and ways to look at them from outside."""

import asyncio
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from sidecar.neo4j_admin.carriers import Family
from sidecar.neo4j_admin.runner import Launch

PYTHON = (sys.executable, "-I", "-S", "-c")

PRELUDE = """
import os, signal, subprocess, sys, time
def start(program, **how):
    return subprocess.Popen([sys.executable, "-I", "-S", "-c", program], **how)
def say(*what):
    os.write(1, (" ".join(map(str, what)) + "\\n").encode())
def wait_for_up():
    while not os.path.exists("up"):
        time.sleep(0.01)
"""

HANGS = "import time; time.sleep(60)"
IGNORES_SIGTERM = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"deaf %d\\n" % os.getpid())
open("up", "w").close()
time.sleep(60)
"""


def launch(folder: Path, program: str, *arguments: str, word: str = "") -> Launch:
    """Return the launch of a Python program, which finds PRELUDE's functions."""
    return Launch((*PYTHON, PRELUDE + program, *arguments), {}, str(folder), word or secrets.token_hex(8))


def carrying(word: str) -> tuple[int, ...]:
    """Give the pids of the processes that carry a run's word, as one look shows them."""
    return tuple(process.pid for process in Family(word).living())


def is_alive(pid: int) -> bool:
    """Say whether a process can still do something: a zombie can't."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(b") ")[2][:1] not in b"ZX"


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition of the world; fail if it doesn't come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't come"
        time.sleep(0.005)


def in_a_loop(coroutine: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine, for 20 s at most."""

    async def run() -> None:
        async with asyncio.timeout(20):
            await coroutine()

    asyncio.run(run())


class Heard:
    """Lines, and a way to wait for one."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self._more = asyncio.Event()

    def __call__(self, line: bytes) -> None:
        self.lines.append(line)
        self._more.set()

    async def pid(self, name: str) -> int:
        """Return the number in the line ``<name> <number>``, once it was printed."""
        while True:
            for line in self.lines:
                if line.startswith(name.encode() + b" "):
                    return int(line.split()[1])
            self._more.clear()
            await self._more.wait()
