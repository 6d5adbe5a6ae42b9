"""What the results of a request's databases make of the request."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import BY_CODE, BackupCancelled, BackupError, BackupInterrupted, ConfigurationError, InternalError
from shared.lifecycle import ResultState, State
from sidecar.document import DatabaseResult


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A request's final state; ``error`` says why where it isn't a success."""

    state: State
    message: str
    error: BackupError | None = None


def conclude(results: Sequence[DatabaseResult], stopped: BackupError | None = None) -> Conclusion:
    """Sum up a request of which nothing runs any more.

    ``stopped`` is why it was ended from outside, where it was: a cancel or an interruption. A request
    whose every database is done is a success all the same.
    """
    good = [result for result in results if result.state is ResultState.SUCCEEDED]
    bad = [result for result in results if result.state is ResultState.FAILED]
    open_still = [result for result in results if result.state not in _SETTLED]
    if good and all(result.state in _DONE for result in results):
        return Conclusion(State.SUCCEEDED, _praise(results, good))
    if stopped is not None and (open_still or not bad or isinstance(stopped, BackupCancelled)):
        state = State.CANCELLED if isinstance(stopped, BackupCancelled) else State.FAILED
        told = _told_by_the_only(results, stopped)
        return Conclusion(state, told.message, told)
    if not bad:
        error: BackupError = ConfigurationError(
            "none of the databases that this server holds was online, so nothing was backed up",
            hint="`SHOW DATABASES` tells the state of each; start one, or name the database in the request.",
        )
        return Conclusion(State.FAILED, error.message, error)
    return Conclusion(State.FAILED, (error := _sum_up(results, bad)).message, error)


def settle(results: Sequence[DatabaseResult], error: BackupError) -> tuple[DatabaseResult, ...]:
    """Give the results with every one that was not settled ended by ``error``."""
    state = ResultState.CANCELLED if isinstance(error, BackupCancelled) else ResultState.FAILED
    return tuple(
        result
        if result.state in _SETTLED
        else result.changed(
            state=state,
            code=error.code,
            message=error.message if result.state is ResultState.RUNNING else f"was not begun: {error.message}",
            hint=error.hint,
        )
        for result in results
    )


def interrupted(why: str) -> BackupInterrupted:
    """Give the error of a backup that something other than its own trouble ended."""
    return BackupInterrupted(why, hint="Ask again: what was finished stays, and what was cut off is set aside.")


def cancelled(done: str = "") -> BackupCancelled:
    """Give the error of a backup that somebody cancelled; ``done`` is added to what it says."""
    return BackupCancelled(f"the backup was cancelled{done}", hint="What was cut off is set aside, in .failed/.")


def _told_by_the_only(results: Sequence[DatabaseResult], stopped: BackupError) -> BackupError:
    """Give ``stopped`` in the words of the request's only result, which say what was done with what it left."""
    if len(results) == 1 and results[0].code == stopped.code:
        return type(stopped)(results[0].message, hint=results[0].hint)
    return stopped


def _praise(results: Sequence[DatabaseResult], good: Sequence[DatabaseResult]) -> str:
    skipped = [result.database for result in results if result.state is ResultState.SKIPPED]
    tail = f"; skipped, since not online: {', '.join(skipped)}" if skipped else ""
    if len(results) == 1:
        return good[0].message
    count = "1 database was" if len(good) == 1 else f"{len(good)} databases were"
    return f"{count} backed up{tail}"


def _sum_up(results: Sequence[DatabaseResult], bad: Sequence[DatabaseResult]) -> BackupError:
    # Where failures differ, the one that needs a person counts: a retry mends none of it.
    worst = min(bad, key=lambda result: BY_CODE.get(result.code or "", InternalError).exit_code)
    kind = BY_CODE.get(worst.code or "", InternalError)
    if len(results) == 1:
        return kind(worst.message, hint=worst.hint)
    names = ", ".join(f"{result.database} ({result.code})" for result in bad)
    return kind(
        f"{len(bad)} of {len(results)} databases failed: {names}. {worst.database}: {worst.message}", hint=worst.hint
    )


_DONE = frozenset({ResultState.SUCCEEDED, ResultState.SKIPPED})
_SETTLED = _DONE | {ResultState.FAILED, ResultState.CANCELLED}
