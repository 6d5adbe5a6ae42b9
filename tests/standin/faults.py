"""The faults that can be asked for: what each is called, what it takes, and when it is used up.

A fault is a name, or an object: {"fault": "oom", "stage": "receive", "database": "neo4j", "times": 2}.
`database` limits it to one database (else it strikes each), `times` to the first runs that it strikes.
Stages, in order: connect, receive (full only), transactions, recover (full only), artifact, end; `version`
is a run of --version. Where a stage writes, a fault strikes when half of it is written.

| fault                | parameters                       | what happens                                              |
| -------------------- | -------------------------------- | --------------------------------------------------------- |
| nothing              |                                  | exit 0, no artifact, no line that says Finished           |
| line_without_file    |                                  | says that an artifact is finished, and leaves none        |
| file_without_line    |                                  | a good artifact, and no line that says so                 |
| empty_artifact       |                                  | an artifact of zero bytes                                 |
| truncated_artifact   | keep=0.5: share, or bytes from 2 | an artifact cut short, told as finished                   |
| trailing_bytes       | bytes=512                        | an artifact with bytes behind its end                     |
| wrong_database       | name="other"                     | the head names another database, with another id          |
| wrong_store          |                                  | the head has another store id                             |
| unknown_magic        | magic="BZV9"                     | an artifact of a later release                            |
| unknown_metadata     | version=3                        | likewise, by the version byte                             |
| extra_artifact       |                                  | a second new artifact of the same database                |
| old_name             | write=false                      | says that the artifact before is finished                 |
| old_content          |                                  | a copy of the artifact before, under the new name         |
| diff_as_full         |                                  | a full artifact where a differential was asked for        |
| diff_gap             | by=1                             | a differential that begins too late                       |
| diff_overlap         | by=1                             | a differential that begins too early                      |
| bug_13107            |                                  | a missing database: exit 0                                |
| killed_after_success |                                  | all lines of a success, then the worker is killed: 137    |
| silent               |                                  | prints nothing at all, on either stream                   |
| noise                | stage="connect"                  | JVM and StoreCopyJob lines that mean nothing              |
| flood                | stage, bytes=1 MiB, stream, line | so many bytes of lines of 100 bytes, on stdout or stderr  |
| long_line            | stage, bytes=100 MB, stream      | one line of so many bytes                                 |
| invalid_utf8         | stage                            | bytes that are no UTF-8, on both streams                  |
| hang                 | stage="receive", seconds=3600    | stands still                                              |
| ignore_sigterm       | who="both"                       | launcher, worker or both take no SIGTERM                  |
| grandchild           | session=false, seconds=60        | leaves a process that holds the pipes, in a session or not |
| devour               | stage="receive", bytes=512 MiB   | takes memory until it is killed, or has so much: exit 1   |
| oom                  | stage="receive"                  | the worker is killed, 137, what it wrote stays            |
| heap_too_small       | stage="receive"                  | OutOfMemoryError: Java heap space, exit 1                 |
| enospc               | stage="receive"                  | no space left on device: exit 1                           |
| fail                 | stage="receive", message         | this database fails, saying so: exit 1                    |
| exit                 | stage="end", code=1              | ends at once with this status                             |
"""

from __future__ import annotations

import json
import os

from .misuse import Misuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("version", "connect", "receive", "transactions", "recover", "artifact", "end")

_STAGED: dict[str, object] = {"stage": "receive"}
_NAMES: dict[str, dict[str, object]] = {
    "nothing": {},
    "line_without_file": {},
    "file_without_line": {},
    "empty_artifact": {},
    "truncated_artifact": {"keep": 0.5},
    "trailing_bytes": {"bytes": 512},
    "wrong_database": {"name": "other"},
    "wrong_store": {},
    "unknown_magic": {"magic": "BZV9"},
    "unknown_metadata": {"version": 3},
    "extra_artifact": {},
    "old_name": {"write": False},
    "old_content": {},
    "diff_as_full": {},
    "diff_gap": {"by": 1},
    "diff_overlap": {"by": 1},
    "bug_13107": {},
    "killed_after_success": {},
    "silent": {},
    "noise": {"stage": "connect"},
    "flood": {**_STAGED, "bytes": 1 << 20, "stream": "stdout", "line": 100},
    "long_line": {**_STAGED, "bytes": 100_000_000, "stream": "stdout"},
    "invalid_utf8": _STAGED,
    "hang": {**_STAGED, "seconds": 3600},
    "ignore_sigterm": {"who": "both"},
    "grandchild": {"session": False, "seconds": 60, "stage": "connect"},
    "devour": {**_STAGED, "bytes": 512 << 20},
    "oom": _STAGED,
    "heap_too_small": _STAGED,
    "enospc": _STAGED,
    "fail": {**_STAGED, "message": "FAKE: this backup was told to fail"},
    "exit": {"stage": "end", "code": 1},
}
NAMES = tuple(_NAMES)


class Fault:
    """One fault as asked for, its parameters complete; raises ``Misuse`` for what isn't in the table."""

    __slots__ = ("database", "given", "name", "parameters", "times")

    def __init__(self, given: object) -> None:
        asked: dict[str, object] = {"fault": given} if isinstance(given, str) else _object(given)
        self.given = asked
        left = dict(asked)
        self.name = str(left.pop("fault", ""))
        self.database = left.pop("database", None)
        self.times = left.pop("times", None)
        if self.name not in _NAMES:
            raise Misuse(f"unknown fault {self.name!r}; there are {', '.join(NAMES)}")
        if unknown := sorted(left.keys() - _NAMES[self.name].keys()):
            raise Misuse(f"fault {self.name} takes no {unknown[0]!r}")
        self.parameters = {**_NAMES[self.name], **left}
        if self.parameters.get("stage", "end") not in STAGES:
            raise Misuse(f"there is no stage {self.parameters['stage']!r}; there are {', '.join(STAGES)}")

    def number(self, name: str) -> float:
        value = self.parameters[name]
        if not isinstance(value, int | float):
            raise Misuse(f"{name} of fault {self.name} is {value!r}; it must be a number")
        return value

    def text(self, name: str) -> str:
        return str(self.parameters[name])


class Faults:
    """Those that strike one database of this run."""

    __slots__ = ("_found",)

    def __init__(self, found: list[Fault]) -> None:
        self._found = found

    def get(self, name: str) -> Fault | None:
        return next((fault for fault in self._found if fault.name == name), None)

    def at(self, stage: str) -> list[Fault]:
        return [fault for fault in self._found if fault.parameters.get("stage") == stage]

    @property
    def names(self) -> set[str]:
        return {fault.name for fault in self._found}

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None


def parse(given: object) -> list[Fault]:
    if not isinstance(given, list):
        raise Misuse(f"knob faults is {given!r}; it must be a list")
    return [Fault(one) for one in given]


def of(faults: list[Fault], database: str) -> Faults:
    return Faults([fault for fault in faults if fault.database in (None, database)])


def take(faults: list[Fault], strikes: Callable[[Fault], bool], path: str) -> list[Fault]:
    """Those that strike this run; each that is limited is counted down, in the file at ``path``, once for the run."""
    found = [fault for fault in faults if strikes(fault)]
    if not any(fault.times is not None for fault in found):
        return found
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise Misuse(f"{path} can't be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        counts = json.loads(os.read(descriptor, 1 << 20) or b"{}")
        taken = [fault for fault in found if _count(fault, counts)]
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.truncate(descriptor, 0)
        os.write(descriptor, json.dumps(counts).encode())
        return taken
    finally:
        os.close(descriptor)


def _count(fault: Fault, counts: dict[str, int]) -> bool:
    if fault.times is None:
        return True
    if not isinstance(fault.times, int):
        raise Misuse(f"times of fault {fault.name} is {fault.times!r}; it must be a whole number")
    key = json.dumps(fault.given, sort_keys=True)
    counts[key] = counts.get(key, 0) + 1
    return counts[key] <= fault.times


def _object(given: object) -> dict[str, object]:
    if not isinstance(given, dict):
        raise Misuse(f"{given!r} is no fault; a name or an object would be one")
    return given
