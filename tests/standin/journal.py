"""The journal of invocations, for tests to assert on: one JSON object per line, appended in a single write.

Events: `start` (of the launcher: pid, argv, environment, cwd, uid, gid, umask), `worker` (its pid),
`overlap` (another run is busy with the same --to-path), `grandchild` (its pid), `signal` (the launcher died
of it), `end` (exit status).
Each has `run`, the launcher's pid and its start, `time` in seconds since the epoch and `monotonic_ns`.
"""

from __future__ import annotations

import json
import os
import time

from .misuse import Misuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRETS = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL")


class Journal:
    """Appends to the file at ``path``; without one it does nothing."""

    def __init__(self, path: str, run: str) -> None:
        self.run = run
        self._path = path

    def write(self, event: str, **facts: object) -> None:
        if not self._path:
            return
        moment = {"time": time.time(), "monotonic_ns": time.monotonic_ns()}
        line = json.dumps({"event": event, "run": self.run, **moment, **facts}).encode() + b"\n"
        descriptor = _open(self._path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def start(self, arguments: list[str], environ: Mapping[str, str]) -> None:
        umask = os.umask(0)
        os.umask(umask)
        self.write(
            "start",
            pid=os.getpid(),
            argv=arguments,
            environment={name: _shown(name, value) for name, value in environ.items()},
            cwd=os.getcwd(),
            uid=os.getuid(),
            gid=os.getgid(),
            umask=umask,
        )


def occupy(to_path: str, journal: Journal, state: str) -> None:
    """Hold ``to_path`` for the life of this process, and say so where another holds it already."""
    import fcntl
    import zlib

    name = f"{state}-target-{zlib.crc32(os.path.realpath(to_path).encode()):08x}.lock"
    descriptor = _open(name, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        journal.write("overlap", to_path=to_path)


def read(path: str) -> list[dict[str, object]]:
    """Every event so far, oldest first; none where there is no journal yet."""
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]
    except FileNotFoundError:
        return []


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise Misuse(f"{path} can't be written: {error.strerror}") from error


def _shown(name: str, value: str) -> str:
    return "***" if any(word in name.upper() for word in _SECRETS) else value
