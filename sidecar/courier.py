"""A courier: carries one line to the daemon's socket and prints what comes back; it decides nothing.

Standard library only, and little of it: a courier may have a tenth of a core.
"""

import contextlib
import errno
import os
import select
import socket
import sys
import time

from shared.errors import TransportError, error_line
from shared.wire import LINE_LIMIT, REQUEST_LIMIT, SILENCE_SECONDS, SOCKET, Verb, decode, encode

_STDIN, _STDOUT = 0, 1


def carry(verb: Verb, request_id: str | None, folder: str) -> int:
    """Ask the daemon of the request folder ``folder`` and give the exit code that its last line names.

    Without a daemon, or where it is silent for 20 s, the last line printed is a ``transport_error`` of our own.
    """
    line = encode({"verb": verb, "id": request_id, "input": _first_line()})
    try:
        connection = _connect(folder)
    except TransportError as error:
        return _say(error, sent=False)
    try:
        with connection:
            connection.sendall(line)
            return _print_answer(connection, ends_with_input=verb is Verb.FOLLOW)
    except BrokenPipeError:
        # Nobody reads us any more, or the daemon died while we wrote; no one is there to be told.
        return TransportError.exit_code
    except TransportError as error:
        return _say(error)
    except TimeoutError:
        return _say(TransportError(_SILENT, hint=_STUCK))
    except OSError as error:
        return _say(TransportError(f"the sidecar's connection broke: {error.strerror or error}", hint=_RESTARTED))


def _first_line() -> str:
    if os.isatty(_STDIN):
        return ""
    found = b""
    try:
        while b"\n" not in found and len(found) <= REQUEST_LIMIT:
            chunk = os.read(_STDIN, 1 << 16)
            if not chunk:
                break
            found += chunk
    except OSError:
        return ""
    return found.partition(b"\n")[0].decode("utf-8", "surrogateescape")


def _connect(folder: str) -> socket.socket:
    try:
        # A socket's path is short; relative to the folder it always fits.
        os.chdir(folder)
    except OSError as error:
        raise TransportError(
            f"the request folder {folder} can't be entered: {error.strerror}",
            hint="NEO4J_BACKUP_REQUESTS has to name the folder that the daemon watches.",
        ) from None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)
    deadline = time.monotonic() + SILENCE_SECONDS
    while True:
        try:
            connection.connect(SOCKET)
        except BlockingIOError:
            # EAGAIN: a full backlog. The daemon lives and is busy.
            if time.monotonic() > deadline:
                connection.close()
                raise TransportError(
                    f"the sidecar in {folder} takes no connection: it is slow or stuck", hint=_STUCK
                ) from None
            time.sleep(0.1)
        except OSError as error:
            connection.close()
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED):
                raise TransportError(f"no sidecar is running on {folder}", hint=_RESTARTED) from None
            raise TransportError(f"the sidecar's socket can't be reached: {error.strerror}", hint=_UID) from None
        else:
            _check_peer(connection)
            # A line may be longer than what the socket holds until somebody reads it.
            connection.settimeout(SILENCE_SECONDS)
            return connection


def _check_peer(connection: socket.socket) -> None:
    """Talk to nobody else: whoever may write the folder may put a socket of their own in the place of ours."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    listens, us = int.from_bytes(credentials[4:8], sys.byteorder), os.geteuid()
    # The socket is for its own user and root.
    if us not in (0, listens):
        connection.close()
        raise TransportError(
            f"what listens at {SOCKET} is not the sidecar: it is of user {listens}, and the sidecar of user {us}",
            hint="Somebody has put it there; see who may write the request folder.",
        )


def _print_answer(connection: socket.socket, *, ends_with_input: bool) -> int:
    """Print the daemon's lines as they come, each whole; give the last one's exit code."""
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    if ends_with_input:
        waiting.register(_STDIN, select.POLLIN)
    kept, last = b"", b""
    deadline = time.monotonic() + SILENCE_SECONDS
    input_ended = False
    while True:
        events = waiting.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not events:
            raise TransportError(_SILENT, hint=_STUCK)
        for descriptor, _ in events:
            if descriptor == _STDIN:
                input_ended = input_ended or not _read_input()
                if input_ended:
                    waiting.unregister(_STDIN)
                continue
            chunk = connection.recv(1 << 16)
            if not chunk:
                return _exit_code(last)
            deadline = time.monotonic() + SILENCE_SECONDS
            kept += chunk
            if len(kept) > LINE_LIMIT:
                raise TransportError(f"the sidecar sent a line of more than {LINE_LIMIT} bytes", hint=_STUCK)
            if b"\n" in chunk:
                whole, _, kept = kept.rpartition(b"\n")
                _write(whole + b"\n")
                last = whole[whole.rfind(b"\n") + 1 :]
        if input_ended and last:
            return _exit_code(last) if last.startswith((b'{"end"', b'{"error"')) else 0


def _read_input() -> bool:
    try:
        return bool(os.read(_STDIN, 1 << 16))
    except OSError:
        return False


def _exit_code(last: bytes) -> int:
    try:
        line = decode(last or b"{}")
        return int((line.get("end") or line["error"])["exit_code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TransportError("the sidecar's answer was cut off", hint=_RESTARTED) from None


def _say(error: TransportError, *, sent: bool = True) -> int:
    line = error_line(error)
    line["error"]["sent"] = sent
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{error.message}. {error.hint}\n")
        _write(encode(line))
    return error.exit_code


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_STDOUT, view) :]


_SILENT = f"the sidecar is slow or stuck: it has been silent for {SILENCE_SECONDS:.0f} s"
_RESTARTED = "It may be starting: ask again in a few seconds. Its own log says how it is."
_STUCK = "Its own log says what it does. A stuck sidecar ends itself after 5 minutes."
_UID = "Run this as the sidecar's own user (7474), in its container."
