"""What is shown while a backup goes on: on a terminal a live line, elsewhere a line for each change."""

from shared.durations import format_duration
from shared.errors import BackupError, Drained
from shared.lifecycle import ResultState
from shared.protocol import Result, Status
from shared.sizes import format_size
from shared.text import printable
from trigger.answers import Told
from trigger.clock import Clock
from trigger.summary import told_result
from trigger.terminal import Terminal
from trigger.transport.protocol import Leaving

QUIET_SECONDS = 5.0
"""A stream that is lost and found again within this isn't worth a line."""
AGAIN_SECONDS = 60.0
"""How often an outage is told again while it is the same."""
_UNFINISHED = frozenset({ResultState.PENDING, ResultState.RUNNING})


class Progress:
    """The listener of a person. Ends with ``close``, which takes the live line away."""

    def __init__(self, terminal: Terminal, clock: Clock, name: str) -> None:
        self._terminal = terminal
        self._clock = clock
        self._name = name
        self._status: Status | None = None
        self._heard_at = self._state_since = clock.now()
        self._error: BackupError | None = None
        self._told_at: float | None = None

    def status(self, told: Told) -> None:
        """Show what has changed."""
        now, before, after = self._clock.now(), self._status, told.status
        if self._told_at is not None:
            self._terminal.line(f"In contact again after {format_duration(now - self._heard_at)}")
        self._error = self._told_at = None
        if before is None or before.state != after.state:
            self._state_since = now
        self._status, self._heard_at = after, now
        # On a terminal the summary that comes next says the rest.
        for change in changes(before, after, stages=not self._terminal.live):
            if not (self._terminal.live and after.ended):
                self._terminal.line(change)
        if not after.ended:
            self.waiting()

    def trouble(self, error: BackupError, again_in: float) -> None:
        """Tell of an outage that lasts, at its first contact at once."""
        self._error = error
        now = self._clock.now()
        lasting = self._status is None or now - self._heard_at + again_in >= QUIET_SECONDS
        if lasting and (self._told_at is None or now - self._told_at >= AGAIN_SECONDS):
            self._told_at = now
            self._terminal.line(f"{_lead(error)}: {printable(error.message)}; asking again")
        self.waiting()

    def waiting(self) -> None:
        """Move the live line on."""
        if self._terminal.live:
            self._terminal.rewrite(self._now())

    def close(self) -> None:
        """Take the live line away."""
        self._terminal.clear()

    def _now(self) -> str:
        since = self._clock.now() - self._heard_at
        if self._error is not None:
            what = f"{_lead(self._error).lower()} for {format_duration(since)}: {printable(self._error.message)}"
        elif self._status is None:
            what = f"asking for {format_duration(since)}"
        else:
            what = live(self._status, since, self._clock.now() - self._state_since, self._terminal.signs)
        return f"{self._name}: {what}"


class Asking:
    """The listener of who asks once: a live line while the answer takes its time, a line where it can't be had yet."""

    def __init__(self, terminal: Terminal, clock: Clock) -> None:
        self._terminal = terminal
        self._clock = clock
        self._began = clock.now()
        self._told: str | None = None

    def status(self, told: Told) -> None:
        """Hear a status, which is the answer and not ours to show."""

    def trouble(self, error: BackupError, again_in: float) -> None:
        """Tell what is in the way, once."""
        if self._told != error.message:
            self._told = error.message
            self._terminal.line(f"{_lead(error)}: {printable(error.message)}; asking again")
        self.waiting()

    def waiting(self) -> None:
        """Move the live line on."""
        self._terminal.rewrite(f"asking for {format_duration(self._clock.now() - self._began)}")

    def close(self) -> None:
        """Take the live line away."""
        self._terminal.clear()


def changes(before: Status | None, after: Status, *, stages: bool) -> list[str]:
    """Give a line for each thing that is new; ``stages`` says whether states and stages are among them."""
    name = printable(after.id)
    lines = []
    state = [f"{name}: {printable(after.state)}"] if stages and (before is None or before.state != after.state) else []
    if not after.ended:
        lines += state
    if after.cancel_requested and not (before is not None and before.cancel_requested):
        lines.append(f"{name}: a cancel is asked for")
    if stages and after.progress is not None and _stage(before) != _stage(after):
        lines.append(f"{name}: {printable(after.progress.database)}: {printable(after.progress.stage)}")
    known = _finished(before)
    lines += [f"{name}: {told_result(found)}" for key, found in _finished(after).items() if known.get(key) != found]
    told = () if before is None else before.warnings
    lines += [f"{name}: warning: {printable(warning)}" for warning in after.warnings if warning not in told]
    return lines + state if after.ended else lines


def live(status: Status, since: float, in_state: float, signs: bool) -> str:
    """Give what is being done, for how long and the bytes so far, ``since`` seconds after the status came."""
    dot = " · " if signs else " - "
    total = len(status.results)
    done = len(_finished(status))
    parts = [f"{done} of {total} done"] if total > 1 else []
    progress = status.progress
    if progress is None:
        return dot.join([printable(status.state), format_duration(in_state), *parts])
    if progress.bytes is not None:
        parts.insert(0, format_size(progress.bytes))
    doing = f"{printable(progress.database)}: {printable(progress.stage)}"
    return dot.join([doing, format_duration(progress.elapsed_seconds + since), *parts])


def _lead(error: BackupError) -> str:
    return "Waiting" if isinstance(error, Drained | Leaving) else "No contact"


def _stage(status: Status | None) -> tuple[str, str] | None:
    if status is None or status.progress is None:
        return None
    return status.progress.database, status.progress.stage


def _finished(status: Status | None) -> dict[str, Result]:
    if status is None:
        return {}
    return {result.database: result for result in status.results if result.state not in _UNFINISHED}
