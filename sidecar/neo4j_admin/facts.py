"""What is known of a run that failed: what it told, and what somebody checked afterwards."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.protocol import BackupType
from sidecar.neo4j_admin.options import Options
from sidecar.neo4j_admin.output import Observed
from sidecar.neo4j_admin.runner import Exit
from sidecar.neo4j_admin.version import Version

SEE_OUTPUT = (
    "Its last lines are in output_tail, all of them in the request's log; NEO4J_BACKUP_VERBOSE=true makes it say more."
)


def quoted(said: str) -> str:
    """Put what neo4j-admin said behind a message, if it said anything."""
    return f" ({said})" if said else ""


@dataclass(frozen=True, slots=True)
class Facts:
    """A run of one database that didn't exit 0.

    Of what can be checked, None says that nobody looked or that looking told nothing; a check
    belongs to the time right after the run.
    """

    exit: Exit
    observed: Observed
    database: str
    type: BackupType
    """As it was run, not as it was asked for."""
    target: str
    temp: str
    version: Version | None = None
    options: Options = field(default_factory=Options)

    connects: Mapping[str, bool] | None = None
    """For each address of ``--from``, whether it takes a TCP connection."""
    database_folder: bool | None = None
    """The database's folder lies under the data folder. None where ``--from`` is another server."""
    database_open: bool | None = None
    """The server has the database's store open (``store_lock.store_open``)."""
    target_writable: bool | None = None
    temp_writable: bool | None = None
    target_free: int | None = None
    """Bytes free where the target lies: the fewest seen since the run began, else after it."""
    temp_free: int | None = None
    oom_killed: bool | None = None
    """The cgroup counted a kill for want of memory while it ran."""
    chain: bool | None = None
    """A full backup of the database that a differential could build on lies in the target."""
    enterprise: bool | None = None
    server_version: Version | None = None

    @property
    def killed_by(self) -> int | None:
        """The signal that ended the launcher, or of which it tells that its worker ended by it (128 + n)."""
        if self.exit.signal is not None:
            return self.exit.signal
        status = self.exit.status or 0
        return status - 128 if 128 < status < 128 + signal.NSIG else None

    @property
    def deaf(self) -> tuple[str, ...]:
        """The addresses that take no connection."""
        return tuple(address for address, takes in (self.connects or {}).items() if not takes)

    @property
    def program(self) -> str:
        """How to name neo4j-admin in a message."""
        return f"neo4j-admin {self.version}" if self.version else "neo4j-admin"
