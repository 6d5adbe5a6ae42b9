"""Each fault of neo4j-admin ends in its promised state, in the user's words, and leaves nothing to build on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.matrix import Group, fault, faults
from tests.faults.recording import Recorder
from tests.integration.serving import failed_folder, lent, serving
from tests.rig import Rig, wait_for

PEAK_KIB = 64 * 1024
LIMIT = 8 * 1024 * 1024 + 4096
"""What a request's log may take: its first and last 4 MiB, and what is said of the rest."""


@dataclass(frozen=True)
class Case:
    """A fault, the type that is asked for, and what is promised of its end."""

    faults: Sequence[str | dict[str, Any]]
    code: str | None
    says: str
    hint: str = ""
    type_: str = "FULL"
    exit_code: int = 3
    aside: int = 0
    """How many files of the run are set aside."""
    stays: int = 0
    """How many stay in the target, beside the parent that lay there before."""
    parent: bool = False
    """Whether a full backup lies there before, and the database went on since."""
    printed: str = ""
    """What has to be among the last lines that it printed."""
    knobs: dict[str, Any] = field(default_factory=dict)


UNPROVEN = ("artifact_unverified", "proves no backup")
LINE_BYTES = 64_000
PRUNED = "finds the transactions since the last backup gone"
CASES = {
    "exits 0 and leaves nothing": Case(
        ["nothing"], "artifact_unverified", "didn't say that it finished", "Trigger a full backup"
    ),
    "reports an artifact that isn't there": Case(
        ["line_without_file"], "artifact_unverified", "no such file lies in the target"
    ),
    "leaves an artifact and doesn't report it": Case(
        ["file_without_line"], "artifact_unverified", "didn't say", aside=1
    ),
    "leaves an empty artifact": Case(["empty_artifact"], "artifact_unverified", "of zero length", "set aside", aside=1),
    "leaves an artifact cut in its body": Case(
        [{"fault": "truncated_artifact", "keep": 0.9}], *UNPROVEN, "logs ID", aside=1
    ),
    "leaves an artifact that lacks its last bytes": Case(
        [{"fault": "truncated_artifact", "keep": 0.99999}], "artifact_unverified", "not a whole backup", aside=1
    ),
    "leaves an artifact cut in its head": Case([{"fault": "truncated_artifact", "keep": 20}], *UNPROVEN, aside=1),
    "leaves an artifact with bytes behind its end": Case(
        ["trailing_bytes"], "artifact_unverified", "not a whole backup", aside=1
    ),
    "leaves an artifact of another database": Case(
        ["wrong_database"], "artifact_unverified", "holds the database 'other', not neo4j", aside=1
    ),
    "leaves two artifacts": Case(["extra_artifact"], "artifact_unverified", "as well", aside=2),
    "leaves an artifact of a later format": Case(
        ["unknown_magic"], "artifact_unverified", "can't be judged", "Use a release", stays=1
    ),
    "leaves an artifact with metadata of a later format": Case(
        ["unknown_metadata"], "artifact_unverified", "can't be judged", "stays where", stays=1
    ),
    "reports an artifact that lay there before": Case(
        ["old_name"], "artifact_unverified", "lay there before it began", parent=True
    ),
    "reports an artifact that lay there before, and leaves a new one": Case(
        [{"fault": "old_name", "write": True}], "artifact_unverified", "lay there before", parent=True, aside=1
    ),
    "leaves a copy of an older artifact under a new name": Case(
        ["old_content"], "artifact_unverified", "which lay there before it began", parent=True, aside=1
    ),
    "leaves a differential that begins too late": Case(
        ["diff_gap"], "artifact_unverified", "no link of a chain", type_="DIFF", parent=True, aside=1
    ),
    "leaves a differential that begins too early": Case(
        ["diff_overlap"], "artifact_unverified", "no link of a chain", type_="DIFF", parent=True, aside=1
    ),
    "leaves a differential of another store": Case(
        ["wrong_store"], "artifact_unverified", "no link of a chain", type_="DIFF", parent=True, aside=1
    ),
    "makes a full backup where a differential was asked for": Case(
        ["diff_as_full"], None, "although a differential was asked for", type_="DIFF", parent=True
    ),
    "reports success and is then killed": Case(
        ["killed_after_success"], "backup_failed", "was killed (SIGKILL)", "Look on the node", aside=1
    ),
    "is killed and has printed nothing": Case(["silent", "oom"], "backup_failed", "was killed (SIGKILL)"),
    "prints nothing, leaves an artifact and exits 0": Case(
        ["silent"], "artifact_unverified", "didn't say that it finished an artifact", aside=1
    ),
    "prints what other programs print": Case(["noise"], None, "full backup neo4j-", printed="Backup command completed"),
    "prints 1 MiB of lines": Case(["flood"], None, "full backup neo4j-", printed="completed"),
    "prints 1 MiB of errors": Case([{"fault": "flood", "stream": "stderr"}], None, "full backup neo4j-"),
    "prints a line of 100 MB": Case(["long_line"], None, "full backup neo4j-", printed="xxx…"),
    "prints 1 GiB, in lines of 16 MiB": Case(
        [{"fault": "flood", "bytes": 1 << 30, "line": 16 << 20}], None, "full backup neo4j-", printed="completed"
    ),
    "prints invalid UTF-8": Case(["invalid_utf8"], None, "full backup neo4j-", printed="\N{REPLACEMENT CHARACTER}"),
    "runs out of its heap": Case(["heap_too_small"], "out_of_memory", "heap was too small", "NEO4J_BACKUP_HEAP"),
    "finds no space left": Case(["enospc"], "insufficient_space", "no space left", "Free some space", exit_code=5),
    "says that a database's backup failed": Case(
        ["fail"], "backup_failed", "was told to fail", "output_tail", printed="FAKE: this backup"
    ),
    "fails once it has written its artifact": Case(
        [{"fault": "fail", "stage": "end"}], "backup_failed", "said that it finished", aside=1
    ),
    "fails while it writes its artifact": Case(
        [{"fault": "fail", "stage": "artifact"}], "backup_failed", "told to fail", aside=1
    ),
    "reports success and exits 1": Case(["exit"], "backup_failed", "exited with 1", aside=1),
    "exits 2": Case([{"fault": "exit", "code": 2}], "configuration_error", "Enterprise only", exit_code=5, aside=1),
    "exits 64": Case([{"fault": "exit", "code": 64}], "configuration_error", "refused", exit_code=5, aside=1),
    "exits 127": Case([{"fault": "exit", "code": 127}], "configuration_error", "Java", exit_code=5, aside=1),
    "is killed by SIGABRT": Case([{"fault": "exit", "code": 134}], "backup_failed", "JVM aborted", aside=1),
    "exits 255": Case([{"fault": "exit", "code": 255}], "backup_failed", "exited with 255", aside=1),
    "leaves a process that holds its pipe": Case(["grandchild"], None, "full backup neo4j-"),
    "leaves a process in a session of its own that holds its pipe": Case(
        [{"fault": "grandchild", "session": True}], None, "full backup neo4j-"
    ),
    "finds no full backup to build on": Case(
        [], "backup_failed", "no full backup of 'neo4j' lies in", "Ask for AUTO", type_="DIFF"
    ),
    PRUNED: Case([], "backup_failed", "no longer the transactions", "Ask for AUTO or FULL", "DIFF", parent=True),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("faults") / "rig", "neo4j", "pruned") as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    with lent(served) as rig:
        yield rig


@pytest.mark.parametrize("name", faults(Group.ADMIN, CASES))
def test_a_fault_of_neo4j_admin_ends_in_the_truth(rig: Rig, name: str, row: Recorder) -> None:
    case = CASES[name]
    before = _parent(rig, pruned=name == PRUNED) if case.parent else []
    rig.set_knobs(faults=case.faults)

    row.strike()
    rig.submit(rig.target.name, case.type_)
    document = rig.wait_for_end(rig.target.name, 100)
    row.ended(rig, document)

    assert (document["code"], document["exit_code"]) == (case.code, case.exit_code if case.code else 0), document
    assert document["state"] == ("failed" if case.code else "succeeded")
    assert case.says in document["message"]
    assert case.hint in document["hint"]
    assert bool(document["hint"]) == bool(case.code), "who fails is told what to do"
    assert not document["retryable"]
    (result,) = document["results"]
    assert (result["code"], result["message"]) == (document["code"], document["message"])
    _check_what_is_left(rig, case, before, result["artifact"])
    _check_what_is_kept(rig, rig.target.name, case, document["output_tail"])
    assert _peak_kib(rig) < PEAK_KIB


def _peak_kib(rig: Rig) -> int:
    status = Path(f"/proc/{rig.daemons[-1].pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def _parent(rig: Rig, *, pruned: bool) -> list[str]:
    from tests.standin import server

    # It is named after another second than this one, for which the next run would wait.
    rig.set_knobs(clock=-60)
    rig.submit(f"{rig.target.name}-parent")
    assert rig.wait_for_end(f"{rig.target.name}-parent")["state"] == "succeeded"
    server.commit(rig.data, "neo4j", 4)
    if pruned:
        server.prune(rig.data, "neo4j")
        server.commit(rig.data, "neo4j", 1)
    return rig.artifacts()


def _check_what_is_left(rig: Rig, case: Case, before: list[str], made: str | None) -> None:
    new = [name for name in rig.artifacts() if name not in before]
    assert len(new) == (1 if case.code is None else case.stays), new
    assert set(before) <= set(rig.artifacts()), "what lay there before isn't ours to move"
    assert made is None or new == [made]
    assert len(failed_folder(rig)) == case.aside
    assert sorted(path.name for path in rig.target.iterdir() if path.name != ".failed") == rig.artifacts()


def _check_what_is_kept(rig: Rig, request: str, case: Case, tail: list[str]) -> None:
    log = (rig.requests / "logs" / f"{request}.log").read_bytes()
    silent = "silent" in case.faults
    assert bool(log) != silent
    assert len(log) <= LIMIT
    assert bool(tail) != silent
    assert len(tail) <= 40
    assert sum(len(line.encode()) for line in tail) <= 8 * 1024
    assert any(case.printed in line for line in tail) or silent
    assert all(line.isprintable() for line in tail)


@fault(Group.ADMIN, "ignores SIGTERM when its backup is cancelled")
def test_a_run_that_ignores_sigterm_is_killed_when_its_grace_is_over(rig: Rig, row: Recorder) -> None:
    rig.set_knobs(faults=["ignore_sigterm", {"fault": "hang"}])
    rig.submit("stubborn")
    wait_for(lambda: len(rig.processes()) >= 2, 10)

    row.strike()
    rig.lines("cancel", "stubborn")
    document = rig.wait_for_end("stubborn")
    row.ended(rig, document)

    assert (document["state"], document["code"]) == ("cancelled", "backup_cancelled")
    assert rig.processes() == []


def test_of_much_output_the_log_keeps_the_beginning_and_the_end_and_says_what_is_left_out(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "long_line", "bytes": LINE_BYTES}] * 135)

    rig.submit("much")
    rig.wait_for_end("much")
    log = (rig.requests / "logs/much.log").read_bytes()
    carried = rig.ask("log", "much").stdout

    assert 8 * 1024 * 1024 - LINE_BYTES < len(log) <= LIMIT
    assert log.count(b"bytes that neo4j-admin printed are left out here") == 1
    assert b"Starting backup of database 'neo4j'" in log[:4096]
    assert log.endswith(b"Backup command completed.\n")
    assert carried.count(b"\n") == log.count(b"\n") + 1, "each line is told, and the end"


def test_a_line_without_end_is_kept_to_its_64_kib(rig: Rig) -> None:
    rig.set_knobs(faults=[{"fault": "long_line", "bytes": 1_000_000}])

    rig.submit("long")
    rig.wait_for_end("long")
    longest = max((rig.requests / "logs/long.log").read_bytes().splitlines(), key=len)

    assert len(longest) <= 64 * 1024
    assert longest.endswith(b"more bytes of this line are left out]")


def test_a_failed_differential_leaves_the_chain_as_it_was(rig: Rig) -> None:
    before = _parent(rig, pruned=False)
    rig.set_knobs(faults=["diff_gap"])
    rig.submit("gap", "DIFF")
    assert rig.wait_for_end("gap")["state"] == "failed"
    rig.set_knobs()

    rig.submit("next", "DIFF")
    document = rig.wait_for_end("next")

    assert document["state"] == "succeeded"
    assert document["results"][0]["type"] == "DIFF"
    assert rig.artifacts() == sorted([*before, document["results"][0]["artifact"]])
