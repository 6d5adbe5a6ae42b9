"""The backup of one database, start to end: its stages, its lines and its artifact."""

from __future__ import annotations

import os
import shutil
import time

from . import artifact, chain, filler, tar
from .artifact import Shape
from .head import Head
from .output import took
from .stages import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .chain import Plan
    from .faults import Faults
    from .knobs import Knobs
    from .output import Output
    from .parse import Request
    from .servers import Server
    from .stages import Stages
    from .state import Database


class Backup:
    """One database of one run."""

    def __init__(
        self, request: Request, knobs: Knobs, output: Output, stages: Stages, database: Database, server: Server
    ) -> None:
        self._request = request
        self._knobs = knobs
        self._output = output
        self._stages = stages
        self._faults: Faults = stages.faults
        self._database = database
        self._server = server
        self._target = ""
        self._working = ""
        self._name = f"database '{database.name}'"

    def run(self, target: str, working: str) -> None:
        """Make an artifact in ``target``; raises ``Failed`` or ``OSError`` where there is none."""
        self._target, self._working = target, working
        began = time.monotonic()
        named = time.time()
        self._output.log(f"Start backup of {self._name}.", sure=False)
        self._stages.pass_through("connect")
        self._output.log(f"Using remote server {self._server.address} for backup of {self._name}.", sure=False)
        found = chain.find(self._target)
        plan = self._plan(found)
        self._copy(plan)
        if self._knobs.name_time == "artifact":
            named = time.time()
        self._pack(plan, int(named + self._knobs.clock), found)
        self._output.log(f"Backup of {self._name} completed, took {took(time.monotonic() - began)}.", sure=False)
        self._stages.pass_through("end")

    def _plan(self, found: list[chain.Found]) -> Plan:
        kind = "FULL" if "diff_as_full" in self._faults else self._request.kind
        prefer_diff = self._request.on("--prefer-diff-as-parent")
        before = chain.parent(found, chain.identity_of(self._database), prefer_diff=prefer_diff)
        falls_back = self._knobs.diff_pruned == "fallback"
        plan = chain.plan(kind, self._database, before, pruned_falls_back=falls_back)
        if reason := plan.refusal or plan.fallback:
            told = self._output.within(reason, sure=reason != chain.NO_PARENT)
            self._output.log(f"Differential backup of {self._name} failed. Reason: {told}", level="WARN")
        if plan.refusal:
            raise Failed(plan.refusal, sure=plan.refusal != chain.NO_PARENT)
        if plan.fallback:
            self._output.log(f"Falling back to full backup of {self._name}.")
        if not plan.full and not plan.empty:
            for fault, sign in (("diff_gap", 1), ("diff_overlap", -1)):
                if found_fault := self._faults.get(fault):
                    plan.lowest += sign * int(found_fault.number("by"))
        return plan

    def _copy(self, plan: Plan) -> None:
        database, say = self._database, self._output.log
        say(f"Start {'full' if plan.full else 'differential'} backup of {self._name}.")
        if plan.full:
            self._stages.enter("receive")
            began = time.monotonic()
            say(f"Start receiving store files for {self._name}.", sure=False)
            filler.store(self._working, database, self._stages.pace("receive", database.size))
            say(f"Finished receiving store files for {self._name}, took {_since(began)}.", sure=False)
        self._stages.enter("transactions")
        began = time.monotonic()
        # A full copy brings its store along; only what was committed meanwhile comes as transactions.
        lowest = database.last_index if plan.full else plan.lowest
        say(f"Start receiving transactions for {self._name} from {lowest}.", sure=False)
        pace = self._stages.pace("transactions", max(0, plan.highest - lowest + 1) * database.bytes_per_index)
        filler.transactions(self._working, database, lowest, plan.highest, pace)
        if plan.empty:
            remote = f"DatabaseId{{{database.database_id.hex()[:8]}[{database.name}]}}"
            say(f"The remote server ({self._server.address}) has not any recent data for database '{remote}'.")
        say(f"Finished receiving transactions for {self._name} at {plan.highest}, took {_since(began)}.", sure=False)
        if plan.full and not self._request.on("--skip-recovery"):
            self._stages.enter("recover")
            began = time.monotonic()
            say(f"Start recovering {self._name}.", sure=False)
            self._stages.strike("recover")
            say(f"Finished recovering {self._name}, took {_since(began)}.", sure=False)
        if plan.full:
            say(f"Finished full backup of {self._name}. Downloaded from tx -1 to tx {plan.highest}.")
        else:
            say(f"Finished differential backup of {self._name}.")

    def _pack(self, plan: Plan, named: int, found: list[chain.Found]) -> None:
        self._stages.enter("artifact")
        began = time.monotonic()
        head = self._head(plan, named)
        name = artifact.name(self._database.name, time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(named)))
        before = [one.name for one in found if one.head.database == self._database.name]
        old = self._faults.get("old_name")
        if old and old.parameters["write"] is not True:
            self._stages.strike("artifact")
        elif "old_content" in self._faults:
            shutil.copyfile(f"{self._target}/{max(before)}", f"{self._target}/{name}")
        elif not {"nothing", "line_without_file"} & self._faults.names:
            self._write(f"{self._target}/{name}", head)
        if "extra_artifact" in self._faults:
            other = time.strftime("%Y-%m-%dT%H-%M-%S", time.localtime(named + 1))
            self._write(f"{self._target}/{artifact.name(self._database.name, other)}", head)
        if not {"nothing", "file_without_line"} & self._faults.names:
            told = max(before, default=name) if old else name
            self._output.log(f"Finished artifact creation '{told}' for {self._name}, took {_since(began)}.")

    def _write(self, path: str, head: Head) -> None:
        try:
            descriptor = artifact.create(path)
        except FileExistsError as error:
            raise Failed(f"FAKE: {path} exists already") from error
        try:
            if "empty_artifact" not in self._faults:
                pace = self._stages.pace("artifact", sum(map(tar.size, self._trees())))
                artifact.write(descriptor, head, pace.through(self._body()), self._shape())
                pace.finish()
            if fault := self._faults.get("truncated_artifact"):
                keep = fault.number("keep")
                os.truncate(descriptor, int(keep if keep >= 2 else keep * os.fstat(descriptor).st_size))
            if fault := self._faults.get("trailing_bytes"):
                artifact.write_all(descriptor, b"\xa5" * int(fault.number("bytes")))
        finally:
            os.close(descriptor)

    def _shape(self) -> Shape:
        shape = Shape(self._knobs.artifact_format)
        if fault := self._faults.get("unknown_magic"):
            shape.magic = fault.text("magic")
        if fault := self._faults.get("unknown_metadata"):
            shape.version = int(fault.number("version"))
        return shape

    def _trees(self) -> list[str]:
        folders = (f"{self._working}/{kind}/{self._database.name}" for kind in ("databases", "transactions"))
        return [folder for folder in folders if os.path.isdir(folder)]

    def _body(self) -> Iterator[bytes]:
        for folder in self._trees():
            yield from tar.tree(folder)
        yield tar.END

    def _head(self, plan: Plan, moment: int) -> Head:
        database = self._database
        wrong = self._faults.get("wrong_database")
        script = "" if self._request.value("--include-metadata").lower() == "none" else database.metadata
        return Head(
            database=wrong.text("name") if wrong else database.name,
            database_id=bytes(16) if wrong else database.database_id,
            store_created=database.store_created,
            store_random=database.store_random ^ ("wrong_store" in self._faults),
            store_engine=database.store_engine,
            format_name=database.format_name,
            time=moment,
            lowest=plan.lowest,
            highest=plan.highest,
            full=plan.full,
            recovered=plan.full and not self._request.on("--skip-recovery"),
            compressed=self._request.on("--compress", "true"),
            metadata={"metadataScript": script} if script else None,
        )


def _since(began: float) -> str:
    return took(time.monotonic() - began)
