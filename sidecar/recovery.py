"""What a daemon finds at its start: a run that died with the one before, and requests that it left running."""

import asyncio
import logging
import re

from shared.errors import BackupError
from shared.lifecycle import ResultState, State
from sidecar.conclusion import cancelled, conclude, interrupted, settle
from sidecar.document import Document
from sidecar.leftovers import clean_up
from sidecar.neo4j_admin.carriers import end_carriers
from sidecar.parts import Parts
from sidecar.records import Records
from sidecar.run_record import RunRecord
from sidecar.volume import Volume

_WORD = re.compile(r"[0-9a-f]{32}")
log = logging.getLogger("sidecar.recovery")


async def recover(volume: Volume, records: Records, parts: Parts) -> None:
    """End what runs, set aside what it left, clear its temporary folder, and only then tell its end.

    Raises OSError where an end can't be told, since nothing may begin before it is.
    """
    record = _record_left(volume)
    said: tuple[str, ...] = ()
    if record is not None:
        left = await end_carriers(record.word, parts.settings.grace)
        if left:
            said = (f"processes {', '.join(map(str, left))} of it can't be ended: they wait for a disk",)
        document = records.get(record.id)
        if document is None or not _has_result(document, record.database):
            said += await asyncio.to_thread(clean_up, record, parts.settings.allowed_roots)
        log.warning(
            "an earlier sidecar died during a run", extra={"id": record.id, "database": record.database, "done": said}
        )
    for document in records.under_way():
        if document.state in (State.RUNNING, State.UPLOADING):
            notes = said if record is not None and record.id == document.id else ()
            records.publish(_ended(document, notes, parts))
    if record is not None:
        RunRecord.remove(volume)


def _record_left(volume: Volume) -> RunRecord | None:
    """Give the record of a run that was cut off; None where there is none that a daemon can have written."""
    record = RunRecord.read(volume)
    return record if record is not None and _WORD.fullmatch(record.word) else None


def _has_result(document: Document, database: str) -> bool:
    settled = (ResultState.SUCCEEDED, ResultState.FAILED, ResultState.CANCELLED, ResultState.SKIPPED)
    return any(result.database == database and result.state in settled for result in document.results)


def _ended(document: Document, notes: tuple[str, ...], parts: Parts) -> Document:
    """Give the end of a request that was running when its daemon died."""
    done = f" ({'; '.join(notes)})" if notes else ""
    if document.cancel_requested:
        error: BackupError = cancelled(done)
    else:
        error = interrupted(f"the sidecar was restarted while the backup was running{done}")
    conclusion = conclude(document.results, error)
    results = settle(document.results, error)
    return document.changed(results=results).end(
        conclusion.state, parts.clock.now(), conclusion.error, conclusion.message
    )
