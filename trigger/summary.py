"""A status in a few lines, for a person at the end of a backup or after the fact."""

from datetime import datetime
from typing import Any

from shared.durations import format_duration
from shared.lifecycle import ResultState, State
from shared.protocol import BackupType, Result, Status
from shared.sizes import format_size
from shared.text import printable
from trigger.terminal import table

_LISTED_LIMIT = 40


def summary(status: Status) -> list[str]:
    """Give what became of a request: its databases, and where it failed why, what to do and the last output."""
    lines = [headline(status), *(f"  {row}" for row in table(_facts(status)))]
    if status.state != State.SUCCEEDED:
        lines += _indented(status.message, status.hint)
    if status.results:
        lines += [f"  {row}" for row in table([_row(result) for result in status.results])]
    for result in status.results:
        # Of a request for one database the result says what the request says.
        if result.message and result.message != status.message and result.state != ResultState.SUCCEEDED:
            lines += _indented(f"{result.database}: {result.message}", result.hint)
    lines += [f"  warning: {printable(warning)}" for warning in status.warnings]
    if status.output_tail and status.ended and status.exit_code:
        lines += ["  The last lines of neo4j-admin:", *(f"    | {printable(line)}" for line in status.output_tail)]
    if status.retryable:
        lines.append("  A retry as it stands is safe.")
    return lines


def headline(status: Status) -> str:
    """Give the request's end, or where it is, in one line."""
    name = f"Backup {printable(status.id)}"
    state = printable(status.state)
    code = f": {printable(status.code)}" if status.code else ""
    if not status.ended:
        return f"{name} is {state}{', a cancel is asked for' if status.cancel_requested else ''}{doing(status)}"
    took = duration(status)
    word = "in" if status.state == State.SUCCEEDED else "after"
    return f"{name} {state}{f' {word} {took}' if took else ''}{code}"


def doing(status: Status) -> str:
    """Give what is being done, for how long and the bytes so far, after a colon; "" where it isn't told."""
    if status.progress is None:
        return ""
    progress = status.progress
    told = [printable(progress.stage), format_duration(progress.elapsed_seconds)]
    if progress.bytes is not None:
        told.append(format_size(progress.bytes))
    return f": {printable(progress.database)}: {', '.join(told)}"


def duration(status: Status) -> str:
    """Give how long the backup took, or has taken by its own account; "" before it starts."""
    if status.started_at is None or status.ended_at is None:
        return ""
    return format_duration(max(0.0, (status.ended_at - status.started_at).total_seconds()))


def databases(request: dict[str, Any]) -> str:
    """Give which databases a request asks for."""
    asked = request.get("database")
    names = [asked] if isinstance(asked, str) else asked
    if not isinstance(names, list) or not names:
        return "all"
    return printable(",".join(map(str, names)), _LISTED_LIMIT)


def moment(when: datetime | None) -> str:
    """Give a time in UTC, to the second."""
    return "" if when is None else f"{when:%Y-%m-%d %H:%M:%SZ}"


def kind(request: dict[str, Any]) -> str:
    """Give the type that a request asks for."""
    return printable(str(request.get("type", "")), 12)


def told_result(result: Result) -> str:
    """Give one database's result in one line."""
    return " ".join(part for part in _row(result) if part)


def _facts(status: Status) -> list[tuple[str, ...]]:
    path = status.request.get("path")
    rows: list[tuple[str, ...]] = []
    if status.request:
        rows.append(("asked for", f"{kind(status.request)} of {databases(status.request)}"))
    if isinstance(path, str):
        rows.append(("target", printable(path, 300)))
    if status.accepted_at is not None:
        rows.append(("accepted", moment(status.accepted_at)))
    return rows


def _row(result: Result) -> tuple[str, ...]:
    size = "" if result.size_bytes is None else format_size(result.size_bytes)
    # An artifact that holds no transactions has 0 as both indexes: the recovery point is that before it.
    empty = result.highest_tx == 0 and result.type == BackupType.DIFF
    point = "" if result.highest_tx is None else "nothing new" if empty else f"up to tx {result.highest_tx}"
    code = result.code or ""
    return tuple(
        printable(part)
        for part in (result.database, result.state, result.type or code, size, result.artifact or "", point)
    )


def _indented(message: str, hint: str) -> list[str]:
    return [f"  {printable(part)}" for part in (message, hint) if part]
