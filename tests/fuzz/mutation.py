"""Valid inputs made wrong: bytes torn, swapped and repeated, values of a JSON document replaced by hostile ones."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.fuzz.cases import BATCH

_T = TypeVar("_T")

NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0xFFFF,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)
TOKENS = (
    b"1e999",
    b"NaN",
    b"-Infinity",
    b"9" * 5000,
    b'"\\ud800"',
    b"\\u0000",
    b"\x1b[2J\x1b]0;owned\x07",
    b"\xff\xfe",
    b"\xc0\x80",
    "\u202e\u2028\x9b31m".encode(),
    b"[" * 990,
    b'{"a":' * 990,
    b"[" * 100_000,
    b"\n",
    b"\r\n",
    b"\0",
    b"../",
    b"--from=evil",
    b"%s%n",
)
STRINGS = (
    "",
    " ",
    "\0",
    "\n",
    "neo4j",
    "neo4j\n",
    "system",
    "*",
    "-*",
    "--help",
    "--from=evil:6362",
    "@/etc/passwd",
    "..",
    "../..",
    "a/b",
    "~2",
    "nightly~2",
    "nightly~4",
    "$(touch /tmp/owned)",
    "`id`",
    "s3://key:hunter2secret@bucket/",
    "\x1b[31mred\x1b[0m",
    "\x9b2J",
    "\u202ereversed",
    "\u2028",
    "\U000e0001",
    "\ufeffneo4j",
    "neo4\N{KELVIN SIGN}",
    "\N{FULLWIDTH LATIN SMALL LETTER N}eo4j",
    "a" * 64,
    "a" * 300,
    "a" * 70_000,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-11-23T02:15:00Z",
)


def batches(valid: st.SearchStrategy[_T], change: Callable[[_T, Random], _T]) -> st.SearchStrategy[tuple[_T, ...]]:
    """Give batches of a valid case and of that case changed once, twice and so on."""

    def vary(case: _T, seed: int) -> tuple[_T, ...]:
        random = Random(seed)
        found = [case]
        while len(found) < BATCH:
            changed = case
            for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
                changed = change(changed, random)
            found.append(changed)
        return tuple(found)

    return st.builds(vary, valid, st.integers(0, (1 << 64) - 1))


def changed_bytes(data: bytes, random: Random, tokens: Sequence[bytes] = TOKENS) -> bytes:
    """Give ``data`` with one thing about it changed."""
    at = random.randrange(len(data) + 1)
    match random.randrange(9):
        case 0 if data:
            at = random.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
        case 1 if data:
            return data[:at] + random.randbytes(1) + data[at + 1 :]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + data[at + random.randrange(1, 9) :]
        case 4:
            return data[:at] + random.choice(tokens) + data[at:]
        case 5:
            number, size = random.choice(NUMBERS), random.choice((1, 2, 4, 8))
            order = random.choice(("big", "little"))
            changed = (number & (1 << 8 * size) - 1).to_bytes(size, order)  # type: ignore[arg-type]  # one of the two
            return data[:at] + changed + data[at + size :]
        case 6:
            end = at + random.randrange(1, 65)
            return data[:end] + data[at:end] * random.randrange(1, 4) + data[end:]
        case 7:
            return data[:at] + bytes(random.choice((1, 16, 600))) + data[at:]
        case _:
            return data[:at] + random.randbytes(random.randrange(1, 17)) + data[at:]


def changed_json(document: Any, random: Random) -> Any:
    """Give a JSON value with one of the values in it replaced, removed, renamed or nested."""
    match document:
        case dict() if document and random.random() < 0.8:
            key = random.choice(list(document))
            rest = {name: value for name, value in document.items() if name != key}
            match random.randrange(8):
                case 0:
                    return rest
                case 1:
                    return rest | {random.choice(STRINGS): document[key]}
                case 2:
                    return document | {random.choice(("x", "state", "id", "path", "~", *STRINGS)): hostile(random)}
                case _:
                    return document | {key: changed_json(document[key], random)}
        case list() if document and random.random() < 0.7:
            at = random.randrange(len(document))
            return [*document[:at], changed_json(document[at], random), *document[at + 1 :]]
        case _:
            return hostile(random)


def hostile(random: Random) -> Any:
    """Give a JSON value that nobody expects in its place."""
    match random.randrange(12):
        case 0:
            return random.choice(NUMBERS) * random.choice((1, -1))
        case 1:
            # The last is the largest that Python reads.
            return 10 ** random.choice((20, 400, 4300)) - 1
        case 2:
            return random.choice((float("nan"), float("inf"), -0.0, 1e308, -1e-320, 0.5))
        case 3:
            return random.choice((None, True, False, [], {}))
        case 4:
            # About as deep as Python goes.
            return nested(random.choice((2, 50, 900, 960, 970, 980, 985, 990)))
        case 5:
            return [random.choice(STRINGS) for _ in range(random.choice((1, 3, 300)))]
        case 6:
            return {random.choice(STRINGS): random.choice(STRINGS)}
        case _:
            return random.choice(STRINGS)


def nested(depth: int) -> Any:
    """Give lists within lists."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def dumped(value: Any, random: Random) -> bytes:
    """Give a value as JSON bytes, now and then torn."""
    try:
        text = json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):
        text = b"[" * 995
    # A number that JSON allows and no float holds.
    text = text.replace(b"1e+308", b"1e999")
    return changed_bytes(text, random) if random.random() < 0.3 else text


def json_batches(valid: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[bytes, ...]]:
    """Give batches of JSON documents as bytes: a valid one, and it with values replaced or bytes torn."""

    def vary(case: Any, seed: int) -> tuple[bytes, ...]:
        random = Random(seed)
        found = [json.dumps(case).encode()]
        while len(found) < BATCH:
            changed = case
            for _ in range(random.choice((0, 1, 1, 1, 2, 4))):
                changed = changed_json(changed, random)
            found.append(dumped(changed, random))
        return tuple(found)

    return st.builds(vary, valid, st.integers(0, (1 << 64) - 1))
