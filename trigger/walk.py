"""The walk of ``check``: from here over the transport and the daemon to what the sidecar itself looks at."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from shared.errors import BackupError, ConfigurationError, TransportError
from shared.protocol import Check, CheckState
from shared.text import printable
from trigger.answers import NoDaemon
from trigger.client import Client

TRANSPORT = "transport"
DAEMON = "daemon"
FACTS = "the sidecar's own checks"
_MARKS = {CheckState.OK: "✓", CheckState.FAILED: "✗"}
_WORDS = {CheckState.OK: "ok", CheckState.FAILED: "FAILED"}
_UNKNOWN = "?"


@runtime_checkable
class Inspectable(Protocol):
    """A transport with links of its own to look at."""

    def inspect(self) -> Iterator[Check]:
        """Give each check as it is made; what begins with ``transport:`` is a link, and a broken one is the last."""


def walk(client: Client, path: str | None, place: Callable[[], str], ahead: Iterable[Check] = ()) -> Iterator[Check]:
    """Give each check as it is made, those ``ahead`` first; the walk ends at the first link that is broken.

    ``place`` names what was reached; it may be known only after those ahead.
    """
    for check in ahead:
        yield check
        if check.state == CheckState.FAILED and _is_link(check):
            return
    reached = Check(name=TRANSPORT, state=CheckState.OK, message=f"{place()} can be reached")
    try:
        probe = client.probe()
    except BackupError as error:
        if isinstance(error, NoDaemon) or (client.sent and not isinstance(error, TransportError)):
            yield reached
            yield _failed(DAEMON, error)
        else:
            yield _failed(TRANSPORT, error)
        return
    yield reached
    yield Check(name=DAEMON, state=CheckState.OK, message=_alive(probe))
    try:
        yield from client.facts(path)
    except BackupError as error:
        yield _failed(DAEMON if isinstance(error, TransportError) else FACTS, error)


def verdict(checks: Sequence[Check]) -> int:
    """Give the exit code: 0 where none failed, 12 where the way to the daemon did, else 5."""
    failed = [check for check in checks if check.state == CheckState.FAILED]
    if not failed:
        return 0
    broken = any(_is_link(check) for check in failed)
    return TransportError.exit_code if broken else ConfigurationError.exit_code


def shown(check: Check, *, signs: bool) -> list[str]:
    """Give a check's line, and under one that isn't as it should be what to do."""
    marks: Mapping[CheckState, str] = _MARKS if signs else _WORDS
    known = next((mark for state, mark in marks.items() if state == check.state), _UNKNOWN)
    width = max(map(len, marks.values()))
    lines = [f"{known:<{width}} {printable(check.name)}: {printable(check.message)}"]
    if check.hint and check.state != CheckState.OK:
        lines.append(f"{'':<{width}} {printable(check.hint)}")
    return lines


def _is_link(check: Check) -> bool:
    return check.name in (TRANSPORT, DAEMON) or check.name.startswith(f"{TRANSPORT}:")


def _failed(name: str, error: BackupError) -> Check:
    return Check(name=name, state=CheckState.FAILED, message=error.message, hint=error.hint)


def _alive(probe: Mapping[str, object]) -> str:
    """Say what a daemon tells of itself, as far as it does."""
    told = ["it answers"]
    if isinstance(under_way := probe.get("under_way"), int):
        told.append(f"{under_way} under way")
    if probe.get("draining") is True:
        told.append("draining: it starts nothing more until its restart")
    return ", ".join(told)
