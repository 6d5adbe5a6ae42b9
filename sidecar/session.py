"""One request volume from its lock to its loss: recovery, then intake, work and answers in one loop."""

import asyncio
import logging
from contextlib import suppress

from shared.lifecycle import State
from shared.protocol import BackupRequest, Progress
from shared.text import printable
from sidecar.acceptance import Acceptance
from sidecar.answers import Answers
from sidecar.checkup import Checkup
from sidecar.conclusion import interrupted
from sidecar.document import Document
from sidecar.files import sweep_temporary, write_whole
from sidecar.heap import give_back
from sidecar.hints import Hints
from sidecar.intake import Intake
from sidecar.job import Job
from sidecar.listener import Listener
from sidecar.mailbox import Letter, Mailbox
from sidecar.parts import Parts
from sidecar.path_rules import same_path
from sidecar.readiness import make_ready
from sidecar.records import Records
from sidecar.volume import STATUS, Volume, VolumeLost

LOOK_SECONDS = 30.0
UNWATCHED_LOOK_SECONDS = 2.0
COPY_SECONDS = 0.05
log = logging.getLogger("sidecar.session")


class Session:
    """Owns a volume while its lock is held. ``run`` ends by ``stop``, or raises VolumeLost."""

    def __init__(self, volume: Volume, parts: Parts, *, drained: bool = False) -> None:
        """``drained`` says that this daemon was drained before, and starts nothing on this volume either."""
        self.drained = drained
        self._volume = volume
        self._parts = parts
        self._records = Records(volume)
        # With wrong settings nothing runs, and which roots were meant isn't known: each request's end tells that.
        check = _no_check if parts.loaded.problems else Acceptance(parts.settings).check
        self._intake = Intake(self._records, parts.clock, check)
        self._intake.draining = drained
        self._mailbox = Mailbox(volume, parts.clock, self._deliver)
        self._job: Job | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._wake = asyncio.Event()
        self._hint = asyncio.Event()
        self._stopping = asyncio.Event()
        self._uncopied: Document | None = None
        self._copying: asyncio.TimerHandle | None = None
        self._copy_failed = False
        self._watched = False
        self._started = parts.clock.moment()

    async def run(self) -> None:
        """Recover what an earlier daemon left, then serve until stopped or the volume is lost."""
        for folder in (self._volume.root, self._volume.status, self._volume.refused):
            sweep_temporary(folder)
        if not await make_ready(self._volume, self._records, self._parts, self._stopping):
            return
        self._mailbox.recover(self._records.carries)
        self._records.on_change = self._changed
        self._uncopied = self._records.newest_change()
        self._copy_status()
        answers = Answers(self._volume, self._records, self._intake, self, self._checkup().checks)
        listener = Listener(self._volume, answers.answer)
        hints = Hints(self._volume.path, self._hint.set)
        try:
            await self._listen(listener)
            await self._serve(hints, listener)
        finally:
            hints.close()
            await listener.close()
            # A copy that is still to come would find the volume's descriptors closed, or another's in their place.
            if self._copying is not None:
                self._copying.cancel()

    def stop(self) -> None:
        """Start nothing more, end what runs as interrupted, and let ``run`` return."""
        self._intake.draining = True
        self._stopping.set()

    async def drain(self) -> None:
        """Start nothing more until a restart and end what runs; returns when no process of it is left."""
        self.drained = self._intake.draining = True
        log.info("draining: nothing more is started until a restart")
        self._interrupt("the sidecar was drained")
        await self._idle.wait()

    async def progress(self, name: str) -> Progress | None:
        """Give what the request of this name does now."""
        job = self._job
        return None if job is None or not job.answers_to(name) else await job.progress()

    def wish_changed(self, document: Document) -> None:
        """Have a job that is to be cancelled hear of it."""
        if self._job is not None and document.cancel_requested and self._job.name == document.id:
            self._job.cancel()

    async def _serve(self, hints: Hints, listener: Listener) -> None:
        log.info("the sidecar is ready", extra={"folder": self._volume.path})
        work = asyncio.create_task(self._work())
        look = asyncio.create_task(self._look_after(hints, listener))
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({work, look, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._intake.draining = True
            self._interrupt(_reason(stopped, look))
            look.cancel()
            stopped.cancel()
            idle = asyncio.create_task(self._idle.wait())
            # A job that can't publish its end on a lost volume ends by itself; a defect has no idle to wait for.
            await asyncio.wait({idle, work}, return_when=asyncio.FIRST_COMPLETED)
            idle.cancel()
            work.cancel()
            await asyncio.gather(work, look, stopped, idle, return_exceptions=True)
            self._copy_status()
        for task in done - {stopped}:
            task.result()

    async def _work(self) -> None:
        while True:
            queued = self._records.queued()
            if not queued or self._intake.draining:
                self._wake.clear()
                await self._wake.wait()
                continue
            self._idle.clear()
            self._job = Job(queued[0], self._volume, self._records, self._parts, self._started)
            try:
                await self._job.run()
            finally:
                self._job = None
                self._idle.set()
            self._sweep()
            give_back()

    async def _look_after(self, hints: Hints, listener: Listener) -> None:
        while True:
            self._hint.clear()
            self._volume.check()
            await self._listen(listener)
            self._watched = hints.ensure()
            wait = LOOK_SECONDS if self._watched else UNWATCHED_LOOK_SECONDS
            if not self._intake.draining:
                wait = min(wait, self._look())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._hint.wait()

    async def _listen(self, listener: Listener) -> None:
        """Have the socket in its place; the mailbox goes on without it."""
        try:
            await listener.open()
        except OSError as error:
            log.error("the sidecar's socket can't be made yet; trying again", extra={"error": str(error)})

    def _look(self) -> float:
        try:
            again = self._mailbox.look()
        except OSError as error:
            log.warning("the mailbox can't be read", extra={"error": str(error)})
            return UNWATCHED_LOOK_SECONDS
        return LOOK_SECONDS if again is None else again

    def _deliver(self, letter: Letter) -> bool:
        try:
            self._intake.receive(letter)
        except OSError as error:
            log.error("a request from the mailbox can't be put on the disk yet", extra={"error": str(error)})
            return False
        return True

    def _sweep(self) -> None:
        with suppress(OSError):
            self._records.sweep()

    def _interrupt(self, why: str) -> None:
        if self._job is not None:
            self._job.interrupt(interrupted(f"{why} while the backup was running"))
            if self._stopping.is_set():
                self._job.leave()

    def _changed(self, before: State | None, document: Document) -> None:
        if before is not document.state:
            reason = printable(document.message, 512) or None
            log.info(f"request {document.state}", extra={"id": document.id, "code": document.code, "reason": reason})
        if document.final and self._records.crowded:
            asyncio.get_running_loop().call_soon(self._sweep)
        if self._uncopied is None:
            # Not at once: a request's first changes follow each other in milliseconds, and need one copy.
            self._copy_later(COPY_SECONDS)
        self._uncopied = document
        # Here too: a cancel that is on the disk, and perhaps not for ever, is told to its courier as an error.
        self.wish_changed(document)
        self._wake.set()

    def _copy_status(self) -> None:
        document, self._uncopied = self._uncopied, None
        if document is None:
            return
        try:
            write_whole(self._volume.root, STATUS, document.to_json())
        except OSError as error:
            self._uncopied = document
            if not self._copy_failed:
                log.warning("backup.status can't be written; trying again", extra={"error": str(error)})
            self._copy_failed = True
            self._copy_later(UNWATCHED_LOOK_SECONDS)
        else:
            self._copy_failed = False

    def _copy_later(self, seconds: float) -> None:
        if self._copying is not None:
            self._copying.cancel()
        self._copying = asyncio.get_running_loop().call_later(seconds, self._copy_status)

    def _checkup(self) -> Checkup:
        return Checkup(self._parts, lambda: self._watched, lambda: self._intake.draining, self._writes_to, self._volume)

    def _writes_to(self, path: str) -> bool:
        """Say whether a backup into the target ``path`` is under way."""
        return any(
            document.state is State.RUNNING and same_path(document.backup_request().path, path)
            for document in self._records.under_way()
        )


def _no_check(request: BackupRequest) -> None:
    pass


def _reason(stopped: asyncio.Task[bool], look: asyncio.Task[None]) -> str:
    """Say why a session ends, from those of its tasks that have."""
    if stopped.done():
        return "the sidecar was shut down"
    if look.done() and isinstance(look.exception(), VolumeLost):
        return "the request folder was replaced"
    return "the sidecar met a defect"
