"""The lines that pass between a courier and the daemon: verbs, limits, strict JSON.

A courier reads one line of standard input, whatever the verb (an empty object where there is nothing to say),
and sends one line, ``{"verb": …, "id": …, "input": "<that line>"}``.
The daemon answers with lines of one JSON object each and closes. The last line is always
``{"end": {"exit_code": n}}`` or ``{"error": {"code", "message", "hint", "retryable", "exit_code"}}``,
so that an answer that was cut off can't be taken for a whole one. Where the courier itself has to say no, its
error has ``"sent": false`` if nothing reached the daemon; a ``sidecar_busy`` has ``"drained": true`` where the
daemon starts nothing more until its restart. The lines before it:

=========  ==============================================================================
submit     ``{"status": {…}, "attached": bool}`` once the request is on the disk
follow     ``{"status": {…}}`` at each change and at least every ``HEARTBEAT_SECONDS``
get        ``{"status": {…}}``
cancel     ``{"status": {…}}`` once the cancel is on the disk
list       ``{"status": {…}}`` each, newest first; input ``{"limit": n}``
log        ``{"text": "…"}`` for each line of what neo4j-admin printed
facts      ``{"check": {"name", "state", "message", "hint"}}`` each; input ``{"path": …}``
probe      ``{"probe": {…}}``
drain      ``{"draining": {…}}`` each 10 s until no process is left
=========  ==============================================================================
"""

import json
import math
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

SOCKET = "sidecar.sock"
REQUEST_LIMIT = 64 * 1024
"""Bytes of a request, in the mailbox or through a courier; more is refused."""
NESTING_LIMIT = 64
"""How many lists and objects may lie within each other; nothing that we write has more than five."""
LINE_LIMIT = 4 * 1024 * 1024
"""Bytes of one line of an answer; a longer one is a broken peer."""
HEARTBEAT_SECONDS = 10.0
SILENCE_SECONDS = 20.0
"""How long a courier waits for the daemon's next line before it calls it stuck."""
FOLLOW_SECONDS = 15 * 60.0
"""How long one ``follow`` lasts at most; the trigger opens another."""

_NEST = (dict, list)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}(~[23])?\Z")
ID_RULE = "1 to 128 letters, digits, '.', '_' and '-', beginning with a letter or digit"


class Verb(StrEnum):
    """What a courier can ask for."""

    SUBMIT = "submit"
    FOLLOW = "follow"
    CANCEL = "cancel"
    LIST = "list"
    GET = "get"
    LOG = "log"
    FACTS = "facts"
    PROBE = "probe"
    DRAIN = "drain"


TAKES_ID = frozenset({Verb.SUBMIT, Verb.FOLLOW, Verb.CANCEL, Verb.GET, Verb.LOG})


class WireError(ValueError):
    """A line or a document that is not the JSON object it has to be; says why."""


def is_id(text: str) -> bool:
    """Say whether ``text`` may name a request."""
    return _ID.match(text) is not None


def is_request_name(text: str) -> bool:
    """Say whether ``text`` is an id or an attempt's name, ``<id>~2`` or ``<id>~3``."""
    return _NAME.match(text) is not None


def encode(line: Mapping[str, Any]) -> bytes:
    """Give ``line`` as one line of ASCII JSON with its newline."""
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def decode(data: bytes | str) -> dict[str, Any]:
    """Read one JSON object strictly.

    Raises WireError for what isn't JSON, isn't an object, names a key twice, nests too deeply,
    holds NaN, Infinity or a number beyond what a float holds, or has text that isn't Unicode.
    """
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
        # A lone surrogate ("\ud800") is a str that no file name and no JSON line can carry.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        # What one reader just bears another doesn't: Python's limit and pydantic's differ, and the first moves.
        if text.count("[") + text.count("{") > NESTING_LIMIT and _nests_deeply(value):
            raise RecursionError
    except UnicodeError:
        raise WireError("the text is not valid Unicode (UTF-8)") from None
    except RecursionError:
        raise WireError("the JSON is nested too deeply") from None
    except WireError:
        raise
    except ValueError as error:
        raise WireError(f"not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise WireError(f"a JSON object is wanted, this is a JSON {_kind(value)}")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise WireError(f"the key {key[:64]!r} is there twice")
        found[key] = value
    return found


def _nests_deeply(value: object) -> bool:
    level = [value]
    for _ in range(NESTING_LIMIT):
        within = (outer.values() if isinstance(outer, dict) else outer for outer in level if isinstance(outer, _NEST))
        level = [inner for values in within for inner in values if isinstance(inner, _NEST)]
    return bool(level)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise WireError(f"{text[:64]} is too large a number")
    return number


def _refuse_constant(name: str) -> None:
    raise WireError(f"{name} is no JSON number")


def _kind(value: object) -> str:
    match value:
        case bool() | None:
            return "constant"
        case str():
            return "string"
        case list():
            return "list"
        case _:
            return "number"
