"""Each fault does what its name says, where and as often as it was asked for."""

import time
from pathlib import Path

import pytest
import zstandard

from tests.standin import artifact, faults, server
from tests.standin.installed import Installed, Ran

FINISHED = "Finished artifact creation"


def struck(standin: Installed, fault: str, *, kind: str = "FULL", version: str = "", **parameters: object) -> Ran:
    """One backup of neo4j with this fault, ten seconds later than those before it."""
    standin.knobs(faults=[{"fault": fault, **parameters}], clock=10 * len(standin.events("start")))
    return standin.backup("neo4j", kind=kind)


def whole(path: Path) -> bool:
    """Whether the artifact's frame reaches to the end of the file, and to no earlier one."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    try:
        decompressor.decompress(path.read_bytes()[4:])
    except zstandard.ZstdError:
        return False
    return decompressor.eof and not decompressor.unused_data


def test_nothing_is_a_success_that_leaves_nothing_and_names_nothing(standin: Installed) -> None:
    ran = struck(standin, "nothing")

    assert ran.exit_code == 0
    assert FINISHED not in ran.out
    assert standin.artifacts() == []


def test_a_finished_line_without_a_file(standin: Installed) -> None:
    ran = struck(standin, "line_without_file")

    assert ran.exit_code == 0
    assert FINISHED in ran.out
    assert standin.artifacts() == []


def test_a_file_without_a_finished_line(standin: Installed) -> None:
    ran = struck(standin, "file_without_line")

    assert ran.exit_code == 0
    assert FINISHED not in ran.out
    assert whole(standin.artifacts()[0])


def test_an_empty_artifact(standin: Installed) -> None:
    ran = struck(standin, "empty_artifact")

    assert ran.exit_code == 0
    assert FINISHED in ran.out
    assert standin.artifacts()[0].stat().st_size == 0


@pytest.mark.parametrize(("keep", "size"), [(0.5, None), (300, 300)])
def test_a_truncated_artifact_has_its_head_and_no_end(standin: Installed, keep: float, size: int | None) -> None:
    ran = struck(standin, "truncated_artifact", keep=keep)

    assert ran.exit_code == 0
    (left,) = standin.artifacts()
    assert artifact.read(str(left)) is not None
    assert not whole(left)
    assert size in (None, left.stat().st_size)


def test_bytes_behind_the_end(standin: Installed) -> None:
    struck(standin, "trailing_bytes", bytes=7)

    (left,) = standin.artifacts()
    assert left.read_bytes().endswith(b"\xa5" * 7)
    assert not whole(left)


def test_an_artifact_of_another_database_under_the_right_name(standin: Installed) -> None:
    struck(standin, "wrong_database", name="elsewhere")

    assert standin.artifacts()[0].name.startswith("neo4j-")
    assert standin.heads()[0].database == "elsewhere"


def test_a_differential_of_another_store(standin: Installed) -> None:
    standin.backup("neo4j")
    struck(standin, "wrong_store", kind="DIFF")

    full, differential = standin.heads()
    assert full.database_id == differential.database_id
    assert full.identity != differential.identity


@pytest.mark.parametrize(
    ("fault", "beginning"), [("unknown_magic", b"BZV9\x28\xb5\x2f\xfd"), ("unknown_metadata", b"BZV2\x28\xb5\x2f\xfd")]
)
def test_a_head_of_a_later_release(standin: Installed, fault: str, beginning: bytes) -> None:
    ran = struck(standin, fault)

    assert ran.exit_code == 0
    assert standin.artifacts()[0].read_bytes().startswith(beginning)
    assert standin.heads() == []


def test_an_artifact_too_many(standin: Installed) -> None:
    struck(standin, "extra_artifact")

    assert [head.database for head in standin.heads()] == ["neo4j", "neo4j"]


@pytest.mark.parametrize(("write", "left"), [(False, 1), (True, 2)])
def test_the_name_of_the_artifact_before(standin: Installed, write: bool, left: int) -> None:
    standin.backup("neo4j")
    (old,) = standin.artifacts()

    ran = struck(standin, "old_name", write=write)

    assert f"{FINISHED} '{old.name}' for database 'neo4j'" in ran.out
    assert len(standin.artifacts()) == left


def test_a_full_where_a_differential_was_asked_for(standin: Installed) -> None:
    standin.backup("neo4j")

    assert struck(standin, "diff_as_full", kind="DIFF").exit_code == 0
    assert [head.full for head in standin.heads()] == [True, True]


@pytest.mark.parametrize(("fault", "lowest"), [("diff_gap", 7), ("diff_overlap", 5)])
def test_a_differential_that_does_not_begin_where_it_should(standin: Installed, fault: str, lowest: int) -> None:
    server.commit(standin.data, "neo4j", 4)
    standin.backup("neo4j")
    server.commit(standin.data, "neo4j", 4)

    struck(standin, fault, kind="DIFF")

    assert standin.heads()[1].lowest == lowest


def test_a_missing_database_is_a_success_as_in_issue_13107(standin: Installed) -> None:
    standin.knobs(faults=["bug_13107"])

    ran = standin.backup("missing")

    assert ran.exit_code == 0
    assert "Starting backup of database 'missing'" in ran.out
    assert standin.artifacts() == []


def test_a_kill_after_the_success_was_told(standin: Installed) -> None:
    ran = struck(standin, "killed_after_success")

    assert ran.exit_code == 137
    assert ran.out.endswith("Backup command completed.\n")
    assert whole(standin.artifacts()[0])


def test_silence(standin: Installed) -> None:
    ran = struck(standin, "silent")

    assert (ran.exit_code, ran.out, ran.err) == (0, "", "")
    assert whole(standin.artifacts()[0])


def test_noise_is_on_both_streams(standin: Installed) -> None:
    ran = struck(standin, "noise")

    assert ran.exit_code == 0
    assert "Picked up JAVA_TOOL_OPTIONS" in ran.err
    assert "WARN  [c.n.c.c.s.StoreCopyJob]" in ran.out
    assert FINISHED in ran.out


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_flood_of_lines(standin: Installed, stream: str) -> None:
    ran = struck(standin, "flood", bytes=300_050, stream=stream)

    lines = (ran.out if stream == "stdout" else ran.err).splitlines()
    assert sum(len(line) + 1 for line in lines if set(line) == {"x"}) == 300_050


def test_one_long_line(standin: Installed) -> None:
    ran = struck(standin, "long_line", bytes=200_001)

    assert "x" * 200_001 + "\n" in ran.out


def test_bytes_that_are_no_utf_8(standin: Installed) -> None:
    standin.knobs(faults=["invalid_utf8"])

    with standin.start(*standin.arguments("neo4j")) as process:
        out, err = process.communicate()

    for printed in (out, err):
        with pytest.raises(UnicodeDecodeError):
            printed.decode()


@pytest.mark.parametrize("stage", ["connect", "receive", "transactions", "recover", "artifact", "end"])
def test_killed_for_memory_at_any_stage_everything_stays(standin: Installed, stage: str) -> None:
    ran = struck(standin, "oom", stage=stage)

    assert ran.exit_code == 137
    assert any(standin.temp.iterdir())
    artifacts = standin.artifacts()
    assert len(artifacts) == (stage in ("artifact", "end"))
    assert all(whole(path) == (stage == "end") for path in artifacts)


def test_no_space_in_the_copy_leaves_nothing(standin: Installed) -> None:
    ran = struck(standin, "enospc", stage="receive")

    assert ran.exit_code == 1
    assert "No space left on device" in ran.err
    assert list(standin.temp.iterdir()) == []
    assert standin.artifacts() == []


def test_no_space_for_the_artifact_leaves_a_truncated_one(standin: Installed) -> None:
    ran = struck(standin, "enospc", stage="artifact")

    assert ran.exit_code == 1
    assert FINISHED not in ran.out
    assert not whole(standin.artifacts()[0])
    assert list(standin.temp.iterdir()) == []


def test_a_heap_that_is_too_small(standin: Installed) -> None:
    ran = struck(standin, "heap_too_small")

    assert ran.exit_code == 1
    assert "java.lang.OutOfMemoryError: Java heap space" in ran.err


def test_a_failure_in_words_of_one_s_own(standin: Installed) -> None:
    ran = struck(standin, "fail", stage="connect", message="the store is in use")

    assert ran.exit_code == 1
    assert "the store is in use\n" in ran.err


@pytest.mark.parametrize(("stage", "artifacts"), [("receive", 0), ("artifact", 1), ("end", 1)])
def test_any_status_at_any_stage(standin: Installed, stage: str, artifacts: int) -> None:
    ran = struck(standin, "exit", stage=stage, code=42)

    assert ran.exit_code == 42
    assert len(standin.artifacts()) == artifacts


def test_a_hang_lasts_as_long_as_asked(standin: Installed) -> None:
    began = time.monotonic()

    ran = struck(standin, "hang", stage="artifact", seconds=0.7)

    assert ran.exit_code == 0
    assert time.monotonic() - began > 0.7


def test_the_version_can_be_struck_alone(standin: Installed) -> None:
    standin.knobs(faults=[{"fault": "exit", "stage": "version", "code": 9}])

    assert standin.run("--version").exit_code == 9
    assert standin.backup("neo4j").exit_code == 0


def test_a_fault_is_limited_to_its_database(standin: Installed) -> None:
    standin.knobs(faults=[{"fault": "fail", "database": "system"}])

    ran = standin.backup("*")

    assert ran.exit_code == 1
    assert [head.database for head in standin.heads()] == ["neo4j"]


def test_a_fault_is_limited_to_the_first_runs_that_it_strikes(standin: Installed) -> None:
    limited = {"fault": "fail", "database": "neo4j", "times": 2}
    standin.knobs(faults=[limited])

    codes = [standin.backup(name).exit_code for name in ("system", "neo4j", "neo4j")]
    standin.knobs(faults=[limited], clock=10)
    codes.append(standin.backup("neo4j").exit_code)

    assert codes == [0, 1, 1, 0]


def test_several_faults_strike_together(standin: Installed) -> None:
    standin.knobs(faults=["file_without_line", {"fault": "trailing_bytes", "bytes": 1}])

    ran = standin.backup("neo4j")

    assert FINISHED not in ran.out
    assert not whole(standin.artifacts()[0])


@pytest.mark.parametrize(
    "asked", ["oops", {"fault": "oom", "stage": "never"}, {"fault": "oom", "bytes": 1}, {"times": 1}, 5]
)
def test_a_fault_that_is_none_ends_the_run_with_99(standin: Installed, asked: object) -> None:
    standin.knobs(faults=[asked])

    ran = standin.backup("neo4j")

    assert ran.exit_code == 99
    assert ran.err.startswith("FAKE: ")
    assert standin.artifacts() == []


def test_the_table_in_the_docstring_names_every_fault() -> None:
    assert faults.__doc__ is not None
    listed = [line.split("|")[1].strip() for line in faults.__doc__.splitlines() if line.startswith("| ")]

    assert listed[2:] == list(faults.NAMES)
