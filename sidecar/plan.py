"""What a run of one database is going to be, once everything that can be checked before it has been."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from shared.protocol import BackupType
from sidecar.artifact import DamagedArtifact, Head, UnknownFormat
from sidecar.artifact_names import artifacts_of
from sidecar.cgroup import Memory
from sidecar.chain import chains
from sidecar.data_folder import database_size
from sidecar.heads import Heads
from sidecar.memory import choose_memory
from sidecar.neo4j_admin.command import Run as CommandRun
from sidecar.neo4j_admin.command import build, environment
from sidecar.neo4j_admin.options import BY_NAME
from sidecar.neo4j_admin.runner import Launch
from sidecar.preparation import Prepared
from sidecar.settings import Settings
from sidecar.space import Place, demand, shortage
from sidecar.target import Target
from sidecar.temporary import file_system_of, plan_temporary


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: ``before`` is what lay in the target for this database (name to bytes), ``heads`` what could be read.

    ``problems`` are the artifacts whose heads say nothing; ``note`` is why it isn't the run that was asked for.
    """

    database: str
    type: BackupType
    before: Mapping[str, int]
    heads: Mapping[str, Head]
    problems: Mapping[str, UnknownFormat | DamagedArtifact]
    temporary: str
    arguments: tuple[str, ...]
    heap: str
    oom_kills: int | None
    note: str = ""

    def launch(self, prepared: Prepared, inherited: Mapping[str, str], word: str, lock: int | None) -> Launch:
        """Give what is to be started; ``word`` marks its processes, which all hold the temporary folder's ``lock``."""
        return Launch(
            arguments=self.arguments,
            environment=environment(inherited, home=prepared.home, heap=self.heap, word=word),
            folder=self.temporary,
            word=word,
            held=lock,
        )


def make_plan(
    database: str,
    type_: BackupType,
    target: Target,
    prepared: Prepared,
    settings: Settings,
    memory: Memory,
    remembered: Heads,
) -> Plan:
    """Look at target, space and memory, and plan the run; nothing is made or changed.

    ``memory`` is the container's, ``remembered`` what was read before. Raises ConfigurationError and InsufficientSpace.
    """
    before = target.listing(database)
    found = remembered.of(target, artifacts_of(database, before))
    heads = {name: head for name, head in found.items() if isinstance(head, Head)}
    problems = {name: problem for name, problem in found.items() if not isinstance(problem, Head)}
    has_chain = any(chain.restorable for chain in chains(heads, overlap_allowed=prepared.version.overlap_allowed))
    temporary = plan_temporary(target.path, settings.allowed_roots, settings.temp)
    jvm = choose_memory(
        memory.limit_bytes, heap=settings.heap, pagecache=settings.pagecache, check=settings.memory_check
    )
    fulls = [name for name, head in sorted(heads.items(), key=lambda item: item[1].taken_at) if head.full]
    needs = demand(
        type_,
        database_size(settings.data, database),
        chain=has_chain,
        newest_full_bytes=before[fulls[-1]] if fulls else None,
        compress=settings.options.get(BY_NAME["compress"]) is not False,
    )
    short = shortage(
        needs,
        temporary=Place(os.path.dirname(temporary), file_system_of(os.path.dirname(temporary))),
        target=Place(target.path, target.file_system()),
        reserve=settings.reserve,
    )
    if short is not None:
        raise short
    command = CommandRun(
        database=database,
        type=type_,
        servers=settings.from_,
        to_path=target.path,
        temp_path=temporary,
        pagecache=jvm.pagecache,
    )
    arguments = build(str(prepared.program), prepared.version, command, settings.options)
    return Plan(database, type_, before, heads, problems, temporary, arguments, jvm.heap, memory.oom_kills)
