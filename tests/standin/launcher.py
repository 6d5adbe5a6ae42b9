"""The first process, as `bin/neo4j-admin` starts it: understands the command line, starts the worker, and waits.

It forwards no signal: whatever ends it leaves the worker running, as the genuine 5.26.28 was seen to do.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from . import command, faults, journal, knobs, parse, servers, target, usage, versions
from .misuse import EXIT, Misuse
from .output import Output
from .parse import INVALID, USAGE, Refused
from .stages import Stages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .faults import Fault
    from .knobs import Knobs
    from .parse import Request

WORKER = "lib/standin-worker"
_HEAP_UNITS = "kKmMgGtT"


def main(home: str, arguments: list[str]) -> int:
    """The exit status of neo4j-admin, run with ``arguments`` from the installation in ``home``."""
    try:
        given = knobs.given(home, os.environ)
        told = knobs.Knobs(given, os.environ.get("NEO4J_HOME") or home)
        return Launcher(home, given, told).run(arguments)
    except Misuse as misuse:
        os.write(2, f"FAKE: {misuse}\n".encode())
        return EXIT


class Launcher:
    """One run, told in the journal from start to end."""

    def __init__(self, home: str, given: dict[str, object], told: Knobs) -> None:
        self._home = home
        self._given = given
        self._knobs = told
        self._text_version = versions.of_home(home)
        self._version = versions.parse(self._text_version)
        self._run = f"{os.getpid()}-{time.monotonic_ns()}"
        self._journal = journal.Journal(told.journal, self._run)
        self._output = Output(self._version, uncertain=told.uncertain)

    def run(self, arguments: list[str]) -> int:
        self._journal.start(arguments, os.environ)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, self._die)
        if options := os.environ.get("JAVA_TOOL_OPTIONS"):
            self._output.error(f"Picked up JAVA_TOOL_OPTIONS: {options}")
        try:
            exit_code = self._understood(arguments)
        except Refused as refused:
            self._output.error(refused.message + (f"\n{usage.backup(self._version)}" if refused.usage else ""))
            exit_code = refused.exit_code
        self._journal.write("end", exit=exit_code)
        return exit_code

    def _understood(self, arguments: list[str]) -> int:
        expanded = parse.expand(arguments)
        edition = versions.edition_of_home(self._home)
        meant = command.understand(expanded, self._text_version, self._version, edition)
        if isinstance(meant, command.Answer):
            if meant.version:
                self._strike_version()
            self._output.plain(meant.text)
            return 0
        value_taken = self._knobs.prefer_diff_value
        request = parse.of(meant.rest, self._version, offset=meant.offset, prefer_diff_value=value_taken)
        if request.on("--help"):
            self._output.plain(usage.backup(self._version))
            return 0
        if "--inspect-path" in request.values:
            message = "FAKE: --inspect-path is an option that this stand-in does not imitate"
            raise Refused(message, usage=False, exit_code=USAGE)
        target.require(request, self._knobs)
        self._check_homes()
        return self._work(expanded, meant.rest, request)

    def _check_homes(self) -> None:
        # The genuine 5.26.28 looks at NEO4J_HOME alone; of later ones the reference says that both are looked at.
        names = ("NEO4J_HOME", "NEO4J_CONF") if versions.calendar(self._version) else ("NEO4J_HOME",)
        for name in names:
            path = os.environ.get(name)
            if path and not os.path.isdir(path):
                message = f"{name} path doesn't exist or not a directory: {path}"
                raise Refused(message, usage=False, exit_code=INVALID)

    def _work(self, arguments: list[str], rest: list[str], request: Request) -> int:
        struck = self._take(lambda fault: fault.parameters.get("stage") != "version" and _concerns(fault, request))
        names = {fault.name for fault in struck}
        output = Output(self._version, uncertain=self._knobs.uncertain, silent="silent" in names)
        heap = os.environ.get("HEAP_SIZE", "")
        if heap and os.environ.get("JAVA_OPTS"):
            output.error("WARNING! HEAP_SIZE is ignored, because JAVA_OPTS is set")
        elif heap and not heap.rstrip(_HEAP_UNITS).isdecimal():
            output.error(f"Invalid initial heap size: -Xms{heap}")
            output.error("Error: Could not create the Java Virtual Machine.")
            output.error("Error: A fatal exception has occurred. Program will exit.")
            return 1
        if request.on("--verbose") or os.environ.get("NEO4J_DEBUG"):
            output.plain(f"Executing command line: FAKE org.neo4j.cli.AdminTool {' '.join(arguments)}")
        if any(fault.name == "ignore_sigterm" and fault.text("who") != "worker" for fault in struck):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return self._wait(rest, struck)

    def _wait(self, rest: list[str], struck: list[Fault]) -> int:
        """Start the worker with our own standard streams, and end as it ends."""
        told = [json.dumps(self._given), json.dumps([fault.given for fault in struck]), self._run]
        worker = os.posix_spawn(
            sys.executable,
            [sys.executable, "-IS", f"{self._home}/{WORKER}", *told, *rest],
            os.environ,
        )
        self._journal.write("worker", pid=worker)
        _, status = os.waitpid(worker, 0)
        exit_code = os.waitstatus_to_exitcode(status)
        return exit_code if exit_code >= 0 else 128 - exit_code

    def _strike_version(self) -> None:
        struck = self._take(lambda fault: fault.parameters.get("stage") == "version")
        Stages(faults.of(struck, ""), self._output, self._journal).strike("version")

    def _take(self, strikes: Callable[[Fault], bool]) -> list[Fault]:
        return faults.take(self._knobs.faults, strikes, f"{self._knobs.state}-faults.json")

    def _die(self, number: int, frame: FrameType | None) -> None:
        """A JVM's end by a signal is an exit with 128 and its number; the worker isn't told."""
        self._journal.write("signal", signal=number)
        os._exit(128 + number)


def _concerns(fault: Fault, request: Request) -> bool:
    patterns = request.databases or ["neo4j"]
    return fault.database is None or any(servers.means(pattern, str(fault.database)) for pattern in patterns)
