"""What `database backup` asks of its folders and files, and what it leaves in them, as the reference says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.standin.installed import Installed

Make = Callable[..., Installed]


def test_the_target_must_be_there(standin: Installed) -> None:
    standin.target.rmdir()

    ran = standin.backup("neo4j")

    assert ran.exit_code == 1
    assert not standin.target.exists()
    assert list(standin.temp.iterdir()) == []


def test_the_temporary_folder_must_be_there_and_empty(standin: Installed) -> None:
    (standin.temp / "x").touch()
    full = standin.backup("neo4j")
    (standin.temp / "x").unlink()
    standin.temp.rmdir()
    missing = standin.backup("neo4j")

    assert (full.exit_code, missing.exit_code) == (1, 1)
    assert missing.err.startswith("Storage staging path does not exist\n")
    assert standin.artifacts() == []


def test_without_a_temporary_folder_the_current_one_is_worked_in(standin: Installed, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    standin.knobs(faults=[{"fault": "oom", "stage": "receive"}])

    ran = standin.run("database", "backup", f"--to-path={standin.target}", "neo4j", cwd=tmp_path / "gone")

    assert ran.exit_code == 137
    assert len(list((tmp_path / "gone").iterdir())) == 1


def test_the_temporary_folder_is_left_as_it_was(standin: Installed) -> None:
    standin.backup("neo4j", "missing")

    assert list(standin.temp.iterdir()) == []


def test_the_additional_configuration_must_be_there(standin: Installed) -> None:
    ran = standin.backup("--additional-config=/nonexistent", "neo4j")

    assert ran.exit_code == 1
    assert ran.err.startswith("File /nonexistent does not exist\n")


@pytest.mark.parametrize(("keep", "left"), [("true", 1), ("false", 0)])
def test_keep_failed_decides_what_a_failure_leaves(standin: Installed, keep: str, left: int) -> None:
    standin.knobs(faults=[{"fault": "enospc", "stage": "receive"}])

    assert standin.backup(f"--keep-failed={keep}", "neo4j").exit_code == 1
    assert len(list(standin.temp.iterdir())) == left


def test_a_cloud_path_must_end_with_a_slash(standin: Installed) -> None:
    ran = standin.run("database", "backup", "--to-path=s3://bucket/x", f"--temp-path={standin.temp}", "neo4j")

    assert ran.exit_code == 1
    assert "s3://bucket/x is not a directory - please add a terminal '/' to your path" in ran.err


def test_a_cloud_path_wants_credentials(standin: Installed, tmp_path: Path) -> None:
    standin.knobs(cloud_root=str(tmp_path / "cloud"))
    arguments = ("database", "backup", "--to-path=s3://bucket/x/", f"--temp-path={standin.temp}", "neo4j")

    assert standin.run(*arguments).exit_code == 1
    assert standin.run(*arguments, env={"AWS_ACCESS_KEY_ID": "a"}).exit_code == 0
    assert len(list((tmp_path / "cloud/s3/bucket/x").iterdir())) == 1


def test_releases_named_by_date_leave_a_trace_of_a_failure_that_took_long(make: Make) -> None:
    standin = make("2025.06.0")
    quick = standin.backup("missing")

    slow = standin.run(*standin.arguments("missing"), env={"NEO4J_ADMIN_CRASH_INFO_DUMP_TIMEOUT_SECONDS": "0.000001"})

    assert "--verbose" not in quick.err + slow.err
    assert "Full exception details" not in quick.err
    (trace,) = (standin.home / "logs").glob("neo4j-admin-exception-trace-*.log")
    assert f"Full exception details written to: {trace}\n" in slow.err
    assert slow.err.endswith("Please provide this file if requesting neo4j support\n")
