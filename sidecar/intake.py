"""Requests as they come in: accepted, attached to, refused or cancelled, and on the disk before the answer."""

import logging
import secrets
from collections.abc import Callable
from typing import Any

from shared.errors import BackupCancelled, BackupError, Drained, IdTaken, InternalError, RequestRejected, SidecarBusy
from shared.lifecycle import ResultState, State
from shared.protocol import BackupRequest, MailboxRequest, Submission
from shared.text import printable
from shared.wire import ID_RULE, is_id, is_request_name
from sidecar.clock import Clock
from sidecar.conclusion import settle
from sidecar.document import LAST_ATTEMPT, DatabaseResult, Document
from sidecar.mailbox import Letter
from sidecar.records import Records, attempt_name

QUEUE_LIMIT = 16
log = logging.getLogger("sidecar.intake")
_ECHO_LIMIT = 512


class Intake:
    """Decides on each request by the documents that are there, and publishes what it decided.

    ``check`` raises RequestRejected for a request that could never run here (path, names).
    """

    def __init__(self, records: Records, clock: Clock, check: Callable[[BackupRequest], None]) -> None:
        self._records = records
        self._clock = clock
        self._check = check
        self.draining = False

    def submit(self, request_id: str, submission: Submission) -> tuple[Document, bool]:
        """Accept a courier's request, or attach to it; the second value says attached.

        Raises RequestRejected, IdTaken, SidecarBusy, and OSError where it can't be put on the disk.
        """
        if not is_id(request_id):
            raise RequestRejected(f"{printable(request_id, 160)!r} is no id: an id is {ID_RULE}")
        request = BackupRequest.parse(submission.request)
        there = self._records.newest_attempt(request_id)
        if there is None:
            if self._records.is_taken(request_id):
                raise IdTaken(f"the id {request_id} belongs to a document that can't be read", hint=_OTHER_ID)
            return self._accept(request, request_id, word=submission.word), False
        self._records.ensure_flushed()
        if there.state is not State.REJECTED and there.backup_request() != request:
            raise IdTaken(f"the id {request_id} belongs to a request for something else", hint=_OTHER_ID)
        if not there.final or there.word == submission.word:
            return there, True
        if not submission.job:
            raise IdTaken(f"the request {request_id} has ended already ({there.state})", hint=_OTHER_ID)
        if may_try_again(there):
            return self._accept(request, request_id, word=submission.word, after=there), False
        return there, True

    def receive(self, letter: Letter) -> None:
        """Publish what became of a mailbox file: accepted, or refused with a document of its own.

        Raises OSError where that can't be put on the disk.
        """
        if self._records.carries(letter.taken):
            self._records.ensure_flushed()
            return
        try:
            if letter.content is None:
                raise RequestRejected(letter.problem, hint=_MAILBOX_HINT)
            asked = MailboxRequest.parse(letter.content)
            request_id = asked.id or f"mailbox-{secrets.token_hex(8)}"
            if self._records.newest_attempt(request_id) is not None or self._records.is_taken(request_id):
                raise IdTaken(f"the id {request_id} is already there", hint=_OTHER_ID)
            self._accept(asked.request(), request_id, taken=letter.taken)
        except BackupError as error:
            self._refuse(letter, error)
        except OSError:
            raise
        except Exception:
            # Whatever is wrong with us, this letter must not come back for ever.
            log.exception("a request from the mailbox met a defect", extra={"file": letter.taken})
            self._refuse(letter, InternalError("the sidecar has a defect: its log has the traceback"))

    def cancel(self, name: str) -> Document:
        """Have a request cancelled, on the disk before this returns; give what holds then.

        A request under way carries the wish, which its job and recovery honour. After an end that a Job
        would retry, the next attempt is published as cancelled. Any other end stays what it is.
        """
        document = self.find(name)
        if document.state is State.QUEUED:
            return self._cancel(document, BackupCancelled("the request was cancelled before its turn"))
        if not document.final:
            return document if document.cancel_requested else self._records.publish(_cancelling(document))
        if may_try_again(document):
            error = BackupCancelled("the request was cancelled after an attempt had failed")
            return self._cancel(self._next(document, word=None), error)
        return document

    def find(self, name: str) -> Document:
        """Give the newest attempt of an id, or the attempt that is named, as the disk keeps it.

        Raises RequestRejected where there is none, and OSError.
        """
        if not is_request_name(name):
            raise RequestRejected(f"{printable(name, 160)!r} names no request: an id is {ID_RULE}")
        self._records.ensure_flushed()
        document = self._records.newest_attempt(name)
        if document is None:
            raise RequestRejected(
                f"no request {name} is known here",
                hint="`neo4j-backup list` shows those that are. A replaced pod has a new, empty request volume.",
            )
        return document

    def _accept(
        self,
        request: BackupRequest,
        request_id: str,
        *,
        word: str | None = None,
        taken: str | None = None,
        after: Document | None = None,
    ) -> Document:
        if self.draining:
            raise Drained("the sidecar is being drained and starts nothing more", hint="Ask again after its restart.")
        self._check(request)
        waiting = len(self._records.queued())
        if waiting >= QUEUE_LIMIT:
            raise SidecarBusy(
                f"{waiting} requests are waiting already, and no more than {QUEUE_LIMIT} may",
                hint="Ask again later, or cancel one of them.",
            )
        if after is not None:
            return self._records.publish(self._next(after, word=word))
        return self._records.publish(self._new(request_id, request, State.QUEUED, word=word, taken=taken))

    def _new(
        self, name: str, request: BackupRequest, state: State, *, word: str | None = None, taken: str | None = None
    ) -> Document:
        moment = self._clock.moment()
        return Document(
            id=name,
            state=state,
            request=request.model_dump(mode="json"),
            accepted_at=self._clock.now(),
            number=self._records.next_number(),
            word=word,
            taken=taken,
            accepted_boot=moment.boot,
            accepted_seconds=moment.seconds,
        )

    def _next(self, document: Document, *, word: str | None) -> Document:
        """Give the attempt after ``document``: what succeeded stays, only what is missing is done again."""
        attempt = document.attempt + 1
        following = self._new(
            attempt_name(document.base_id, attempt), document.backup_request(), State.QUEUED, word=word
        )
        kept = tuple(
            result if result.state in _DONE else DatabaseResult(database=result.database) for result in document.results
        )
        return following.changed(attempt=attempt, results=kept)

    def _cancel(self, document: Document, error: BackupCancelled) -> Document:
        settled = document.changed(results=settle(document.results, error))
        return self._records.publish(settled.end(State.CANCELLED, self._clock.now(), error))

    def _refuse(self, letter: Letter, error: BackupError) -> None:
        moment = self._clock.moment()
        document = Document(
            id=f"refused-{secrets.token_hex(8)}",
            state=State.REJECTED,
            request=_echo(letter.content),
            accepted_at=None,
            number=self._records.next_number(),
            taken=letter.taken,
            accepted_boot=moment.boot,
            accepted_seconds=moment.seconds,
        )
        self._records.publish(document.end(State.REJECTED, self._clock.now(), error))


def may_try_again(document: Document) -> bool:
    """Say whether a Job's retry of an ended request makes a new attempt."""
    return document.state is State.FAILED and document.retryable and document.attempt < LAST_ATTEMPT


def _cancelling(document: Document) -> Document:
    return document.changed(cancel_requested=True)


def _echo(content: dict[str, object] | None) -> dict[str, Any]:
    """Repeat what was asked for, bounded: this is what its writer knows the refusal by."""
    echoed: dict[str, Any] = {}
    for key, value in list((content or {}).items())[:8]:
        shown = value if isinstance(value, bool | int | None) else printable(str(value), _ECHO_LIMIT)
        echoed[printable(key, 64)] = shown
    return echoed


_DONE = frozenset({ResultState.SUCCEEDED, ResultState.SKIPPED})
_OTHER_ID = "Use another id, or leave it out and one is made."
_MAILBOX_HINT = (
    "Write one JSON object into backup.request, such as "
    '{"path": "/backups/nightly", "type": "FULL", "database": "neo4j"}.'
)
