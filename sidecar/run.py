"""The backup of one database, from what is checked before it to what is proven after it."""

import asyncio
import logging
import os
import secrets
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from shared.durations import format_duration
from shared.errors import BackupError, BackupTimedOut, ConfigurationError
from shared.lifecycle import ResultState
from shared.protocol import BackupRequest, Progress
from sidecar.abandoned import clear_abandoned
from sidecar.artifact_names import artifacts_of
from sidecar.cgroup import read_memory
from sidecar.data_folder import folder_bytes
from sidecar.disk_errors import on_request_volume
from sidecar.document import DatabaseResult
from sidecar.examination import FOLDER_SECONDS, PROOF_SECONDS, VOLUME_HINT, gather_facts, prove
from sidecar.execution import Execution
from sidecar.leftovers import set_aside_new
from sidecar.measure import Measure
from sidecar.neo4j_admin.command import secrets as secret_values
from sidecar.neo4j_admin.diagnosis import diagnose, skippable
from sidecar.neo4j_admin.output import Observed
from sidecar.outcome import Outcome, defect, failed, noted, plan_warnings, skipped, succeeded, version_warning
from sidecar.parts import Parts
from sidecar.plan import Plan
from sidecar.planning import Planning
from sidecar.preparation import Prepared
from sidecar.proof import ArtifactUnread, Proven
from sidecar.run_record import RunRecord
from sidecar.server import server_version
from sidecar.stop_sign import StopSign
from sidecar.target import Target, open_target
from sidecar.target_lock import held
from sidecar.temporary import clear_temporary, folder_of_runs, make_temporary
from sidecar.threads import in_background, in_time
from sidecar.volume import Volume

WALKING = "reading what a differential would build on"
_VERSION_SECONDS = 10.0
log = logging.getLogger("sidecar.run")
_T = TypeVar("_T")


class Run:
    """Backs up one database. ``execute`` leaves no process behind, and no artifact that isn't proven.

    ``run.json`` is left to the caller, who removes it once the result is published.
    """

    def __init__(
        self,
        database: str,
        request: BackupRequest,
        prepared: Prepared,
        parts: Parts,
        volume: Volume,
        sign: StopSign,
        *,
        name: str,
        may_skip: bool,
        stage_changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._request = request
        self._prepared = prepared
        self._parts = parts
        self._volume = volume
        self._sign = sign
        self._name = name
        self._may_skip = may_skip
        self._stage_changed = stage_changed
        self._secrets = secret_values(parts.environment)
        self._planning = Planning(database, request.type, prepared, parts.settings, parts.links)
        self._observed = Observed(database, self._secrets)
        self._walking = False
        self._tidying = threading.Lock()
        self._lock: int | None = None
        self._began = parts.clock.moment().seconds
        self._at_work: tuple[Plan, Target] | None = None
        self._bytes = Measure(self._bytes_so_far)

    async def execute(self) -> Outcome:
        """Run it and tell what became of it."""
        roots = self._parts.settings.allowed_roots
        try:
            target = await self._before(self._open, unwanted=Target.close)
            with target:
                async with held(target, self._database, roots, self._sign, self._late(), self._tidying):
                    return await self._planned(target)
        except BackupError as error:
            return Outcome(failed(self._database, error))

    async def _planned(self, target: Target) -> Outcome:
        plan, holds = await self._first(target)
        if not holds:
            plan = await self._walk(target)
        await self._avoid_name(plan)
        self._sign.check()
        self._at_work = plan, target
        try:
            return await self._carry_out(plan, target)
        finally:
            self._at_work = None
            self._let_go()

    async def progress(self) -> Progress:
        """Give what it does now, and how many bytes lie in its temporary folder and its new artifact."""
        elapsed = self._parts.clock.moment().seconds - self._began
        return Progress(
            database=self._database,
            stage=WALKING if self._walking else self._observed.stage,
            bytes=await self._bytes.value(),
            elapsed_seconds=round(elapsed, 1),
        )

    def _open(self) -> Target:
        """Open the target, made where it is missing, and make room for the run."""
        target = open_target(self._request.path, self._parts.settings.allowed_roots, create=True)
        try:
            target.check_writable()
            self._clear_abandoned(target)
        except BaseException:
            target.close()
            raise
        return target

    def _clear_abandoned(self, target: Target) -> None:
        """Make room: what a lost node's run has left may be as large as the database."""
        settings = self._parts.settings
        within = folder_of_runs(target.path, settings.allowed_roots, settings.temp)
        clear_abandoned(within, self._parts.clock.now().timestamp())

    async def _first(self, target: Target) -> tuple[Plan, bool]:
        """Plan the run; the heads of what lies there are read once for all runs: thousands take longer than a look."""
        time = asyncio.get_running_loop().time
        until = time() + PROOF_SECONDS
        while (found := await self._before(lambda: self._planning.first(target, FOLDER_SECONDS / 2))) is None:
            if time() > until:
                raise self._unread("what lies", target)
        return found

    async def _walk(self, target: Target) -> Plan:
        """Plan the run once what it would build on is walked: a run for nothing would take the server's time."""
        self._walking = True
        self._stage_changed()
        try:
            late = self._unread("what a differential would build on", target)
            return await self._sign.guard(
                lambda: self._planning.walked(target, stopped=lambda: not self._walking), PROOF_SECONDS, late
            )
        finally:
            self._walking = False
            self._stage_changed()

    def _unread(self, what: str, target: Target) -> BackupTimedOut:
        took = format_duration(PROOF_SECONDS)
        return BackupTimedOut(
            f"{what} in {target.path} can't be read to its end in {took}, and nothing was run", hint=VOLUME_HINT
        )

    async def _avoid_name(self, plan: Plan) -> None:
        """Wait for the next second where an artifact of this one is there: the new one would want its name."""
        now = self._parts.clock.now()
        if any(f"{now:%Y-%m-%dT%H-%M-%S}" in name for name in artifacts_of(plan.database, plan.before)):
            await asyncio.sleep((now.replace(microsecond=0) + timedelta(seconds=1) - now).total_seconds())

    async def _carry_out(self, plan: Plan, target: Target) -> Outcome:
        word = secrets.token_hex(16)
        record = RunRecord(
            id=self._name,
            database=self._database,
            target=self._request.path,
            listing=tuple(plan.before),
            temporary=plan.temporary,
            word=word,
        )
        try:
            record.write(self._volume)
        except OSError as error:
            return Outcome(failed(self._database, on_request_volume(error, "the run was not begun")))
        stays = False
        try:
            result = await self._attempt(plan, target, word)
        except BackupError as error:
            result, stays = failed(self._database, error), isinstance(error, ArtifactUnread)
        except Exception as error:
            # Whatever is wrong with us: what the run left has to be set aside.
            log.exception("a run met a defect", extra={"id": self._name, "database": self._database})
            result = failed(self._database, defect(error))
        if result.state is not ResultState.SUCCEEDED and not stays:
            done = await self._after(lambda: self._set_aside(target, plan))
            if done is None:
                # The hint of a cancel says that all of it is set aside.
                done, result = (f"{target.path} doesn't answer and was not tidied",), result.changed(hint=VOLUME_HINT)
            result = noted(result, done)
        # Empty where it is gone; None where the disk doesn't answer.
        problem = await self._after(lambda: clear_temporary(plan.temporary) or "")
        if problem is None or problem:
            result = noted(result, (problem or f"the temporary folder {plan.temporary} doesn't answer and stays",))
        return Outcome(result, self._observed.tail, (*plan_warnings(plan, target.path), *await self._warnings()))

    async def _attempt(self, plan: Plan, target: Target, word: str) -> DatabaseResult:
        self._lock = await self._before(lambda: make_temporary(plan.temporary), unwanted=self._unmake(plan))
        execution = Execution(
            self._parts.runner,
            self._parts.settings,
            self._volume,
            target,
            self._observed,
            self._stage_changed,
            self._secrets,
        )
        launch = plan.launch(self._prepared, self._parts.environment, word, self._lock)
        ended = await execution.run(launch, self._sign, self._name)
        if ended.exit.status == 0:
            judged = await prove(
                target,
                plan,
                self._observed,
                self._parts.links,
                ended,
                self._sign,
                overlap_allowed=self._prepared.version.overlap_allowed,
            )
            if isinstance(judged, Proven):
                return succeeded(self._database, judged)
            raise ended.by or judged
        if ended.by is not None:
            raise ended.by
        kills, kills_after = plan.oom_kills, read_memory().oom_kills
        facts = await gather_facts(
            ended.exit,
            self._observed,
            plan,
            target,
            self._prepared,
            self._parts.settings,
            oom_killed=None if kills is None or kills_after is None else kills_after > kills,
            least_free=execution.least_free,
        )
        if self._may_skip and (reason := skippable(facts)) is not None:
            return skipped(self._database, reason)
        raise diagnose(facts)

    def _set_aside(self, target: Target, plan: Plan) -> tuple[str, ...]:
        with self._tidying:
            return set_aside_new(target, self._database, plan.before)

    def _unmake(self, plan: Plan) -> Callable[[int | None], None]:
        """Give what undoes a temporary folder that came too late."""

        def unmake(lock: int | None) -> None:
            try:
                clear_temporary(plan.temporary)
            finally:
                if lock is not None:
                    os.close(lock)

        return unmake

    def _let_go(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:
            # Its last descriptor: NFS tells its server so, and waits for one that is silent.
            in_background(lambda: os.close(lock))

    async def _warnings(self) -> tuple[str, ...]:
        return version_warning(self._prepared.version, await in_time(server_version, _VERSION_SECONDS))

    async def _before(self, work: Callable[[], _T], unwanted: Callable[[_T], object] = lambda outcome: None) -> _T:
        """Do in a thread what may wait for a disk; give up where it doesn't answer, or where we are to stop.

        ``unwanted`` undoes what comes of it after that.
        """
        return await self._sign.guard(work, FOLDER_SECONDS, self._late(), unwanted)

    def _late(self) -> ConfigurationError:
        return ConfigurationError(f"{self._request.path} didn't answer within {FOLDER_SECONDS:.0f} s", hint=VOLUME_HINT)

    async def _after(self, work: Callable[[], _T]) -> _T | None:
        """Do in a thread what has to be done also after we are to stop; None where the disk doesn't answer."""
        return await in_time(work, FOLDER_SECONDS, surely=True)

    def _bytes_so_far(self) -> int | None:
        if self._at_work is None:
            return None
        plan, target = self._at_work
        try:
            sizes = target.listing(plan.database)
        except (BackupError, OSError):
            return None
        made = sum(size for name, size in sizes.items() if name not in plan.before)
        return made + (folder_bytes(plan.temporary) or 0)
