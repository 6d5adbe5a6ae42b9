"""The knobs of the stand-in: one value each, from `conf/standin.json` of its home, overridden by the environment.

Every run reads them anew. In the environment a knob is STANDIN_ and its name in capitals; its value is JSON,
or plain text where that is no JSON (STANDIN_OFFLINE and STANDIN_FAULTS then are words parted by commas).

| knob                 | default                  | what                                                             |
| -------------------- | ------------------------ | ---------------------------------------------------------------- |
| data                 | $NEO4J_HOME/data         | the folder with databases/ and transactions/                     |
| servers              | {}                       | "host:port": data folder, where servers hold different databases |
| connect              | "state"                  | "tcp" opens a socket to each server, "state" looks at `offline`  |
| offline              | []                       | servers that can't be reached, "host" or "host:port"             |
| rate                 | 0                        | bytes per second of the copy and of the artifact; 0: unbounded   |
| stage_delay          | 0                        | seconds that each stage waits before it begins                   |
| faults               | []                       | names, or objects with parameters: see faults.py                 |
| uncertain            | "keep"                   | "reword" or "delete" each line that the reference marks [?] or O |
| diff_pruned          | "fail"                   | or "fallback": a DIFF whose transactions the server has pruned   |
| prefer_diff_value    | false                    | whether --prefer-diff-as-parent=true is accepted                 |
| missing_to_path_exit | 64                       | or 1                                                             |
| name_time            | "artifact"               | or "start": which moment names the artifact                      |
| clock                | 0                        | seconds, before or behind, that are added to an artifact's time  |
| artifact_format      | 2                        | 1 (BZV1, BTV1), 2 (BZV2, BTV2) or 3 (BZV3, BTV2)                 |
| cloud_root           | ""                       | folder that stands for cloud storage; without it a URI fails     |
| journal              | ""                       | file that gets a JSON line for each event: see journal.py        |
| state                | the journal's path, else | prefix of the files that count faults and show overlaps          |
|                      | $NEO4J_HOME/logs/standin |                                                                  |
"""

from __future__ import annotations

import json

from . import faults
from .misuse import Misuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "conf/standin.json"
PREFIX = "STANDIN_"

_DEFAULTS: dict[str, object] = {
    "data": "",
    "servers": {},
    "connect": "state",
    "offline": [],
    "rate": 0,
    "stage_delay": 0,
    "faults": [],
    "uncertain": "keep",
    "diff_pruned": "fail",
    "prefer_diff_value": False,
    "missing_to_path_exit": 64,
    "name_time": "artifact",
    "clock": 0,
    "artifact_format": 2,
    "cloud_root": "",
    "journal": "",
    "state": "",
}
_CHOICES: dict[str, tuple[object, ...]] = {
    "connect": ("state", "tcp"),
    "uncertain": ("keep", "reword", "delete"),
    "diff_pruned": ("fail", "fallback"),
    "missing_to_path_exit": (64, 1),
    "name_time": ("artifact", "start"),
    "artifact_format": (1, 2, 3),
}
_LISTS = ("offline", "faults")


NAMES = tuple(_DEFAULTS)


class Knobs:
    """Every knob's value; raises ``Misuse`` for an unknown knob and for a value of the wrong kind."""

    def __init__(self, given: Mapping[str, object], neo4j_home: str) -> None:
        if unknown := sorted(given.keys() - _DEFAULTS.keys()):
            raise Misuse(f"unknown knob {unknown[0]!r}; there are {', '.join(_DEFAULTS)}")
        values = {**_DEFAULTS, **given}
        for name, choices in _CHOICES.items():
            if values[name] not in choices:
                raise Misuse(f"knob {name} is {values[name]!r}; it may be {' or '.join(map(repr, choices))}")
        self.data = _text(values, "data") or f"{neo4j_home}/data"
        self.servers = _texts(values, "servers")
        self.connect = _text(values, "connect")
        self.offline = _words(values, "offline")
        self.rate = _number(values, "rate")
        self.stage_delay = _number(values, "stage_delay")
        self.faults = faults.parse(values["faults"])
        self.uncertain = _text(values, "uncertain")
        self.diff_pruned = _text(values, "diff_pruned")
        self.prefer_diff_value = values["prefer_diff_value"] is True
        self.missing_to_path_exit = int(_number(values, "missing_to_path_exit"))
        self.name_time = _text(values, "name_time")
        self.clock = _number(values, "clock", least=-4e9)
        self.artifact_format = int(_number(values, "artifact_format"))
        self.cloud_root = _text(values, "cloud_root")
        self.journal = _text(values, "journal")
        self.state = _text(values, "state") or self.journal or f"{neo4j_home}/logs/standin"


def given(home: str, environ: Mapping[str, str]) -> dict[str, object]:
    """What the file and the environment say, unchecked: as JSON it is handed to the worker."""
    values: dict[str, object] = {}
    try:
        with open(f"{home}/{FILE}", encoding="utf-8") as file:
            loaded: object = json.load(file)
    except FileNotFoundError:
        loaded = {}
    except ValueError as error:
        raise Misuse(f"{home}/{FILE} is no JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise Misuse(f"{home}/{FILE} holds no JSON object")
    values.update(loaded)
    for name in _DEFAULTS:
        if text := environ.get(PREFIX + name.upper()):
            values[name] = _from_environment(name, text)
    return values


def _from_environment(name: str, text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        return text.split(",") if name in _LISTS else text
    return str(value) if isinstance(_DEFAULTS[name], str) else value


def _text(values: Mapping[str, object], name: str) -> str:
    value = values[name]
    if not isinstance(value, str):
        raise Misuse(f"knob {name} is {value!r}; it must be a text")
    return value


def _number(values: Mapping[str, object], name: str, *, least: float = 0) -> float:
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        raise Misuse(f"knob {name} is {value!r}; it must be a number from {least} on")
    return value


def _words(values: Mapping[str, object], name: str) -> list[str]:
    value = values[name]
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Misuse(f"knob {name} is {value!r}; it must be a list of texts")
    return value


def _texts(values: Mapping[str, object], name: str) -> dict[str, str]:
    value = values[name]
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Misuse(f"knob {name} is {value!r}; it must be an object of texts")
    return value
