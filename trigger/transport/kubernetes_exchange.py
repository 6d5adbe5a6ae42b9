"""One exec in a pod, over the WebSocket that the API server opened for it. Imports websocket-client."""

import contextlib
import json
import time
from collections.abc import Callable
from enum import IntEnum
from types import TracebackType
from typing import Self

from websocket import ABNF, WebSocketTimeoutException

from shared.errors import TransportError
from shared.text import printable
from shared.wire import HEARTBEAT_SECONDS
from trigger.transport.kubernetes_api import CLOSES_INPUT, FAILURES, ExecStream
from trigger.transport.kubernetes_place import Place
from trigger.transport.kubernetes_pod_errors import no_command, not_started
from trigger.transport.lines import Output
from trigger.transport.protocol import END_SECONDS, SEND_SECONDS
from trigger.transport.runtime_words import CANT_EXECUTE

_CHUNK = 16 * 1024
_STATUS_LIMIT = 64 * 1024


class Channel(IntEnum):
    """The first byte of a message: whose it is. Source: k8s.io/apimachinery, remotecommand."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    STATUS = 3
    CLOSE = 255


class KubernetesExchange:
    """One exec. ``heard`` is called at its first line; ``doubt`` where it ended otherwise than well."""

    def __init__(
        self,
        stream: ExecStream,
        pod: str,
        place: Place,
        command: str,
        *,
        heard: Callable[[], None],
        doubt: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._pod = pod
        self._place = place
        self._command = command
        self._heard = heard
        self._doubt = doubt
        self._output = Output()
        self._status = b""
        self._channel: int = Channel.STDOUT
        self._letting_go = False
        self._last_heard = time.monotonic()

    @property
    def exit_status(self) -> int | None:
        """Give the exit status, once the output has ended."""
        return self._output.exit_status

    @property
    def stderr(self) -> str:
        """Give the last of standard error."""
        return self._output.stderr.text()

    def send(self, data: bytes) -> None:
        """Write to standard input; see the protocol."""
        self._stream.within(SEND_SECONDS)
        try:
            for start in range(0, len(data), _CHUNK):
                self._stream.send_binary(bytes([Channel.STDIN]) + data[start : start + _CHUNK])
        except WebSocketTimeoutException as error:
            self._doubt()
            raise TransportError(
                f"the courier in the pod {self._pod} has read nothing for {SEND_SECONDS:.0f} s",
                hint="Its node may be overloaded, or out of reach for the API server.",
            ) from error
        except FAILURES:
            # The command may have gone before it read; what it said last, or how it broke, is to be read.
            return

    def read_line(self, timeout: float) -> bytes | None:
        """Give the next line; see the protocol."""
        first = not self._output.given
        line = self._output.read_line(timeout, self._receive)
        if line is None:
            self._conclude()
        elif first:
            self._heard()
        return line

    def close(self) -> None:
        """End standard input, wait a moment for the command's end, and close the connection."""
        try:
            if not self._output.ended and self._stream.connected:
                if time.monotonic() - self._last_heard > HEARTBEAT_SECONDS:
                    self._doubt()
                self._end_input()
        finally:
            with contextlib.suppress(*FAILURES):
                self._stream.shutdown()  # type: ignore[no-untyped-call]

    def __enter__(self) -> Self:
        """Give the exchange itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _end_input(self) -> None:
        if self._stream.subprotocol != CLOSES_INPUT:
            # An older API server ends it when the connection is closed.
            return
        deadline = time.monotonic() + END_SECONDS
        # What it still says is read, or it might never end: a stream that is cut while it flows now and
        # then leaves the command behind, blocked in a write (containerd 1.6, seen once in ten times).
        self._letting_go = True
        with contextlib.suppress(TransportError, *FAILURES):
            self._stream.within(END_SECONDS)
            self._stream.send_binary(bytes([Channel.CLOSE, Channel.STDIN]))
            while not self._output.ended and (left := deadline - time.monotonic()) > 0:
                self._receive(left)

    def _receive(self, timeout: float) -> bool:
        """Take in one message that comes within ``timeout``; say whether one did."""
        self._stream.within(max(0.01, timeout))
        try:
            # What came of a frame that isn't whole yet is kept there. The method above this one would answer
            # a close, which fails where the other side has gone, and takes with it that it was one.
            frame = self._stream.recv_frame()  # type: ignore[no-untyped-call]
        except WebSocketTimeoutException:
            return False
        except FAILURES as error:
            raise self._broken(str(error)) from error
        self._last_heard = time.monotonic()
        match frame.opcode:
            case ABNF.OPCODE_CLOSE:
                self._output.ended = True
            case ABNF.OPCODE_PING:
                with contextlib.suppress(*FAILURES):
                    self._stream.pong(frame.data)
            case ABNF.OPCODE_BINARY | ABNF.OPCODE_TEXT if frame.data:
                self._channel = frame.data[0]
                self._take(self._channel, frame.data[1:])
            case ABNF.OPCODE_CONT:
                self._take(self._channel, frame.data)
        return True

    def _take(self, channel: int, piece: bytes) -> None:
        match channel:
            case _ if self._letting_go:
                pass
            case Channel.STDOUT:
                self._output.stdout.feed(piece)
            case Channel.STDERR:
                self._output.stderr.feed(piece)
            case Channel.STATUS:
                self._status = (self._status + piece)[:_STATUS_LIMIT]

    def _conclude(self) -> None:
        """Read the document on the status channel; an empty one is a stream that was cut."""
        if not self._status:
            raise self._broken("it ended without the command's exit status")
        try:
            document = json.loads(self._status)
            self._output.exit_status = 0 if document.get("status") == "Success" else _exit_code(document)
            said = str(document.get("message") or "")
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise self._broken("the command's exit status can't be read") from error
        if self._output.exit_status is None:
            self._doubt()
            raise not_started(said or "no reason given", self._command, self._pod, self._place)
        if self._output.exit_status in CANT_EXECUTE and not self._output.given:
            raise no_command(self._command, self._pod, self._place, self.stderr.strip())
        if self._output.exit_status != 0:
            self._doubt()

    def _broken(self, said: str) -> TransportError:
        self._doubt()
        return TransportError(
            f"the connection to the pod {self._pod} broke: {printable(said, 200)}",
            hint=f"{self._place.kubectl('get', 'pod', self._pod)} shows whether it is still there.",
        )


# Any, here as object: a JSON document.
def _exit_code(document: dict[str, object]) -> int | None:
    details = document.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
            return int(cause["message"])
    return None
