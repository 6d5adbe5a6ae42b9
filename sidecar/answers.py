"""What each verb of a courier is answered with, line by line."""

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from shared.errors import ConfigurationError, RequestRejected
from shared.protocol import Check, Progress, Submission
from shared.text import printable
from shared.wire import FOLLOW_SECONDS, REQUEST_LIMIT, Verb, WireError, decode
from sidecar.document import Document
from sidecar.intake import Intake
from sidecar.records import Records
from sidecar.volume import Volume

BEAT_SECONDS = 5.0
"""How often a follower hears of progress; well inside the 10 s that it is promised."""
DRAIN_BEAT_SECONDS = 10.0
_LIST_LIMIT = 2000
_LOG_CHUNK = 64 * 1024
_LOG_LINE = 256 * 1024

Lines = AsyncIterator[dict[str, Any]]


class Work(Protocol):
    """What the verbs ask of the one who runs the backups."""

    def progress(self, name: str) -> Awaitable[Progress | None]:
        """Give what the request of this name does now; None where it isn't running."""

    def wish_changed(self, document: Document) -> None:
        """Hear that a cancel was put on the disk."""

    def drain(self) -> Awaitable[None]:
        """Start nothing more, end what runs; done when no process of it is left."""


class Answers:
    """Answers couriers from the records; what has to be decided is the intake's to decide."""

    def __init__(
        self,
        volume: Volume,
        records: Records,
        intake: Intake,
        work: Work,
        checks: Callable[[str | None], AsyncIterator[Check]],
    ) -> None:
        self._volume = volume
        self._records = records
        self._intake = intake
        self._work = work
        self._checks = checks

    async def answer(self, asked: dict[str, Any]) -> Lines:
        """Give the lines for one courier's line; a BackupError that is raised is the last of them."""
        verb, name, given = _parse(asked)
        exit_code = 0
        match verb:
            case Verb.FOLLOW:
                async for document, progress in self._follow(name):
                    exit_code = document.exit_code or 0
                    yield _status(document, progress)
            case Verb.LIST:
                for line in self._list(given):
                    yield line
            case Verb.LOG:
                async for line in self._log(name):
                    yield line
            case Verb.FACTS:
                async for line in self._facts(given):
                    yield line
            case Verb.DRAIN:
                async for line in self._drain():
                    yield line
            case _:
                yield await self._at_once(verb, name, given)
        yield _end(exit_code)

    async def _at_once(self, verb: Verb, name: str, given: str) -> dict[str, Any]:
        """Give the one line of a verb that has no more."""
        match verb:
            case Verb.SUBMIT:
                return self._submit(name, given)
            case Verb.CANCEL:
                document = self._intake.cancel(name)
                self._work.wish_changed(document)
                return _status(document)
            case Verb.GET:
                return _status(self._intake.find(name), await self._work.progress(name))
            case _:
                under_way = self._records.under_way()
                return {"probe": {"under_way": len(under_way), "draining": self._intake.draining}}

    def _submit(self, name: str, given: str) -> dict[str, Any]:
        if len(given) > REQUEST_LIMIT:
            raise RequestRejected(f"the submission is longer than {REQUEST_LIMIT} bytes")
        document, attached = self._intake.submit(name, Submission.parse(_options(given)))
        return _status(document) | {"attached": attached}

    def _list(self, given: str) -> Iterator[dict[str, Any]]:
        # One at a time: a thousand documents held at once would stay ours, 3 MiB of the 40 that we may idle with.
        limit = _options(given).get("limit", _LIST_LIMIT)
        if not isinstance(limit, int) or isinstance(limit, bool) or not 0 < limit <= _LIST_LIMIT:
            raise RequestRejected(f"the limit has to be a number from 1 to {_LIST_LIMIT}")
        self._records.ensure_flushed()
        for document in islice(self._records.newest_first(), limit):
            yield _status(document)

    async def _follow(self, name: str) -> AsyncIterator[tuple[Document, Progress | None]]:
        loop = asyncio.get_running_loop()
        until = loop.time() + FOLLOW_SECONDS
        name = self._intake.find(name).id
        with self._records.watch(name) as changed:
            while loop.time() < until:
                changed.clear()
                document = self._intake.find(name)
                yield document, await self._work.progress(name)
                if document.final:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_SECONDS):
                        await changed.wait()

    async def _facts(self, given: str) -> Lines:
        path = _options(given).get("path")
        async for check in self._checks(path if isinstance(path, str) else None):
            yield {"check": check.model_dump(mode="json")}

    async def _log(self, name: str) -> Lines:
        document = self._intake.find(name)
        try:
            # O_NONBLOCK: who shares the volume may put a FIFO there, which would hold up the loop.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(f"{document.id}.log", flags, dir_fd=self._volume.logs)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ConfigurationError(f"the log of {document.id} can't be read: {error.strerror}") from error
        kept = b""
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigurationError(f"the log of {document.id} can't be read: it is not a plain file")
            while chunk := os.read(descriptor, _LOG_CHUNK):
                whole, newline, rest = (kept + chunk).rpartition(b"\n")
                if not newline:
                    if len(rest) < _LOG_LINE:
                        kept = rest
                        continue
                    # None of ours: somebody else has put it there, and it may go on for ever.
                    whole, rest = rest, b""
                for line in whole.split(b"\n"):
                    yield _text(line)
                kept = rest
            if kept:
                yield _text(kept)
        finally:
            os.close(descriptor)

    async def _drain(self) -> Lines:
        drained = asyncio.ensure_future(self._work.drain())
        while True:
            done, _ = await asyncio.wait({drained}, timeout=DRAIN_BEAT_SECONDS)
            if done:
                drained.result()
                return
            yield {"draining": {"under_way": len(self._records.under_way())}}


def _parse(asked: dict[str, Any]) -> tuple[Verb, str, str]:
    verb, name, given = asked.get("verb"), asked.get("id"), asked.get("input")
    try:
        return Verb(str(verb)), name if isinstance(name, str) else "", given if isinstance(given, str) else ""
    except ValueError:
        raise RequestRejected(
            f"{printable(str(verb), 64)!r} is nothing that this sidecar can do",
            hint="The trigger may be newer than the sidecar: use the same release of both.",
        ) from None


def _options(given: str) -> dict[str, Any]:
    if not given.strip():
        return {}
    try:
        return decode(given)
    except WireError as error:
        raise RequestRejected(f"the standard input is wrong: {error}") from None


def _status(document: Document, progress: Progress | None = None) -> dict[str, Any]:
    status = document.public()
    if progress is not None and not document.final:
        status["progress"] = progress.model_dump(mode="json")
    return {"status": status}


def _text(line: bytes) -> dict[str, Any]:
    return {"text": line.decode("utf-8", "replace")}


def _end(exit_code: int) -> dict[str, Any]:
    return {"end": {"exit_code": exit_code}}
