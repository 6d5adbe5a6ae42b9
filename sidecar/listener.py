"""The daemon's socket: one line in, lines out, each with a deadline."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from shared.errors import BackupError, InternalError, RequestRejected, TransportError, error_line
from shared.wire import REQUEST_LIMIT, SOCKET, WireError, decode, encode
from sidecar.files import Unflushed, temporary_name
from sidecar.volume import Volume

BACKLOG = 1024
ASK_LIMIT = 8 * REQUEST_LIMIT
"""Bytes of what a connection may say; a request is three times as long at most once a courier has packed it."""
ASK_SECONDS = 20.0
"""How long a connection may take to say what it wants."""
READ_SECONDS = 60.0
"""How long a courier may leave what was sent to it unread."""
FLUSH_SECONDS = 2.0
log = logging.getLogger("sidecar.listener")

Line = Mapping[str, Any]
Answer = Callable[[dict[str, Any]], AsyncIterator[Line]]


class Listener:
    """Serves ``sidecar.sock``: ``answer`` gives the lines for what a courier asks, the closing one included."""

    def __init__(self, volume: Volume, answer: Answer) -> None:
        self._volume = volume
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._bound: tuple[int, int] | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Bind and listen, also where somebody has removed or replaced our socket; nothing where it is in its place.

        The name appears when a connection is taken, and a dead daemon's socket goes. Raises OSError.
        """
        if self._bound is not None and self._bound == self._identity(SOCKET):
            return
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        temporary = temporary_name()
        try:
            # A socket's path is short; through the held folder it always fits.
            listening.bind(f"/proc/self/fd/{self._volume.root}/{temporary}")
            os.chmod(temporary, 0o600, dir_fd=self._volume.root)
            bound = self._identity(temporary)
            server = await asyncio.start_unix_server(self._serve, sock=listening, backlog=BACKLOG, limit=ASK_LIMIT)
        except BaseException:
            listening.close()
            self._unlink(temporary)
            raise
        try:
            os.rename(temporary, SOCKET, src_dir_fd=self._volume.root, dst_dir_fd=self._volume.root)
        except BaseException:
            server.close()
            self._unlink(temporary)
            raise
        if self._server is not None:
            self._server.close()
        self._server, self._bound = server, bound

    async def close(self) -> None:
        """Take no more, give those who wait a moment to hear the end, and let go."""
        if self._server is not None:
            self._server.close()
            self._unlink(SOCKET)
        if self._talks:
            _, slow = await asyncio.wait(self._talks, timeout=FLUSH_SECONDS)
            for talk in slow:
                talk.cancel()
            await asyncio.gather(*slow, return_exceptions=True)

    def _identity(self, name: str) -> tuple[int, int] | None:
        try:
            found = os.stat(name, dir_fd=self._volume.root, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _unlink(self, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=self._volume.root)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.current_task()
        if talk is not None:
            self._talks.add(talk)
            talk.add_done_callback(self._talks.discard)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()
        except Exception:
            log.exception("a connection ended with a defect")
            writer.transport.abort()
        finally:
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                asked = decode(await _line(reader))
        except WireError as error:
            await _send(writer, error_line(RequestRejected(f"the courier's line is wrong: {error}")))
            return
        lines = self._answer(asked)
        # The courier sends nothing more: what can still be read is its end, and with that the answer's.
        left = asyncio.ensure_future(reader.read(1))
        try:
            await self._relay(lines, writer, left)
        finally:
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)

    async def _relay(
        self, lines: AsyncIterator[Line], writer: asyncio.StreamWriter, left: "asyncio.Future[bytes]"
    ) -> None:
        while True:
            following = asyncio.ensure_future(_next(lines))
            both: set[asyncio.Future[Any]] = {following, left}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
                return
            line = following.result()
            if line is None:
                return
            await _send(writer, line)


@contextlib.asynccontextmanager
async def refusing(volume: Volume, error: BackupError) -> AsyncIterator[None]:
    """Answer whoever asks with ``error``, as long as a sidecar can't do its work and somebody has to mend that."""

    async def refuse(asked: Mapping[str, Any]) -> AsyncIterator[Line]:
        yield error_line(error)

    listener = Listener(volume, refuse)
    try:
        # A socket that can't be made takes the answers away and nothing else.
        with contextlib.suppress(OSError):
            await listener.open()
        yield
    finally:
        await listener.close()


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        raise WireError(f"it is longer than {ASK_LIMIT} bytes") from None


async def _next(lines: AsyncIterator[Line]) -> Line | None:
    try:
        return await anext(lines, None)
    except BackupError as error:
        return error_line(error)
    except OSError as error:
        return error_line(_unwritten(error))
    except Exception:
        log.exception("a request ended with a defect")
        return error_line(InternalError("the sidecar has a defect: its log has the traceback"))


async def _send(writer: asyncio.StreamWriter, line: Line) -> None:
    writer.write(encode(line))
    async with asyncio.timeout(READ_SECONDS):
        await writer.drain()


def _unwritten(error: OSError) -> BackupError:
    from sidecar.disk_errors import on_request_volume

    told = on_request_volume(error)
    # It may hold, and asking again attaches to it: no end of what was asked for.
    return TransportError(told.message, hint=told.hint) if isinstance(error, Unflushed) else told
