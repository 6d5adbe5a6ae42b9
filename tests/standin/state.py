"""What the pretended server knows of each database: a JSON file beside its store, with stable defaults without one.

`<data>/databases/<name>/standin.json`; an alias and a composite database have no store, and theirs is
`<data>/standin/<name>.json`. Keys, all optional:

| key             | default          | what                                                          |
| --------------- | ---------------- | ------------------------------------------------------------- |
| database_id     | from the name    | UUID                                                          |
| store_created   | from the name    | milliseconds since the epoch, part of the store id            |
| store_random    | from the name    | 64 bits, part of the store id                                 |
| store_engine    | "record"         |                                                               |
| format_name     | "aligned"        |                                                               |
| last_index      | 1                | append index of the last transaction                          |
| pruned_below    | 0                | the lowest append index whose transactions the server still has |
| status          | "online"         | or "offline"                                                  |
| kind            | "standard"       | "alias", "composite", "shard" (of properties)                 |
| size            | 1048576          | bytes of its store                                            |
| bytes_per_index | 1024             | bytes of one transaction's log                                |
| fill            | "random"         | or "text", which compresses well                              |
| metadata        | a line of Cypher | the script of users and roles in the head; "" for none        |
"""

from __future__ import annotations

import json
import os
from _random import Random

from .misuse import Misuse

FILE = "standin.json"
KINDS = ("standard", "alias", "composite", "shard")
STORELESS = ("alias", "composite")

_NUMBERS = ("store_created", "store_random", "last_index", "pruned_below", "size", "bytes_per_index")


class Database:
    """One database as the server has it; the attributes are the keys of its file."""

    def __init__(self, name: str, values: dict[str, object]) -> None:
        known = {**defaults(name), **values}
        if unknown := sorted(known.keys() - defaults(name).keys()):
            raise Misuse(f"the state of database {name} has the unknown key {unknown[0]!r}")
        numbers = {key: known[key] for key in _NUMBERS}
        for key, value in numbers.items():
            if not isinstance(value, int):
                raise Misuse(f"{key} of database {name} is {value!r}; it must be a whole number")
        self.name = name
        self.values = known
        self.database_id = bytes.fromhex(str(known["database_id"]).replace("-", ""))
        self.store_created, self.store_random, self.last_index, self.pruned_below, self.size, self.bytes_per_index = (
            int(str(numbers[key])) for key in _NUMBERS
        )
        self.store_engine = str(known["store_engine"])
        self.format_name = str(known["format_name"])
        self.online = known["status"] == "online"
        self.kind = str(known["kind"])
        self.fill = str(known["fill"])
        self.metadata = str(known["metadata"])
        if self.kind not in KINDS or known["status"] not in ("online", "offline"):
            raise Misuse(f"kind or status of database {name} is none: {self.kind!r}, {known['status']!r}")

    @property
    def copyable(self) -> bool:
        """Whether a pattern takes it: aliases and composite databases have no store, a stopped one can't be copied."""
        return self.online and self.kind not in STORELESS


def defaults(name: str) -> dict[str, object]:
    """Stable, from the name alone."""
    random = Random(int.from_bytes(name.encode(), "big"))
    identity = random.getrandbits(128).to_bytes(16, "big").hex()
    return {
        "database_id": "-".join((identity[:8], identity[8:12], identity[12:16], identity[16:20], identity[20:])),
        "store_created": 1_700_000_000_000 + random.getrandbits(32),
        "store_random": random.getrandbits(63),
        "store_engine": "record",
        "format_name": "aligned",
        "last_index": 1,
        "pruned_below": 0,
        "status": "online",
        "kind": "standard",
        "size": 1 << 20,
        "bytes_per_index": 1024,
        "fill": "random",
        "metadata": "" if name == "system" else f"CREATE ROLE `{name}-reader` IF NOT EXISTS;",
    }


def names(data: str) -> list[str]:
    """Every database, alias and composite database of the server, in order."""
    stores = [entry.name for entry in _entries(f"{data}/databases") if entry.is_dir()]
    storeless = [entry.name.removesuffix(".json") for entry in _entries(f"{data}/standin")]
    return sorted({*stores, *storeless})


def load(data: str, name: str) -> Database | None:
    """The database, or None where the server has none of this name."""
    folder = f"{data}/databases/{name}"
    for path in (f"{folder}/{FILE}", f"{data}/standin/{name}.json"):
        try:
            with open(path, encoding="utf-8") as file:
                values: object = json.load(file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except ValueError as error:
            raise Misuse(f"{path} is no JSON: {error}") from error
        if not isinstance(values, dict):
            raise Misuse(f"{path} holds no JSON object")
        return Database(name, values)
    return Database(name, {}) if os.path.isdir(folder) else None


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
