"""One request from its turn to its end: its databases one by one, each change on the disk before what it names."""

import asyncio
import contextlib
import logging

from shared.errors import (
    BackupError,
    BackupInterrupted,
    ConfigurationError,
    InternalError,
    RequestExpired,
    RequestRejected,
    ServerUnavailable,
)
from shared.lifecycle import ResultState, State
from shared.protocol import BackupRequest, Progress
from sidecar.acceptance import Acceptance
from sidecar.clock import Moment
from sidecar.conclusion import cancelled, conclude, settle
from sidecar.data_folder import databases_held
from sidecar.document import DatabaseResult, Document
from sidecar.examination import FOLDER_SECONDS
from sidecar.files import Unflushed
from sidecar.neo4j_admin.databases import expand
from sidecar.outcome import Outcome, defect
from sidecar.parts import Parts
from sidecar.preparation import Prepared
from sidecar.records import Records, attempt_name
from sidecar.run import Run
from sidecar.run_record import RunRecord
from sidecar.server import await_connection
from sidecar.stop_sign import StopSign
from sidecar.volume import Volume, VolumeLost

EXPIRES_SECONDS = 6 * 3600.0
_RETRY_SECONDS = 2.0
log = logging.getLogger("sidecar.job")


class Unpublished(Exception):
    """A request's end is not on the disk; what is there tells recovery that it was running."""


class Job:
    """Runs a queued request. ``run`` returns when its document is final, whatever happened to it.

    Only a volume that is lost, or a shutdown while it can't be written, ends ``run`` without that.
    """

    def __init__(self, document: Document, volume: Volume, records: Records, parts: Parts, started: Moment) -> None:
        self.name = document.id
        self._volume = volume
        self._records = records
        self._parts = parts
        self._started = started
        self._sign = StopSign()
        self._run: Run | None = None
        self._unwritten = ""
        self._leaving = False

    def cancel(self) -> None:
        """End it as cancelled; the wish is on the disk already."""
        self._sign.show(cancelled())

    def interrupt(self, error: BackupInterrupted) -> None:
        """End it as interrupted."""
        self._sign.show(error)

    def leave(self) -> None:
        """Give up on a status that can't be written: the process has to go, and recovery tells the end."""
        self._leaving = True

    def answers_to(self, name: str) -> bool:
        """Say whether ``name`` is this request's, or its id without the attempt."""
        return name in (self.name, self.name.partition("~")[0])

    async def progress(self) -> Progress | None:
        """Give what it does now, also where that is to wait until its status can be written."""
        if self._unwritten:
            results = self._document.results
            running = next((each.database for each in results if each.state is ResultState.RUNNING), "all")
            return Progress(database=running, stage=f"its status can't be written: {self._unwritten}; trying again")
        return None if self._run is None else await self._run.progress()

    async def run(self) -> None:
        """Take the request to its end."""
        try:
            if self._expired():
                error = RequestExpired(
                    f"its turn came more than {EXPIRES_SECONDS / 3600:.0f} hours after it was accepted",
                    hint="Ask again if the backup is still wanted; `neo4j-backup list` shows what took so long.",
                )
                await self._publish(self._document.end(State.FAILED, self._parts.clock.now(), error))
                return
            await self._back_up()
        except (VolumeLost, Unpublished):
            raise
        except BackupError as error:
            if isinstance(error, BackupInterrupted) and self._document.state is State.QUEUED:
                # It was only looked at: it stays queued, and is run after the restart.
                return
            await self._finish(error)
        except Exception as error:
            log.exception("a request met a defect", extra={"id": self.name})
            await self._finish(defect(error))

    @property
    def _document(self) -> Document:
        document = self._records.get(self.name)
        if document is None:
            raise InternalError(f"the document of {self.name} can't be read any more")
        return document

    def _expired(self) -> bool:
        accepted = self._document.accepted_moment
        now = self._parts.clock.moment()
        waited = accepted.seconds_until(now)
        # After a reboot there is no telling how long it waited before: counted anew from this start.
        if waited is None:
            waited = self._started.seconds_until(now) or 0.0
        return waited > EXPIRES_SECONDS

    async def _back_up(self) -> None:
        self._sign.check()
        request = self._document.backup_request()
        results, named = await self._databases(request)
        results = _begun(results)
        started = self._document.changed(state=State.RUNNING, started_at=self._parts.clock.now(), results=results)
        await self._publish(started)
        prepared = await self._parts.preparation.prepare(self._sign)
        await self._await_server()
        while (running := next((each for each in results if each.state is ResultState.RUNNING), None)) is not None:
            self._sign.check()
            outcome = await self._run_one(running.database, request, prepared, named)
            results = tuple(outcome.result if each is running else each for each in results)
            changed = self._document.changed(
                results=results,
                output_tail=outcome.output_tail or self._document.output_tail,
                warnings=tuple(dict.fromkeys((*self._document.warnings, *outcome.warnings))),
            )
            following = _begun(results)
            if self._sign.error is not None or following == results:
                await self._conclude(changed, self._sign.error)
                await self._forget_run()
                return
            results = following
            await self._publish(changed.changed(results=results))
            await self._forget_run()
        await self._conclude(self._document, None)

    async def _await_server(self) -> None:
        """Give a server time that was away at the attempt before: it may still be starting, and attempts are few."""
        before = self._records.get(attempt_name(self._document.base_id, self._document.attempt - 1))
        if self._document.attempt == 1 or before is None or before.code != ServerUnavailable.code:
            return
        settings = self._parts.settings
        log.info("waiting for the server", extra={"id": self.name, "seconds": settings.server_wait})
        await await_connection(settings.from_, settings.server_wait, self._sign.event)
        self._sign.check()

    async def _databases(self, request: BackupRequest) -> tuple[tuple[DatabaseResult, ...], frozenset[str]]:
        """Give a result to fill for each database, and the names that the request named itself."""
        data = self._parts.settings.data
        late = ConfigurationError(
            f"{data} or {request.path} didn't answer within {FOLDER_SECONDS:.0f} s",
            hint="A volume hangs or is very slow: see how the node and the storage are.",
        )
        held = await self._sign.guard(lambda: self._look(request), FOLDER_SECONDS, late)
        expansion = expand(request.database or (), held or ())
        if held is None and len(expansion.named) < len(request.database or ("*",)):
            raise ConfigurationError(
                f"which databases there are can't be told: {data}/databases is not there",
                hint="Mount Neo4j's data volume into the sidecar (NEO4J_BACKUP_DATA), or name each database.",
            )
        if expansion.unmatched:
            raise ConfigurationError(
                f"no database here matches {', '.join(expansion.unmatched)}; there are: {', '.join(held or ())}",
                hint="Correct the pattern; it has to match a database that this server holds.",
            )
        if not expansion.databases:
            raise ConfigurationError(
                f"this server holds no database: {data}/databases has none",
                hint="NEO4J_BACKUP_DATA has to be Neo4j's data folder.",
            )
        there = {result.database: result for result in self._document.results}
        fresh = tuple(there.get(name) or DatabaseResult(database=name) for name in expansion.databases)
        # An earlier attempt's databases stay in the request also where one was dropped meanwhile.
        gone = tuple(result for name, result in there.items() if name not in expansion.databases)
        return (*fresh, *gone), expansion.named

    def _look(self, request: BackupRequest) -> tuple[str, ...] | None:
        """Check the request again, since settings and folders may be others by now; give the databases held."""
        if (problem := self._parts.loaded.problem()) is not None:
            raise problem
        try:
            Acceptance(self._parts.settings).check(request)
        except RequestRejected as error:
            raise ConfigurationError(error.message, hint=error.hint) from error
        return databases_held(self._parts.settings.data)

    async def _run_one(
        self, database: str, request: BackupRequest, prepared: Prepared, named: frozenset[str]
    ) -> Outcome:
        self._run = Run(
            database,
            request,
            prepared,
            self._parts,
            self._volume,
            self._sign,
            name=self.name,
            may_skip=database not in named,
            stage_changed=lambda: self._records.notify(self.name),
        )
        try:
            return await self._run.execute()
        finally:
            self._run = None

    async def _finish(self, error: BackupError) -> None:
        """End the request with an error that is not one database's own."""
        document = self._document
        if document.final:
            return
        stopped = self._sign.error is error
        results = settle(document.results, error)
        if stopped or not document.results:
            state = State.CANCELLED if stopped and not isinstance(error, BackupInterrupted) else State.FAILED
            await self._publish(document.changed(results=results).end(state, self._parts.clock.now(), error))
        else:
            await self._conclude(document.changed(results=results), None)
        await self._forget_run()

    async def _conclude(self, document: Document, stopped: BackupError | None) -> None:
        conclusion = conclude(document.results, stopped)
        if stopped is not None:
            document = document.changed(results=settle(document.results, stopped))
        now = self._parts.clock.now()
        await self._publish(document.end(conclusion.state, now, conclusion.error, conclusion.message))

    async def _publish(self, document: Document) -> None:
        """Publish, and where the disk won't have it now, try again until it does."""
        told = there = False
        while True:
            try:
                if there:
                    self._records.ensure_flushed()
                else:
                    self._records.publish(document)
            except OSError as error:
                there = there or isinstance(error, Unflushed)
                self._volume.check()
                if self._leaving and told:
                    raise Unpublished(f"the end of {self.name} can't be written, and the sidecar has to go") from error
                if not told:
                    log.error("a status can't be written; trying again", extra={"id": self.name, "error": str(error)})
                told = True
                self._unwritten = error.strerror or str(error)
                self._records.notify(self.name)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._unwritten = ""
                return

    async def _forget_run(self) -> None:
        with contextlib.suppress(OSError):
            RunRecord.remove(self._volume)


def _begun(results: tuple[DatabaseResult, ...]) -> tuple[DatabaseResult, ...]:
    """Give the results with the first that waits for its turn as running; the same where none does."""
    for index, result in enumerate(results):
        if result.state is ResultState.PENDING:
            return (*results[:index], result.changed(state=ResultState.RUNNING), *results[index + 1 :])
    return results
