"""Which run is planned: a differential only where what it would build on is whole, else a full backup at once."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.errors import ArtifactUnverified, BackupError
from shared.protocol import BackupType
from sidecar.artifact_names import artifacts_of
from sidecar.cgroup import read_memory
from sidecar.foundation import Damage, Foundation, foundation
from sidecar.links import Links
from sidecar.neo4j_admin.command import type_for
from sidecar.neo4j_admin.options import BY_NAME, Options
from sidecar.plan import Plan, make_plan
from sidecar.preparation import Prepared
from sidecar.settings import Settings
from sidecar.target import Target

TRIGGER_FULL = "Trigger a FULL backup: it begins a chain of its own."
_PREFER_DIFF = BY_NAME["prefer_diff_as_parent"]


@dataclass(frozen=True, slots=True)
class Planning:
    """Plans the run of one database; nothing is made or changed. Its methods wait for disks."""

    database: str
    asked: BackupType
    prepared: Prepared
    settings: Settings
    links: Links

    def first(self, target: Target, seconds: float) -> tuple[Plan, bool] | None:
        """Plan it as it was asked for, and say whether that holds; else ``walked`` has to tell.

        Before that what artifacts say of themselves is read, for so many seconds; None where that wasn't all.
        Raises ConfigurationError and InsufficientSpace.
        """
        if not self.links.heads.acquire(target, artifacts_of(self.database, target.listing(self.database)), seconds):
            return None
        plan = self._plan(target, type_for(self.database, self.asked), self.settings.options)
        if plan.type is BackupType.FULL:
            return plan, True
        ground = self._foundation(plan, self.settings.options)
        whole = all(self.links.known(target, name) for path in ground.paths[:1] for name in path)
        return plan, ground.damage is None and whole

    def walked(self, target: Target, stopped: Callable[[], bool]) -> Plan:
        """Plan it anew once what a differential would build on is walked, which may take hours.

        Where that is damaged AUTO gives a full backup. Raises ArtifactUnverified for DIFF, ConfigurationError
        and InsufficientSpace, and Abandoned once it is ``stopped``.
        """
        options = self.settings.options
        type_ = type_for(self.database, self.asked)
        damage = self._walk(target, type_, options, stopped)
        if damage is None:
            return self._plan(target, type_, options)
        told = f"a differential would build on {damage.artifact}, which {damage.fault}"
        plain = options.without(_PREFER_DIFF)
        if options.get(_PREFER_DIFF) and self._walk(target, type_, plain, stopped) is None:
            # Else the damaged chain would stay the preferred one, and each run be a full backup.
            note = f"{told}. This run builds on the newest full backup instead, without {_PREFER_DIFF.option}"
            return replace(self._plan(target, type_, plain), note=note)
        if type_ is BackupType.DIFF:
            raise ArtifactUnverified(f"nothing was run: {told}", hint=TRIGGER_FULL)
        try:
            plan = self._plan(target, BackupType.FULL, options)
        except BackupError as error:
            raise type(error)(f"{told}, so a full backup has to be made; {error.message}", hint=error.hint) from error
        return replace(plan, note=f"{told}. This run makes a full backup instead, on which the next ones build")

    def _walk(self, target: Target, type_: BackupType, options: Options, stopped: Callable[[], bool]) -> Damage | None:
        ground = self._foundation(self._plan(target, type_, options), options)
        return ground.damage or self.links.damage(target, ground.paths, stopped)

    def _foundation(self, plan: Plan, options: Options) -> Foundation:
        return foundation(
            plan.heads,
            plan.problems,
            prefer_diff=bool(options.get(_PREFER_DIFF)),
            overlap_allowed=self.prepared.version.overlap_allowed,
        )

    def _plan(self, target: Target, type_: BackupType, options: Options) -> Plan:
        settings = self.settings.model_copy(update={"options": options})
        return make_plan(self.database, type_, target, self.prepared, settings, read_memory(), self.links.heads)
