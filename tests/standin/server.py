"""The pretended server's databases, for tests and demos: create, commit, prune, stop, and the like.

`python -m tests.standin.server VERB …`, or `bin/standin-server VERB …` of an installed home.
"""

from __future__ import annotations

import json
import os
import sys

from . import state
from .state import STORELESS

SYSTEM = "system"
DEFAULT = "neo4j"


def create_dbms(data: str | os.PathLike[str], *names: str, size: int = 1 << 20) -> None:
    """`system`, and the databases named, or `neo4j`."""
    create_database(data, SYSTEM, size=64 * 1024)
    for name in names or (DEFAULT,):
        create_database(data, name, size=size)


def create_database(
    data: str | os.PathLike[str],
    name: str,
    *,
    size: int = 1 << 20,
    last_index: int = 1,
    kind: str = "standard",
    status: str = "online",
    fill: str = "random",
    metadata: str | None = None,
) -> None:
    """A database with a sparse store of ``size`` bytes; an alias or a composite one has none."""
    values: dict[str, object] = {"size": size, "last_index": last_index, "kind": kind, "status": status, "fill": fill}
    _store(data, name, values if metadata is None else {**values, "metadata": metadata})
    if kind in STORELESS:
        return
    _sized(f"{os.fspath(data)}/databases/{name}/neostore.nodestore.db", size)
    _sized(f"{os.fspath(data)}/transactions/{name}/neostore.transaction.db.0", 0)


def commit(data: str | os.PathLike[str], name: str, count: int = 1) -> int:
    """``count`` transactions more; returns the append index of the last."""
    database = _existing(data, name)
    last = database.last_index + count
    _store(data, name, {**database.values, "last_index": last})
    _sized(f"{os.fspath(data)}/transactions/{name}/neostore.transaction.db.0", last * database.bytes_per_index)
    return last


def recreate(data: str | os.PathLike[str], name: str, *, keep_database_id: bool = False) -> None:
    """Another store under the same name, as after a drop and create, or, with the id kept, after a restore."""
    database = _existing(data, name)
    values = {**database.values, "store_random": int.from_bytes(os.urandom(7), "big"), "last_index": 1}
    if not keep_database_id:
        identity = os.urandom(16).hex()
        values["database_id"] = "-".join(
            (identity[:8], identity[8:12], identity[12:16], identity[16:20], identity[20:])
        )
    _store(data, name, {**values, "pruned_below": 0})


def stop(data: str | os.PathLike[str], name: str) -> None:
    change(data, name, status="offline")


def start(data: str | os.PathLike[str], name: str) -> None:
    change(data, name, status="online")


def prune(data: str | os.PathLike[str], name: str, below: int | None = None) -> None:
    """Forget the transactions below this append index; without one, all that were committed so far."""
    last = _existing(data, name).last_index
    change(data, name, pruned_below=last + 1 if below is None else below)


def change(data: str | os.PathLike[str], name: str, **values: object) -> None:
    """Set keys of the database's file: see state.py."""
    _store(data, name, {**_existing(data, name).values, **values})


def drop(data: str | os.PathLike[str], name: str) -> None:
    _existing(data, name)
    for folder in (f"{os.fspath(data)}/databases/{name}", f"{os.fspath(data)}/transactions/{name}"):
        if os.path.isdir(folder):
            for entry in os.listdir(folder):
                os.unlink(f"{folder}/{entry}")
            os.rmdir(folder)
    if os.path.exists(path := f"{os.fspath(data)}/standin/{name}.json"):
        os.unlink(path)


def show(data: str | os.PathLike[str], name: str) -> dict[str, object]:
    """All that the server knows of the database."""
    return dict(_existing(data, name).values)


def _existing(data: str | os.PathLike[str], name: str) -> state.Database:
    if found := state.load(os.fspath(data), name):
        return found
    raise LookupError(f"there is no database {name!r} in {os.fspath(data)}")


def _store(data: str | os.PathLike[str], name: str, values: dict[str, object]) -> None:
    state.Database(name, values)  # raises for what a run would raise for
    storeless = values.get("kind") in STORELESS
    folder = f"{os.fspath(data)}/standin" if storeless else f"{os.fspath(data)}/databases/{name}"
    path = f"{folder}/{name}.json" if storeless else f"{folder}/{state.FILE}"
    os.makedirs(folder, exist_ok=True)
    # A run may read it at any moment.
    with open(f"{path}.tmp", "w", encoding="utf-8") as file:
        json.dump(values, file, indent=1)
    os.rename(f"{path}.tmp", path)


def _sized(path: str, size: int) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab") as file:
        file.truncate(size)


def main(home: str, arguments: list[str]) -> int:
    """The verbs; ``home`` is where data/ lies, if neither STANDIN_DATA nor --data say another place."""
    import argparse

    parser = argparse.ArgumentParser(prog="standin-server", description="The pretended server's databases.")
    parser.add_argument("--data", default=os.environ.get("STANDIN_DATA") or f"{home}/data")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("init", help="system and neo4j")
    create = verbs.add_parser("create")
    create.add_argument("--size", type=int, default=1 << 20)
    create.add_argument("--kind", choices=state.KINDS, default="standard")
    for verb in ("create", "commit", "recreate", "stop", "start", "prune", "drop", "show"):
        (create if verb == "create" else verbs.add_parser(verb)).add_argument("name")
    for verb in ("commit", "prune"):
        verbs.choices[verb].add_argument("number", type=int, nargs="?")
    given = parser.parse_args(arguments)
    match given.verb:
        case "init":
            create_dbms(given.data)
        case "create":
            create_database(given.data, given.name, size=given.size, kind=given.kind)
        case "commit":
            print(commit(given.data, given.name, given.number or 1), flush=True)
        case "prune":
            prune(given.data, given.name, given.number)
        case "show":
            print(json.dumps(show(given.data, given.name), indent=1), flush=True)
        case verb:
            {"recreate": recreate, "stop": stop, "start": start, "drop": drop}[verb](given.data, given.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ.get("NEO4J_HOME", "."), sys.argv[1:]))
