"""The stages of one database's backup: what each waits for, and the faults that strike in it."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .faults import Fault, Faults
    from .journal import Journal
    from .output import Output

_NOISE = (
    (2, "Picked up JAVA_TOOL_OPTIONS: -Dfake=true"),
    (2, "WARNING: Using incubator modules: jdk.incubator.vector"),
    (1, "Selecting JVM - Version:17.0.15, Name:OpenJDK 64-Bit Server VM, Vendor:FAKE"),
    (1, "--------------------"),
)
_STORE_COPY = "c.n.c.c.s.StoreCopyJob"
_SLEEPER = "import os,sys,time\nif sys.argv[1] == 'session': os.setsid()\ntime.sleep(float(sys.argv[2]))"


class Failed(Exception):
    """This database's backup fails, for this reason; ``sure`` is whether the reference confirms the words."""

    def __init__(self, reason: str, *, sure: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sure = sure


class Stages:
    """The stages of one database, under the knobs and faults that hold for it."""

    def __init__(self, faults: Faults, output: Output, journal: Journal, *, delay: float = 0, rate: float = 0) -> None:
        self.faults = faults
        self._output = output
        self._journal = journal
        self._delay = delay
        self._rate = rate

    def pass_through(self, stage: str) -> None:
        """A stage that writes nothing."""
        self.enter(stage)
        self.strike(stage)

    def enter(self, stage: str) -> None:
        """Wait as asked; a stage that writes then takes ``pace``."""
        if self._delay:
            time.sleep(self._delay)

    def pace(self, stage: str, total: int) -> Pace:
        """For a stage that writes ``total`` bytes, about."""
        return Pace(self._rate, total, lambda: self.strike(stage))

    def strike(self, stage: str) -> None:
        """Raises ``Failed`` or ``OSError``, ends the process, or goes on, as the faults of the stage say."""
        for fault in self.faults.at(stage):
            self._strike(fault)

    def _strike(self, fault: Fault) -> None:
        match fault.name:
            case "oom":
                kill_self()
            case "devour":
                devour(int(fault.number("bytes")))
            case "heap_too_small":
                raise Failed("java.lang.OutOfMemoryError: Java heap space")
            case "enospc":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            case "fail":
                raise Failed(fault.text("message"))
            case "exit":
                os._exit(int(fault.number("code")))
            case "hang":
                time.sleep(fault.number("seconds"))
            case "grandchild":
                self._journal.write("grandchild", pid=leave_grandchild(fault))
            case _:
                self._print(fault)

    def _print(self, fault: Fault) -> None:
        stream = 2 if fault.parameters.get("stream") == "stderr" else 1
        match fault.name:
            case "noise":
                for descriptor, line in _NOISE:
                    self._output.raw(descriptor, line.encode() + b"\n")
                self._output.log("Failed to get store file FAKE, retrying", level="WARN", logger_name=_STORE_COPY)
            case "invalid_utf8":
                for descriptor in (1, 2):
                    self._output.raw(descriptor, b"\xff\xfe \xc3\x28 \x80 \xed\xa0\x80\n")
            case "flood":
                row = b"x" * (int(fault.number("line")) - 1) + b"\n"
                self._fill(stream, row * max(1, 64_000 // len(row)), int(fault.number("bytes")) - 1)
                self._output.raw(stream, b"\n")
            case "long_line":
                self._fill(stream, b"x" * 64_000, int(fault.number("bytes")))
                self._output.raw(stream, b"\n")

    def _fill(self, descriptor: int, block: bytes, count: int) -> None:
        for _ in range(count // len(block)):
            self._output.raw(descriptor, block)
        self._output.raw(descriptor, block[: count % len(block)])


class Pace:
    """Holds a stream of bytes to a rate, and calls ``at_half`` once when half of them are through."""

    def __init__(self, rate: float, total: int, at_half: Callable[[], None]) -> None:
        self._rate = rate
        self._total = total
        self._at_half: Callable[[], None] | None = at_half
        self._done = 0
        self._began = time.monotonic()

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks, no faster than the rate, and cut small where it is slow."""
        for chunk in self._cut(chunks):
            yield chunk
            self._done += len(chunk)
            if self._done * 2 >= self._total:
                self._half()
            if self._rate:
                due = self._began + self._done / self._rate
                time.sleep(max(0.0, due - time.monotonic()))

    def _cut(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        size = max(512, int(self._rate / 20)) if self._rate else 1 << 30
        for chunk in chunks:
            for start in range(0, len(chunk), size):
                yield chunk[start : start + size]

    def finish(self) -> None:
        """All is through, be it less than was announced."""
        self._half()

    def _half(self) -> None:
        at_half, self._at_half = self._at_half, None
        if at_half:
            at_half()


def kill_self() -> None:
    """What the kernel does to a process that takes too much memory: nothing after this runs."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def devour(count: int) -> None:
    """Take memory, page by page, until the kernel has had enough; where it never has, after ``count`` bytes."""
    taken = [b"x" * (1 << 20) for _ in range(count >> 20)]
    raise Failed(f"FAKE: {len(taken)} MiB were taken, and nobody minded")


def leave_grandchild(fault: Fault) -> int:
    """Start a process that holds our standard output and error, and outlives us for a while; return its id."""
    session = "session" if fault.parameters["session"] else "-"
    arguments = [sys.executable, "-IS", "-c", _SLEEPER, session, str(fault.number("seconds"))]
    return os.posix_spawn(
        sys.executable, arguments, os.environ, setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    )
