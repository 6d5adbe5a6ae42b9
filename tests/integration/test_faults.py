"""Each fault of neo4j-admin ends in its promised state, in the user's words, and leaves nothing to build on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.integration.serving import failed_folder, lent, serving
from tests.rig import Rig

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
CASES = {
    "nothing": Case(["nothing"], "artifact_unverified", "didn't say that it finished", "Trigger a full backup"),
    "line_without_file": Case(["line_without_file"], "artifact_unverified", "no such file lies in the target"),
    "file_without_line": Case(["file_without_line"], "artifact_unverified", "didn't say", aside=1),
    "empty_artifact": Case(["empty_artifact"], "artifact_unverified", "of zero length", "set aside", aside=1),
    "cut in the body": Case([{"fault": "truncated_artifact", "keep": 0.9}], *UNPROVEN, "logs ID", aside=1),
    "cut at the last byte": Case(
        [{"fault": "truncated_artifact", "keep": 0.99999}], "artifact_unverified", "not a whole backup", aside=1
    ),
    "cut in the head": Case([{"fault": "truncated_artifact", "keep": 20}], *UNPROVEN, aside=1),
    "trailing_bytes": Case(["trailing_bytes"], "artifact_unverified", "not a whole backup", aside=1),
    "wrong_database": Case(["wrong_database"], "artifact_unverified", "holds the database 'other', not neo4j", aside=1),
    "extra_artifact": Case(["extra_artifact"], "artifact_unverified", "as well", aside=2),
    "unknown_magic": Case(["unknown_magic"], "artifact_unverified", "can't be judged", "Use a release", stays=1),
    "unknown_metadata": Case(["unknown_metadata"], "artifact_unverified", "can't be judged", "stays where", stays=1),
    "old_name": Case(["old_name"], "artifact_unverified", "lay there before it began", parent=True),
    "old_name beside a new file": Case(
        [{"fault": "old_name", "write": True}], "artifact_unverified", "lay there before", parent=True, aside=1
    ),
    "diff_gap": Case(["diff_gap"], "artifact_unverified", "no link of a chain", type_="DIFF", parent=True, aside=1),
    "diff_overlap": Case(
        ["diff_overlap"], "artifact_unverified", "no link of a chain", type_="DIFF", parent=True, aside=1
    ),
    "a diff of another store": Case(
        ["wrong_store"], "artifact_unverified", "no link of a chain", type_="DIFF", parent=True, aside=1
    ),
    "diff_as_full": Case(["diff_as_full"], None, "although a differential was asked for", type_="DIFF", parent=True),
    "killed_after_success": Case(
        ["killed_after_success"], "backup_failed", "was killed (SIGKILL)", "Look on the node", aside=1
    ),
    "killed while it prints nothing": Case(["silent", "oom"], "backup_failed", "was killed (SIGKILL)"),
    "silent": Case(["silent"], "artifact_unverified", "didn't say that it finished an artifact", aside=1),
    "noise": Case(["noise"], None, "full backup neo4j-", printed="Backup command completed"),
    "flood": Case(["flood"], None, "full backup neo4j-", printed="completed"),
    "flood of errors": Case([{"fault": "flood", "stream": "stderr"}], None, "full backup neo4j-"),
    "long_line": Case([{"fault": "long_line", "bytes": 20_000_000}], None, "full backup neo4j-", printed="xxx…"),
    "invalid_utf8": Case(["invalid_utf8"], None, "full backup neo4j-", printed="\N{REPLACEMENT CHARACTER}"),
    "heap_too_small": Case(["heap_too_small"], "out_of_memory", "heap was too small", "NEO4J_BACKUP_HEAP"),
    "enospc": Case(["enospc"], "insufficient_space", "no space left", "Free some space", exit_code=5),
    "fail": Case(["fail"], "backup_failed", "was told to fail", "output_tail", printed="FAKE: this backup"),
    "fail once it has written": Case(
        [{"fault": "fail", "stage": "end"}], "backup_failed", "said that it finished", aside=1
    ),
    "fail in mid-writing": Case([{"fault": "fail", "stage": "artifact"}], "backup_failed", "told to fail", aside=1),
    "exit 1 after a success": Case(["exit"], "backup_failed", "exited with 1", aside=1),
    "exit 2": Case([{"fault": "exit", "code": 2}], "configuration_error", "Enterprise only", exit_code=5, aside=1),
    "exit 64": Case([{"fault": "exit", "code": 64}], "configuration_error", "refused", exit_code=5, aside=1),
    "exit 127": Case([{"fault": "exit", "code": 127}], "configuration_error", "Java", exit_code=5, aside=1),
    "killed by SIGABRT": Case([{"fault": "exit", "code": 134}], "backup_failed", "JVM aborted", aside=1),
    "killed by no signal at all": Case([{"fault": "exit", "code": 255}], "backup_failed", "exited with 255", aside=1),
    "grandchild": Case(["grandchild"], None, "full backup neo4j-"),
    "grandchild in a session": Case([{"fault": "grandchild", "session": True}], None, "full backup neo4j-"),
    "no parent": Case([], "backup_failed", "no full backup of 'neo4j' lies in", "Ask for AUTO", type_="DIFF"),
    "pruned": Case([], "backup_failed", "no longer the transactions", "Ask for AUTO or FULL", "DIFF", parent=True),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("faults") / "rig", "neo4j", "pruned") as rig:
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    with lent(served) as rig:
        yield rig


@pytest.mark.parametrize("name", CASES)
def test_a_fault_of_neo4j_admin_ends_in_the_truth(rig: Rig, name: str) -> None:
    case = CASES[name]
    before = _parent(rig, pruned=name == "pruned") if case.parent else []
    rig.set_knobs(faults=case.faults)

    rig.submit(rig.target.name, case.type_)
    document = rig.wait_for_end(rig.target.name)

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
