"""Reads what the kernel tells of processes in /proc."""

import os
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was at one look.

    ``started`` is in clock ticks since the boot and tells two processes with the same pid apart.
    ``ended`` is a zombie: it does nothing any more, and holds nothing but its number.
    """

    pid: int
    parent: int
    group: int
    session: int
    started: int
    ended: bool


def processes() -> Iterator[Process]:
    """Yield every process that can be seen from here."""
    for name in os.listdir("/proc"):
        if name.isdigit() and (process := read_process(int(name))) is not None:
            yield process


def read_process(pid: int) -> Process | None:
    """Look at one process; None if there is none (proc_pid_stat(5))."""
    stat = _read(pid, "stat")
    if not stat:
        return None
    # The second field is the program's name in parentheses, which may hold spaces and parentheses.
    fields = stat.rpartition(b")")[2].split()
    state, threads = fields[0], int(fields[17])
    return Process(
        pid=pid,
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        started=int(fields[19]),
        # A JVM that is being killed is a zombie with threads first: those may still be writing.
        ended=state in (b"Z", b"X") and threads <= 1,
    )


def read_environment(pid: int) -> bytes:
    """Return a process's environment, each entry ended by NUL; nothing where it may not be read.

    It is empty for a moment while the process is executing another program.
    """
    return _read(pid, "environ")


def _read(pid: int, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:
            return file.read()
    except OSError:  # it has just ended, or belongs to somebody else
        return b""
