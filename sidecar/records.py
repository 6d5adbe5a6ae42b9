"""The documents on the volume: published whole, indexed in memory, swept when they are many."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from shared.errors import InternalError, TransportError
from shared.lifecycle import State, may_follow
from shared.wire import WireError, decode, is_request_name
from sidecar.document import HIGHEST, LAST_ATTEMPT, Document
from sidecar.files import NotAFile, Unflushed, flush_names, read_own, write_whole
from sidecar.held_up import HeldUp
from sidecar.log_sweep import sweep_logs
from sidecar.volume import Volume

DOCUMENT_LIMIT = 4 * 1024 * 1024
KEEP_ENDED = 1000
KEEP_REFUSED = 100
KEEP_LOG_BYTES = 256 * 1024 * 1024
_SWEEP_EVERY = 20
_SUFFIX = ".json"
log = logging.getLogger("sidecar.records")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is held in memory of a document that has ended; the rest is read when somebody asks."""

    state: State
    number: int
    revision: int
    taken: str | None


class Records:
    """All requests of a volume.

    Documents under way are held whole, ended ones as an Entry. ``publish`` is the only way to change one.
    """

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._live: dict[str, Document] = {}
        self._ended: dict[str, Entry] = {}
        self._foreign: set[str] = set()
        self._unread: dict[str, OSError] = {}
        self._unflushed: set[str] = set()
        self._watches: dict[str, set[asyncio.Event]] = {}
        self._ended_since_sweep = 0
        self._next_number = 1
        self._next_revision = 1
        self._newest: tuple[int, str] | None = None
        self.on_change: Callable[[State | None, Document], None] = lambda before, after: None

    def load(self, *, without: bool = False) -> None:
        """Read every document that wasn't read yet; one that is none keeps its name taken and is left where it is.

        Raises HeldUp for one that the disk doesn't give now, unless all is to go on ``without`` those: then their
        names are taken, and whoever asks for them is told.
        """
        for name in os.listdir(self._volume.status):
            request = name.removesuffix(_SUFFIX)
            if not name.endswith(_SUFFIX) or name.startswith(".") or self.is_taken(request):
                continue
            try:
                document = self._read(request)
            except FileNotFoundError:
                continue
            except OSError as error:
                if not without:
                    raise HeldUp(_unread(request, error)) from error
                log.error("a document can't be read", extra={"file": f"status/{name}", "error": str(error)})
                self._unread[request] = error
                continue
            if document is None:
                self._foreign.add(request)
                log.warning("a document can't be read and is left alone", extra={"file": f"status/{name}"})
            else:
                self._hold(document)

    def expect(self, name: str) -> None:
        """Raise HeldUp where the document ``name`` is one of those that the disk didn't give."""
        if name in self._unread:
            raise HeldUp(_unread(name, self._unread[name]))

    def publish(self, document: Document) -> Document:
        """Put ``document`` on the disk as its request's newest state and give it with its revision.

        Raises InternalError for a transition that the lifecycle forbids, and OSError, after which the
        document that was there still holds. Raises Unflushed where the new one holds, as whoever reads the
        file sees it, and ``ensure_flushed`` has to come before anybody is told.
        """
        live = self._live.get(document.id)
        before = self._state(document.id)
        if document.id in self._foreign or document.id in self._unread or not may_follow(before, document.state):
            was = before or "no document that can be read"
            raise InternalError(f"request {document.id} can't go from {was} to {document.state}")
        # A cancel that was answered stays, also where the change was made up before it.
        cancel = document.cancel_requested or (live is not None and live.cancel_requested)
        published = document.changed(revision=self._next_revision, cancel_requested=cancel)
        problem: Unflushed | None = None
        try:
            write_whole(self._volume.status, document.id + _SUFFIX, published.to_json())
        except Unflushed as error:
            problem = error
        self._hold(published)
        self._unflushed.add(published.id)
        if problem is None:
            self._flushed()
        self.on_change(before, published)
        if problem is not None:
            raise problem
        return published

    def ensure_flushed(self) -> None:
        """Have the disk keep all that was published. Raises Unflushed."""
        if self._unflushed:
            flush_names(self._volume.status)
            self._flushed()

    def _flushed(self) -> None:
        names, self._unflushed = self._unflushed, set()
        for name in names:
            self.notify(name)

    def next_number(self) -> int:
        """Give the number that puts a new request at the queue's end."""
        number = self._next_number
        self._next_number = _after(number)
        return number

    def get(self, name: str) -> Document | None:
        """Give the document of exactly this name.

        Raises TransportError, which is worth another try, for one that is there and can't be read now.
        """
        if name in self._unread:
            raise _unread(name, self._unread[name])
        live = self._live.get(name)
        if live is not None or name not in self._ended:
            return live
        try:
            document = self._read(name)
        except OSError as error:
            raise _unread(name, error) from error
        if document is None:
            raise TransportError(
                f"the document of {name} is there and can't be read", hint="The sidecar's log says more."
            )
        return document

    def newest_attempt(self, request: str) -> Document | None:
        """Give the newest attempt of the id ``request``; an attempt's own name gives that attempt."""
        if "~" in request:
            return self.get(request)
        for attempt in range(LAST_ATTEMPT, 1, -1):
            document = self.get(attempt_name(request, attempt))
            if document is not None:
                return document
        return self.get(request)

    def is_taken(self, name: str) -> bool:
        """Say whether a document of this name exists, readable or not."""
        return any(name in known for known in (self._live, self._ended, self._foreign, self._unread))

    def under_way(self) -> list[Document]:
        """Give the documents that are not final, in the queue's order."""
        return sorted(self._live.values(), key=lambda document: document.number)

    def queued(self) -> list[Document]:
        """Give the documents that wait for their turn, in order."""
        return [document for document in self.under_way() if document.state is State.QUEUED]

    def newest_change(self) -> Document | None:
        """Give the document that changed last."""
        with contextlib.suppress(TransportError):
            return None if self._newest is None else self.get(self._newest[1])
        return None

    def newest_first(self) -> Iterator[Document]:
        """Give every document, the one accepted last first."""
        numbers = {name: entry.number for name, entry in self._ended.items()}
        numbers.update((name, document.number) for name, document in self._live.items())
        for name in sorted(numbers, key=numbers.__getitem__, reverse=True):
            with contextlib.suppress(TransportError):
                document = self.get(name)
                if document is not None:
                    yield document

    def carries(self, taken: str) -> bool:
        """Say whether a document came from the taken mailbox file of this name."""
        return taken in {held.taken for held in self._live.values()} | {held.taken for held in self._ended.values()}

    @contextlib.contextmanager
    def watch(self, name: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at each change of the document ``name``."""
        event = asyncio.Event()
        watchers = self._watches.setdefault(name, set())
        watchers.add(event)
        try:
            yield event
        finally:
            watchers.discard(event)
            if not watchers:
                self._watches.pop(name, None)

    def notify(self, name: str) -> None:
        """Wake those who watch ``name``."""
        for event in self._watches.get(name, ()):
            event.set()

    @property
    def crowded(self) -> bool:
        """Say whether enough requests have ended since the last sweep for another to be worth it."""
        return self._ended_since_sweep >= _SWEEP_EVERY

    def sweep(self) -> None:
        """Remove the oldest ended documents beyond what is kept, and the oldest logs beyond their size."""
        self._ended_since_sweep = 0
        busy = {document.base_id for document in self._live.values()}
        refused = sorted(_of(self._ended, rejected=True), key=_by_revision)
        ended = sorted(_of(self._ended, rejected=False), key=_by_revision)
        surplus = refused[: max(0, len(refused) - KEEP_REFUSED)] + ended[: max(0, len(ended) - KEEP_ENDED)]
        for name, _ in surplus:
            if name.partition("~")[0] in busy:
                continue
            with contextlib.suppress(OSError):
                os.unlink(f"{name}.log", dir_fd=self._volume.logs)
            # A power cut may bring one back: it is swept again.
            with contextlib.suppress(OSError):
                os.unlink(name + _SUFFIX, dir_fd=self._volume.status)
                del self._ended[name]
        revisions = {name: entry.revision for name, entry in self._ended.items()}
        sweep_logs(self._volume.logs, revisions, busy, KEEP_LOG_BYTES)

    def _state(self, name: str) -> State | None:
        held = self._live.get(name) or self._ended.get(name)
        return None if held is None else held.state

    def _read(self, name: str) -> Document | None:
        """Give a document, None for what is none of ours. Raises OSError where the disk doesn't give it."""
        try:
            data = read_own(self._volume.status, name + _SUFFIX, DOCUMENT_LIMIT, owner=self._volume.owner)
            document = Document.model_validate(decode(data))
        except (NotAFile, WireError, ValidationError) as error:
            log.warning("a document can't be read", extra={"id": name, "error": str(error)[:200]})
            return None
        return document if document.id == name and is_request_name(name) else None

    def _hold(self, document: Document) -> None:
        self._next_number = max(self._next_number, _after(document.number))
        self._next_revision = max(self._next_revision, _after(document.revision))
        if self._newest is None or document.revision > self._newest[0]:
            self._newest = (document.revision, document.id)
        if document.final:
            self._live.pop(document.id, None)
            self._ended_since_sweep += 1
            self._ended[document.id] = Entry(document.state, document.number, document.revision, document.taken)
        else:
            self._live[document.id] = document


def attempt_name(request: str, attempt: int) -> str:
    """Give the name of an attempt: the id itself for the first, then ``<id>~2`` and ``<id>~3``."""
    return request if attempt == 1 else f"{request}~{attempt}"


def _unread(name: str, error: OSError) -> TransportError:
    return TransportError(
        f"the document of {name} is there and can't be read now: {error.strerror or error}",
        hint=f"See how the request volume is, and status/{name}{_SUFFIX} there; a sidecar reads it at its start.",
    )


def _after(ordinal: int) -> int:
    """Give the next number or revision; at the end of all, where only a forged one leads, there are equal ones."""
    return min(ordinal + 1, HIGHEST)


def _of(entries: dict[str, Entry], *, rejected: bool) -> list[tuple[str, Entry]]:
    return [(name, entry) for name, entry in entries.items() if (entry.state is State.REJECTED) == rejected]


def _by_revision(item: tuple[str, Entry]) -> int:
    return item[1].revision
