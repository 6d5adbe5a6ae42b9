"""What the soak judges by can say no: its reading of artifacts, its books, its table's place."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak.books import Books, Exited, Struck
from tests.soak.judging import Findings, wrong_exits
from tests.soak.soaking import GROWTH_KIB, Figures
from tests.soak.table import put
from tests.soak.wholeness import Broken, read_whole
from tests.unit.artifacts import Sample
from tests.weight import Weight, weigh

WHOLE = bytes(Sample())
ENDED = {"id": "a", "state": "failed", "code": "backup_interrupted", "exit_code": 11}
TIMES = {"accepted_at": "2026-11-23T02:00:00Z", "started_at": None, "ended_at": "2026-11-23T02:00:09Z"}
ACCEPTED = 1795399200.0


def test_a_whole_artifact_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "whole").write_bytes(WHOLE)

    head = read_whole(tmp_path / "whole")

    assert (head.database, head.full) == ("neo4j", True)


@pytest.mark.parametrize(
    "data",
    [b"", WHOLE[:20], WHOLE[: len(WHOLE) // 2], WHOLE[:-1], WHOLE + b"\xa5", b"BZV9" + WHOLE[4:]],
    ids=["empty", "cut in the head", "cut in the middle", "cut at the last byte", "longer", "of another format"],
)
def test_what_is_no_whole_artifact_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "broken").write_bytes(data)

    with pytest.raises(Broken):
        read_whole(tmp_path / "broken")


def test_a_document_that_changes_after_its_end_is_noted() -> None:
    books = Books()
    for message in ("first", "first", "second"):
        document = {**ENDED, "message": message}
        books.see(document, json.dumps(document).encode())

    assert len(books.changed) == 1


@pytest.mark.parametrize(
    ("exited", "wrong"),
    [
        (Exited("a", 11, "a"), 0),
        (Exited("a", 0, "a"), 1),
        (Exited("a", 3, "a~2"), 0),
        (Exited("a", 3), 0),
        (Exited("a", 11), 1),
        (Exited("a", 12), 0),
        (Exited("b", 10), 0),
        (Exited("b", 0), 1),
    ],
)
def test_a_command_ends_with_the_code_of_the_attempt_that_it_told_of(exited: Exited, wrong: int) -> None:
    books = Books(exits=[exited])
    for document in (ENDED, {**ENDED, "id": "a~2", "state": "cancelled", "exit_code": 3}):
        books.see(document, b"")

    assert len(wrong_exits(books)) == wrong


RESTED = Weight(files=("anon_inode", "socket"), threads=2, resident_kib=30_000)


def soaked(first: Weight, last: Weight) -> Figures:
    return Figures(
        seconds=3600.0,
        struck=Counter(),
        faulty_runs=0,
        states=Counter(),
        refused=Counter(),
        commands=0,
        findings=Findings(),
        defects=[],
        first=first,
        last=last,
        weighed_apart=1800.0,
    )


def test_a_daemon_that_weighs_about_the_same_at_last_is_no_problem() -> None:
    last = replace(RESTED, resident_kib=RESTED.resident_kib + GROWTH_KIB - 1)

    assert soaked(RESTED, last).problems == []
    assert soaked(last, RESTED).problems == []


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (replace(RESTED, resident_kib=RESTED.resident_kib + GROWTH_KIB), "it grew from 30000 to"),
        (replace(RESTED, threads=3), "at last "),
        (replace(RESTED, files=(*RESTED.files, "pipe")), "pipe"),
    ],
    ids=["memory", "threads", "files"],
)
def test_a_daemon_that_holds_more_at_last_is_a_problem(last: Weight, told: str) -> None:
    [problem] = soaked(RESTED, last).problems

    assert told in problem


def test_what_a_process_takes_in_memory_and_files_is_weighed(tmp_path: Path) -> None:
    program = "import sys; held = b'x' * int(sys.argv[1]); f = open(sys.argv[2], 'w'); print(flush=True); input()"
    weights = []

    for size in ("1", str(2 * GROWTH_KIB * 1024)):
        with subprocess.Popen(
            [sys.executable, "-IS", "-c", program, size, str(tmp_path / "file")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            weights.append(weigh(process.pid))
            process.communicate()

    light, heavy = weights
    assert heavy.holds == light.holds
    assert soaked(light, heavy).problems != []
    assert str(tmp_path / "file") in light.files


@pytest.mark.parametrize(("began", "hit"), [(-3.0, False), (5.0, True), (10.0, False)])
def test_only_a_fault_of_a_requests_time_explains_its_end(began: float, hit: bool) -> None:
    books = Books(struck=[Struck("kill", ACCEPTED + began, ACCEPTED + began + 1)])

    assert books.hits({"kill"}, {**ENDED, **TIMES}) is hit
    assert not books.hits({"stop"}, {**ENDED, **TIMES})


def test_the_table_takes_its_place_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text("before\n<!-- soak -->\nold\n<!-- /soak -->\nafter\n")

    put("new\n", page)

    assert page.read_text() == "before\n<!-- soak -->\nnew\n<!-- /soak -->\nafter\n"


def test_a_page_without_a_place_for_the_table_stays_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text("no place\n")

    with pytest.raises(ValueError, match="has no place"):
        put("new\n", page)

    assert page.read_text() == "no place\n"
