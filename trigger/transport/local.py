"""The way to a daemon on this machine: a courier as a process of our own, on a folder."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Self

from shared.errors import TransportError
from trigger.transport.lines import Output
from trigger.transport.protocol import END_SECONDS, SEND_SECONDS, START_SECONDS, Exchange, Misdirected

COMMAND = (sys.executable, "-I", "-m", "sidecar")
_CHUNK = 64 * 1024


class LocalTransport:
    """Runs couriers on the request folder ``folder``; ``command`` is what comes before their verb."""

    def __init__(self, folder: str, command: Sequence[str] = COMMAND) -> None:
        self._folder = os.path.abspath(folder)
        self._command = tuple(command)

    def describe(self) -> str:
        """Name the folder."""
        return f"the folder {self._folder}"

    def run(self, arguments: Sequence[str], *, begins: bool = False, timeout: float = START_SECONDS) -> Exchange:
        """Start a courier; Misdirected where there is no such folder."""
        if not os.path.isdir(self._folder):
            raise Misdirected(
                f"there is no folder {self._folder}",
                hint="--local takes the folder that the sidecar watches (its NEO4J_BACKUP_REQUESTS).",
            )
        return LocalExchange(
            [*self._command, *arguments], environment=os.environ | {"NEO4J_BACKUP_REQUESTS": self._folder}
        )


class LocalExchange:
    """One process with three pipes."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
                # A group of its own: Ctrl-C on a terminal is for the trigger, not for a courier in mid-answer.
                process_group=0,
            )
        except OSError as error:
            raise TransportError(
                f"the courier {command[0]} can't be started: {error.strerror or error}",
                hint="Install neo4j-backup again, in an environment of its own.",
            ) from error
        self._stdin, self._stdout, self._stderr = (
            _pipe(self._process.stdin),
            _pipe(self._process.stdout),
            _pipe(self._process.stderr),
        )
        self._output = Output()
        self._reading = selectors.DefaultSelector()
        for pipe in (self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
            self._reading.register(pipe, selectors.EVENT_READ)
        os.set_blocking(self._stdin.fileno(), False)

    @property
    def exit_status(self) -> int | None:
        """Give the exit status, once the output has ended."""
        return self._output.exit_status

    @property
    def stderr(self) -> str:
        """Give the last of standard error."""
        return self._output.stderr.text()

    def send(self, data: bytes) -> None:
        """Write to standard input, and go on reading meanwhile: a command that talks first must not block us."""
        deadline = time.monotonic() + SEND_SECONDS
        left = memoryview(data)
        self._reading.register(self._stdin, selectors.EVENT_WRITE)
        try:
            while left:
                if time.monotonic() > deadline:
                    raise TransportError(
                        f"the courier has read nothing for {SEND_SECONDS:.0f} s",
                        hint="The machine is overloaded, or something else is there in its place.",
                    )
                self._pump(1.0)
                try:
                    left = left[os.write(self._stdin.fileno(), left) :]
                except BlockingIOError:
                    continue
        except (BrokenPipeError, ConnectionResetError):
            return
        finally:
            self._reading.unregister(self._stdin)

    def read_line(self, timeout: float) -> bytes | None:
        """Give the next line; see the protocol."""
        line = self._output.read_line(timeout, self._pump)
        if line is None:
            self._output.exit_status = self._await_exit()
        return line

    def close(self) -> None:
        """End standard input, and the process if that doesn't end it."""
        self._reading.close()
        try:
            for pipe in (self._stdin, self._stdout, self._stderr):
                with contextlib.suppress(OSError):
                    pipe.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(END_SECONDS)
        finally:
            # Also where a signal's exception came in between: nothing is left behind.
            if self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def __enter__(self) -> Self:
        """Give the exchange itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _pump(self, timeout: float) -> bool:
        """Take in what comes within ``timeout``; say whether anything did."""
        ready = self._reading.select(timeout)
        for key, _ in ready:
            if key.fileobj is self._stdin:
                continue
            chunk = os.read(key.fd, _CHUNK)
            if not chunk:
                self._reading.unregister(key.fileobj)
                self._output.ended = self._output.ended or key.fileobj is self._stdout
            elif key.fileobj is self._stdout:
                self._output.stdout.feed(chunk)
            else:
                self._output.stderr.feed(chunk)
        return bool(ready)

    def _await_exit(self) -> int | None:
        deadline = time.monotonic() + END_SECONDS
        while self._stderr in self._reading.get_map() and time.monotonic() < deadline:
            if not self._pump(0.05) and self._process.poll() is not None:
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        status = self._process.returncode
        return status if status is None or status >= 0 else 128 - status


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101  # each of the three was asked for as a pipe
    return pipe
