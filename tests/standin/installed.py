"""An installed stand-in as tests hold it: its knobs, its databases, its runs and what they left."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import artifact, journal, knobs
from .head import Head
from .install import install

_LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+0000 (INFO |WARN |ERROR) \[[\w.]+\] (.*)$")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended: its exit status, and what it printed on either stream."""

    exit_code: int
    out: str
    err: str

    @property
    def messages(self) -> list[str]:
        """The messages of the log lines on standard output."""
        return [found[2] for line in self.out.splitlines() if (found := _LOG_LINE.match(line))]


@dataclass(frozen=True, slots=True)
class Installed:
    """A home in ``root``, with a data folder, a target and a temporary folder beside it."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def program(self) -> Path:
        return self.home / "bin/neo4j-admin"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def target(self) -> Path:
        return self.root / "target"

    @property
    def temp(self) -> Path:
        return self.root / "temp"

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    def knobs(self, **values: object) -> None:
        """Set these knobs, and all others to what they are at first: this data folder, and a journal."""
        told = {"data": str(self.data), "journal": str(self.journal), **values}
        (self.home / knobs.FILE).write_text(json.dumps(told))

    def environment(self, **more: str) -> dict[str, str]:
        """The little that a run is given: none of STANDIN_* from outside."""
        return {"PATH": os.environ["PATH"], "TZ": "UTC", **more}

    def start(
        self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        """Start neo4j-admin in a process group of its own, with pipes that the caller reads and closes."""
        return subprocess.Popen(
            [self.program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(**(env or {})),
            cwd=cwd or self.root,
            start_new_session=True,
        )

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
        with self.start(*arguments, env=env, cwd=cwd) as process:
            out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def arguments(self, *more: str, kind: str = "FULL") -> list[str]:
        """A complete `database backup`, but for the database."""
        return ["database", "backup", f"--to-path={self.target}", f"--temp-path={self.temp}", f"--type={kind}", *more]

    def backup(self, *more: str, kind: str = "FULL") -> Ran:
        return self.run(*self.arguments(*more, kind=kind))

    def artifacts(self) -> list[Path]:
        """In the order of their names."""
        return sorted(self.target.glob("*.backup"))

    def heads(self) -> list[Head]:
        """Of the artifacts that have one, oldest first."""
        return [head for path in self.artifacts() if (head := artifact.read(str(path)))]

    def events(self, name: str = "") -> list[dict[str, object]]:
        """What the journal holds, all or of one name."""
        return [event for event in journal.read(str(self.journal)) if name in ("", event["event"])]


def make(root: Path, version: str = "5.26.28", edition: str = "enterprise") -> Installed:
    """Install into ``root``, with empty folders and plain knobs; its data folder holds no database yet."""
    made = Installed(root)
    install(made.home, version, edition)
    for folder in (made.data, made.target, made.temp):
        folder.mkdir()
    made.knobs()
    return made
