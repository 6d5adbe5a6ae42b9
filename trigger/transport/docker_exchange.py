"""One exec in a container, over the connection that Docker hands over for it. Imports the docker library."""

import contextlib
import socket
import ssl
import time
from types import TracebackType
from typing import Any, Self

from docker import APIClient

from shared.errors import TransportError
from shared.text import printable
from trigger.transport.docker_errors import RUNTIME_FAILED, exit_status, no_command, not_run
from trigger.transport.frames import Frames, Stream
from trigger.transport.lines import Output
from trigger.transport.protocol import END_SECONDS, SEND_SECONDS
from trigger.transport.runtime_words import CANT_EXECUTE

_CHUNK = 64 * 1024


class DockerExchange:
    """One exec. ``stream`` is what ``exec_start(socket=True)`` gave; the client is closed with it."""

    def __init__(
        self,
        client: APIClient,
        stream: Any,  # noqa: ANN401  # a file on a socket or a TLS socket, by the kind of DOCKER_HOST
        exec_id: str,
        *,
        place: str,
        command: str,
    ) -> None:
        self._client = client
        self._stream = stream
        self._socket: socket.socket = getattr(stream, "_sock", stream)
        self._exec_id = exec_id
        self._place = place
        self._command = command
        self._frames = Frames()
        self._output = Output()
        self._early = self._read_ahead()

    @property
    def exit_status(self) -> int | None:
        """Give the exit status, once the output has ended."""
        return self._output.exit_status

    @property
    def stderr(self) -> str:
        """Give the last of standard error."""
        return self._output.stderr.text()

    def send(self, data: bytes) -> None:
        """Write to standard input."""
        self._socket.settimeout(SEND_SECONDS)
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return
        except TimeoutError as error:
            raise TransportError(
                f"the courier in {self._place} has read nothing for {SEND_SECONDS:.0f} s",
                hint="Is the container paused, or the machine overloaded?",
            ) from error
        except OSError as error:
            raise self._broken(error) from error

    def read_line(self, timeout: float) -> bytes | None:
        """Give the next line; see the protocol."""
        early, self._early = self._early, b""
        self._feed(early)
        first = not self._output.given
        line = self._output.read_line(timeout, self._receive)
        if line is None:
            self._output.exit_status = self._await_exit()
            if self._output.exit_status in CANT_EXECUTE and first:
                raise no_command(self._place, self._command, self.stderr.strip())
        elif first and line.startswith(RUNTIME_FAILED):
            raise not_run(self._place, self._command, line.decode("utf-8", "replace"))
        return line

    def close(self) -> None:
        """End standard input, wait a moment for the command's end, and close the connection."""
        try:
            if not self._output.ended and not isinstance(self._socket, ssl.SSLSocket):
                # Half of it first: so the command is seen to end. TLS has no half; Docker ends the input then too.
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_WR)
                self._drain()
        finally:
            # The response first: it flushes what it holds, which fails on a closed socket.
            for part in (getattr(self._stream, "_response", None), self._stream, self._socket, self._client):
                if part is not None:
                    with contextlib.suppress(OSError):
                        part.close()

    def __enter__(self) -> Self:
        """Give the exchange itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _read_ahead(self) -> bytes:
        """Give what http.client read beyond the answer's head: a quick command's first output lies there."""
        try:
            reader = self._stream._response.raw._fp.fp
        except AttributeError:
            return b""
        self._socket.setblocking(False)
        try:
            return bytes(reader.peek())
        except OSError:
            return b""

    def _receive(self, timeout: float) -> bool:
        """Take in what comes within ``timeout``; say whether anything did."""
        self._socket.settimeout(max(0.01, timeout))
        try:
            chunk = self._socket.recv(_CHUNK)
        except TimeoutError:
            return False
        except OSError as error:
            raise self._broken(error) from error
        self._output.ended = not chunk
        self._feed(chunk)
        return True

    def _feed(self, chunk: bytes) -> None:
        for stream, piece in self._frames.feed(chunk):
            if stream is Stream.STDERR:
                self._output.stderr.feed(piece)
            else:
                self._output.stdout.feed(piece)

    def _drain(self) -> None:
        deadline = time.monotonic() + END_SECONDS
        with contextlib.suppress(OSError):
            while (left := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv(_CHUNK):
                    return

    def _await_exit(self) -> int | None:
        deadline = time.monotonic() + END_SECONDS
        while (status := exit_status(self._client, self._exec_id)) is None and time.monotonic() < deadline:
            time.sleep(0.05)
        return status

    def _broken(self, error: OSError) -> TransportError:
        return TransportError(
            f"the connection to {self._place} broke: {printable(error.strerror or str(error), 200)}",
            hint="Was Docker restarted? `docker ps` has to work first.",
        )
