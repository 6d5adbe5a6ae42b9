"""The second process: takes over from the launcher what it understood, and dies of signals as a JVM does."""

from __future__ import annotations

import json
import os
import signal

from . import faults, knobs, parse, versions
from .misuse import EXIT, Misuse
from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def main(home: str, arguments: list[str]) -> int:
    """``arguments``: the knobs and the faults that strike, as JSON, the run's word, and what follows `backup`."""
    told, struck, run, *command = arguments
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, _die)
    try:
        found = faults.parse(json.loads(struck))
        if any(fault.name == "ignore_sigterm" and fault.text("who") != "launcher" for fault in found):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        read = knobs.Knobs(json.loads(told), os.environ.get("NEO4J_HOME") or home)
        version = versions.parse(versions.of_home(home))
        request = parse.of(command, version, offset=2, prefer_diff_value=read.prefer_diff_value)
        return Run(home, read, found, request, run).execute()
    except Misuse as misuse:
        os.write(2, f"FAKE: {misuse}\n".encode())
        return EXIT


def _die(number: int, frame: FrameType | None) -> None:
    """A JVM's end by a signal is an exit with 128 and its number; what it wrote stays."""
    os._exit(128 + number)
