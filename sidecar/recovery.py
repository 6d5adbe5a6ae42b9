"""What a daemon finds at its start: a run that died with the one before, and requests that it left running."""

import logging
import os
import threading

from shared.errors import BackupError
from shared.lifecycle import ResultState, State
from sidecar.conclusion import cancelled, conclude, interrupted, settle
from sidecar.document import Document
from sidecar.leftovers import clean_up
from sidecar.neo4j_admin.carriers import Family, end_carriers
from sidecar.parts import Parts
from sidecar.records import Records
from sidecar.run_record import NoRecord, RunRecord
from sidecar.threads import in_time
from sidecar.volume import Volume

TIDY_SECONDS = 120.0
"""How long a target may take to be tidied: a volume that hangs must not keep the requests' ends from being told."""
_SAYS_NOTHING = (
    "run.json says nothing of it, so that what it left was not set aside: see whether a neo4j-admin still runs, "
    "and have `neo4j-backup check --path` look at the target"
)
log = logging.getLogger("sidecar.recovery")


class Recovery:
    """Ends what runs, sets aside what it left, clears its temporary folder, and only then tells its end."""

    def __init__(self, volume: Volume, records: Records, parts: Parts) -> None:
        self._volume = volume
        self._records = records
        self._parts = parts
        self._said: dict[str, tuple[str, ...]] = {}

    async def run(self) -> None:
        """Recover; again where it has raised, and then what was done before is told all the same.

        Raises OSError where an end can't be told, since nothing may begin before it is, and HeldUp.
        """
        # The one before may have died between the rename of a document and this: what is told of it from here on
        # holds.
        os.fsync(self._volume.status)
        said: tuple[str, ...] = ()
        nothing: NoRecord | None = None
        try:
            record = RunRecord.read(self._volume)
        except NoRecord as error:
            # Documents are ended all the same; who shares the volume may have put anything there.
            record, nothing, said = None, error, (_SAYS_NOTHING,)
            log.warning("run.json is no record of a run, and is removed", extra={"reason": str(error)})
        if record is not None:
            self._records.expect(record.id)
            said = self._said.get(record.word) or await self._end_run(record)
            self._said[record.word] = said
        for document in self._records.under_way():
            if document.state in (State.RUNNING, State.UPLOADING):
                notes = said if nothing is not None or (record is not None and record.id == document.id) else ()
                self._records.publish(_ended(document, notes, self._parts))
        if record is not None or nothing is not None:
            RunRecord.remove(self._volume)

    async def _end_run(self, record: RunRecord) -> tuple[str, ...]:
        """End the run's processes and tidy after it; give what is to be told of that."""
        said: tuple[str, ...] = ()
        lived = bool(Family(record.word).living())
        left = await end_carriers(record.word, self._parts.settings.grace)
        if left:
            said = (f"processes {', '.join(map(str, left))} of it can't be ended: they wait for a disk",)
        # Whoever may write the volume may have put the record there: only a document of ours makes it true.
        if _is_under_way(self._records, record):
            said += await _tidied(record, self._parts, lived=lived)
        log.warning(
            "an earlier sidecar died during a run", extra={"id": record.id, "database": record.database, "done": said}
        )
        return said


async def _tidied(record: RunRecord, parts: Parts, *, lived: bool) -> tuple[str, ...]:
    late = threading.Event()
    roots = parts.settings.allowed_roots

    def tidy() -> tuple[str, ...]:
        return clean_up(record, roots, stopped=late.is_set, lived=lived)

    said = await in_time(tidy, TIDY_SECONDS, surely=True)
    late.set()
    return (f"{record.target} doesn't answer and was not tidied",) if said is None else said


def _is_under_way(records: Records, record: RunRecord) -> bool:
    """Say whether ``record`` is of a run that its request's document tells of, and whose result is not in it yet."""
    for document in records.under_way():
        if document.id == record.id and document.request.get("path") == record.target:
            running = (result.database for result in document.results if result.state is ResultState.RUNNING)
            return record.database in running
    return False


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
