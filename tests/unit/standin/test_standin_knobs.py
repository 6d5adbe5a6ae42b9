"""The knobs come from a file of the home, the environment goes first, and a journal tells of every run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.standin import artifact, install, knobs, server
from tests.standin.installed import Installed
from tests.standin.output import REWORDED, took


def test_the_data_folder_is_the_home_s_own_unless_told(standin: Installed) -> None:
    server.create_dbms(standin.home / "data", "home")
    (standin.home / knobs.FILE).unlink()

    assert standin.backup("home").exit_code == 0
    assert standin.run(*standin.arguments("neo4j"), env={"STANDIN_DATA": str(standin.data)}).exit_code == 0


def test_neo4j_home_says_where_the_data_is_but_not_where_the_knobs_are(standin: Installed, tmp_path: Path) -> None:
    standin.knobs(data="", faults=[{"fault": "exit", "stage": "end", "code": 5}])
    server.create_dbms(tmp_path / "other/data", "only-there")

    ran = standin.run(*standin.arguments("only-there"), env={"NEO4J_HOME": str(tmp_path / "other")})

    assert ran.exit_code == 5


def test_the_environment_goes_before_the_file(standin: Installed) -> None:
    standin.knobs(faults=["nothing"], offline=["localhost"])

    environment = {"STANDIN_FAULTS": "empty_artifact,file_without_line", "STANDIN_OFFLINE": "a,b"}
    ran = standin.run(*standin.arguments("neo4j"), env=environment)

    assert ran.exit_code == 0
    assert [path.stat().st_size for path in standin.artifacts()] == [0]


def test_the_environment_may_be_json(standin: Installed) -> None:
    environment = {"STANDIN_FAULTS": json.dumps([{"fault": "exit", "stage": "connect", "code": 7}])}

    assert standin.run(*standin.arguments("neo4j"), env=environment).exit_code == 7


@pytest.mark.parametrize(
    "told",
    [
        '{"rat": 1}',
        '{"rate": -1}',
        '{"rate": "fast"}',
        '{"uncertain": "maybe"}',
        '{"offline": "a"}',
        '{"servers": {"a": 1}}',
        "[]",
        "{",
    ],
)
def test_a_knob_that_is_none_ends_the_run_with_99(standin: Installed, told: str) -> None:
    (standin.home / knobs.FILE).write_text(told)

    ran = standin.backup("neo4j")

    assert ran.exit_code == 99
    assert ran.err.startswith("FAKE: ")


def test_the_table_in_the_docstring_names_every_knob() -> None:
    assert knobs.__doc__ is not None
    listed = [line.split("|")[1].strip() for line in knobs.__doc__.splitlines() if line.startswith("| ")]
    listed.remove("")

    assert listed[2:] == list(knobs.NAMES)


def test_a_journal_that_cannot_be_written_ends_the_run_with_99(standin: Installed) -> None:
    standin.knobs(journal="/nonexistent/journal")

    assert standin.backup("neo4j").exit_code == 99


def test_a_state_file_that_is_none_ends_the_run_with_99(standin: Installed) -> None:
    (standin.data / "databases/neo4j/standin.json").write_text('{"sise": 1}')

    assert standin.backup("neo4j").exit_code == 99


@pytest.mark.parametrize("uncertain", ["reword", "delete"])
def test_the_uncertain_lines_can_be_reworded_or_deleted_and_the_sure_ones_stay(
    standin: Installed, uncertain: str
) -> None:
    standin.knobs(uncertain=uncertain)

    first = standin.backup("neo4j", kind="DIFF")
    second = standin.backup("neo4j", kind="AUTO")

    printed = first.out + first.err + second.out + second.err
    for unsure in ("Start receiving", "recovering", "Using remote", "require that a full", "completed, took"):
        assert unsure not in printed
    assert (REWORDED in printed) == (uncertain == "reword")
    assert "Falling back to full backup of database 'neo4j'." in second.out
    assert f"Finished artifact creation '{standin.artifacts()[0].name}' for database 'neo4j', took " in second.out
    assert second.out.endswith("Backup command completed.\n")


def test_the_journal_tells_of_a_run_from_start_to_end(standin: Installed) -> None:
    ran = standin.run(*standin.arguments("neo4j"), env={"HEAP_SIZE": "64m", "AWS_SECRET_ACCESS_KEY": "hidden"})

    start, worker, end = standin.events()
    assert ran.exit_code == 0
    assert [start["event"], worker["event"], end["event"]] == ["start", "worker", "end"]
    assert start["argv"] == standin.arguments("neo4j")
    assert start["cwd"] == str(standin.root)
    assert (start["uid"], start["gid"]) == (os.getuid(), os.getgid())
    assert start["pid"] != worker["pid"]
    environment = start["environment"]
    assert isinstance(environment, dict)
    assert environment["HEAP_SIZE"] == "64m"
    assert environment["AWS_SECRET_ACCESS_KEY"] == "***"
    assert end["exit"] == 0
    assert start["run"] == end["run"]
    assert float(str(end["monotonic_ns"])) > float(str(start["monotonic_ns"]))


def test_the_journal_tells_of_two_runs_on_one_target(standin: Installed) -> None:
    standin.knobs(faults=[{"fault": "hang", "stage": "receive", "seconds": 30}])
    with standin.start(*standin.arguments("neo4j")) as first:
        until = time.monotonic() + 10
        while not any(standin.temp.iterdir()) and time.monotonic() < until:
            time.sleep(0.01)
        standin.knobs()
        other = standin.root / "other-temp"
        other.mkdir()
        second = standin.run("database", "backup", f"--to-path={standin.target}", f"--temp-path={other}", "system")
        os.killpg(first.pid, 9)
        first.communicate()
    overlaps = standin.events("overlap")
    third = standin.run("database", "backup", f"--to-path={standin.target}", f"--temp-path={other}", "neo4j")

    assert (second.exit_code, third.exit_code) == (0, 0)
    assert [event["to_path"] for event in overlaps] == [str(standin.target)]
    assert len(standin.events("overlap")) == 1


def test_the_moment_that_names_an_artifact_is_its_creation_or_the_start(standin: Installed) -> None:
    times = []
    for moment in ("artifact", "start"):
        standin.knobs(name_time=moment, faults=[{"fault": "hang", "stage": "receive", "seconds": 2}])
        standin.backup("neo4j")
        began = float(str(standin.events("start")[-1]["time"]))
        times.append(standin.heads()[-1].time - began)

    assert times[0] > 1, "two seconds, rounded down to a whole one"
    assert times[1] <= 1


def test_a_stage_waits_as_long_as_the_knob_says(standin: Installed) -> None:
    standin.knobs(stage_delay=0.1)
    standin.backup("neo4j")

    start, _, end = standin.events()
    assert float(str(end["time"])) - float(str(start["time"])) > 0.6, "six stages"


@pytest.mark.parametrize(("layout", "magic"), [(1, b"BZV1"), (2, b"BZV2"), (3, b"BZV3")])
def test_the_layout_of_the_head_can_be_chosen(standin: Installed, layout: int, magic: bytes) -> None:
    standin.knobs(artifact_format=layout)

    standin.backup("neo4j")

    assert standin.artifacts()[0].read_bytes().startswith(magic)
    assert standin.heads()[0].database == "neo4j"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.121, "121ms"), (1.181, "1s 181ms"), (123.004, "2m 3s 4ms"), (3603.004, "1h 0m 3s 4ms")]
)
def test_durations_are_written_as_neo4j_writes_them(seconds: float, text: str) -> None:
    assert took(seconds) == text


def test_the_installed_home_needs_nothing_of_this_checkout(standin: Installed) -> None:
    """It is copied into an image that has python and zstandard, and nothing else."""
    ran = subprocess.run(
        [standin.home / "bin/standin-server", "--data", standin.data, "commit", "neo4j", "3"],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout == "4\n"
    imported = subprocess.run(
        [sys.executable, "-ISv", standin.program, *standin.arguments("neo4j")],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    assert str(standin.home / "lib/standin") in imported
    assert str(Path(artifact.__file__).parent) not in imported


def test_installing_again_changes_the_version_and_keeps_the_knobs(standin: Installed) -> None:
    program = install.install(standin.home, "2025.06.0")

    assert standin.run("--version").out == "2025.06.0\n"
    assert program == standin.program
    assert len(list((standin.home / "lib").glob("neo4j-kernel-*.jar"))) == 1
    assert standin.backup("neo4j").exit_code == 0


def test_an_edition_that_is_none_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no edition"):
        install.install(tmp_path, edition="aura")


def test_the_server_s_verbs_work_from_a_shell(tmp_path: Path) -> None:
    data = str(tmp_path / "data")

    for verb in (["init"], ["create", "a", "--size", "1000"], ["commit", "a"], ["prune", "a"], ["stop", "a"]):
        assert server.main("", ["--data", data, *verb]) == 0

    shown = server.show(data, "a")
    assert (shown["last_index"], shown["pruned_below"], shown["status"], shown["size"]) == (2, 3, "offline", 1000)
    assert (tmp_path / "data/databases/a/neostore.nodestore.db").stat().st_size == 1000
    assert (tmp_path / "data/transactions/a/neostore.transaction.db.0").stat().st_size == 2048
    server.main("", ["--data", data, "drop", "a"])
    assert not (tmp_path / "data/databases/a").exists()
    with pytest.raises(LookupError):
        server.commit(data, "a")
