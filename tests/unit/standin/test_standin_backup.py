"""What `database backup` makes, says and refuses, against section 11 of the reference."""

import contextlib
import os
import re
import socket
import tarfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
import zstandard

from tests.standin import server
from tests.standin.installed import Installed, Ran

Make = Callable[..., Installed]
NAME = re.compile(r"^(?P<db>.+)-(?P<ts>\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2})\.backup$")
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+0000 (INFO |WARN |ERROR) \[[\w.]+\] (.*)$")
NO_PARENT = (
    "Differential backups require that a full backup of the same database exists in the folder defined in --to-path."
)


def messages(ran: Ran) -> list[str]:
    """The messages of the log lines on standard output."""
    return [found[2] for line in ran.out.splitlines() if (found := LOG_LINE.match(line))]


def content(path: Path) -> bytes:
    """What the frame of a compressed artifact holds."""
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()[4:])


def bytes_below(folder: Path) -> int:
    """Of the files there now; those that go meanwhile don't count."""
    found = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found += os.path.getsize(f"{parent}/{name}")
    return found


def chained(standin: Installed, *more: str, commits: int = 1, kind: str = "DIFF", **knobs: object) -> Ran:
    """One more backup, of a database with some more transactions, at a later second than all before."""
    standin.knobs(clock=10 * len(standin.events("start")), **knobs)
    if commits:
        server.commit(standin.data, "neo4j", commits)
    return standin.backup(*more, "neo4j", kind=kind)


def ranges(standin: Installed) -> list[tuple[bool, int, int]]:
    return [(head.full, head.lowest, head.highest) for head in standin.heads()]


def test_a_full_backup_says_the_lines_of_the_reference_in_their_order(standin: Installed) -> None:
    server.commit(standin.data, "neo4j", 4)

    ran = standin.backup("--from=localhost:6362", "neo4j")

    assert ran.exit_code == 0
    assert ran.err == ""
    said = messages(ran)
    artifact = standin.artifacts()[0].name
    sure = [
        "Starting backup of database 'neo4j' from servers: [localhost:6362]",
        "Start full backup of database 'neo4j'.",
        "Finished full backup of database 'neo4j'. Downloaded from tx -1 to tx 5.",
    ]
    assert [line for line in said if line in sure] == sure
    assert re.fullmatch(rf"Finished artifact creation '{artifact}' for database 'neo4j', took \d+ms\.", said[-2])
    assert ran.out.endswith("\nBackup command completed.\n")
    assert {line.partition("[")[2].partition("]")[0] for line in ran.out.splitlines() if "[c.n." in line} == {
        "c.n.b.b.BackupOutputMonitor"
    }


def test_the_logger_of_5_11_has_another_name(make: Make) -> None:
    old = make("5.11.0")

    ran = old.run("database", "backup", f"--to-path={old.target}", "neo4j")

    assert ran.exit_code == 0
    assert "[c.n.b.v.b.BackupOutputMonitor] Start full backup" in ran.out


def test_a_full_artifact_is_recovered_compressed_and_reaches_from_one_to_the_last(standin: Installed) -> None:
    server.commit(standin.data, "neo4j", 9)

    standin.backup("neo4j")

    head = standin.heads()[0]
    assert (head.database, head.full, head.recovered, head.compressed) == ("neo4j", True, True, True)
    assert (head.lowest, head.highest) == (1, 10)
    assert "metadataScript" in head.metadata
    assert abs(head.time - time.time()) < 30


def test_the_body_holds_a_store_of_the_size_that_the_server_has(standin: Installed) -> None:
    standin.backup("neo4j")

    data = content(standin.artifacts()[0])
    with tarfile.open(fileobj=BytesIO(data[data.index(b"./PaxHeaders.X/") :])) as archive:
        sizes = {member.name: member.size for member in archive if member.isfile()}
    assert sizes["./neostore"] + sizes["./neostore.nodestore.db"] == 100_000
    assert sizes["./neostore.transaction.db.0"] == 1024
    assert data.endswith(bytes(1024))


def test_an_uncompressed_artifact_ends_with_the_end_of_its_tar(standin: Installed) -> None:
    standin.backup("--compress=false", "neo4j")

    data = standin.artifacts()[0].read_bytes()
    assert data.startswith(b"BTV2")
    assert not standin.heads()[0].compressed
    assert data.endswith(bytes(1024))
    assert (len(data) - data.index(b"./PaxHeaders.X/")) % 512 == 0


def test_text_compresses_and_random_bytes_do_not(standin: Installed) -> None:
    server.create_database(standin.data, "text", size=1_000_000, fill="text")
    server.create_database(standin.data, "noise", size=1_000_000)

    standin.backup("text", "noise")

    sizes = {
        head.database: path.stat().st_size for head, path in zip(standin.heads(), standin.artifacts(), strict=True)
    }
    assert sizes["text"] < 50_000
    assert sizes["noise"] > 1_000_000


def test_the_name_is_local_time_and_the_head_is_utc(standin: Installed) -> None:
    ran = standin.run(*standin.arguments("neo4j"), env={"TZ": "EAST-05:00"})

    assert ran.exit_code == 0
    named = NAME.match(standin.artifacts()[0].name)
    assert named is not None
    local = time.gmtime(standin.heads()[0].time + 5 * 3600)
    assert named["ts"] == time.strftime("%Y-%m-%dT%H-%M-%S", local)


def test_an_artifact_is_never_overwritten(standin: Installed) -> None:
    names = [time.strftime("neo4j-%Y-%m-%dT%H-%M-%S.backup", time.gmtime(time.time() + ahead)) for ahead in range(10)]
    for name in names:
        (standin.target / name).write_bytes(b"here before")

    ran = standin.backup("neo4j")

    assert ran.exit_code == 1
    assert {path.read_bytes() for path in standin.artifacts()} == {b"here before"}


def test_the_artifact_has_the_permissions_of_the_umask(standin: Installed) -> None:
    standin.backup("neo4j")

    assert standin.artifacts()[0].stat().st_mode & 0o777 == 0o666 & ~int(str(standin.events("start")[0]["umask"]))


def test_a_differential_continues_the_full_at_exactly_the_next_index(standin: Installed) -> None:
    server.commit(standin.data, "neo4j", 4)
    standin.backup("neo4j")

    ran = chained(standin, commits=3)
    chained(standin, commits=2)

    assert ranges(standin) == [(True, 1, 5), (False, 6, 8), (False, 9, 10)]
    assert not standin.heads()[1].recovered
    said = messages(ran)
    assert "Start differential backup of database 'neo4j'." in said
    assert "Finished differential backup of database 'neo4j'." in said
    assert not [line for line in said if "store files" in line or "full backup" in line]


def test_a_differential_with_nothing_new_is_an_artifact_from_zero_to_zero(standin: Installed) -> None:
    standin.backup("neo4j")

    ran = chained(standin, commits=0)
    chained(standin, commits=1)

    assert ran.exit_code == 0
    identity = str(server.show(standin.data, "neo4j")["database_id"])[:8]
    line = f"The remote server (localhost:6362) has not any recent data for database 'DatabaseId{{{identity}[neo4j]}}'."
    assert line in messages(ran)
    assert ranges(standin) == [(True, 1, 1), (False, 0, 0), (False, 2, 2)]


def test_a_differential_without_a_full_is_refused_in_the_words_of_the_reference(standin: Installed) -> None:
    ran = standin.backup("neo4j", kind="DIFF")

    assert ran.exit_code == 1
    assert f"Differential backup of database 'neo4j' failed. Reason: {NO_PARENT}" in messages(ran)
    assert NO_PARENT in ran.err
    assert ran.err.endswith("Run with '--verbose' for a more detailed error message.\n")
    assert standin.artifacts() == []
    assert list(standin.temp.iterdir()) == []


def test_auto_falls_back_to_a_full_and_then_continues_it(standin: Installed) -> None:
    ran = standin.backup("neo4j", kind="AUTO")
    chained(standin, kind="auto")

    assert ran.exit_code == 0
    said = messages(ran)
    assert f"Differential backup of database 'neo4j' failed. Reason: {NO_PARENT}" in said
    assert "Falling back to full backup of database 'neo4j'." in said
    assert ranges(standin) == [(True, 1, 1), (False, 2, 2)]


def test_the_parent_is_looked_for_in_the_target_alone(standin: Installed) -> None:
    standin.backup("neo4j")
    (standin.target / ".failed").mkdir()
    (only,) = standin.artifacts()
    only.rename(standin.target / ".failed" / only.name)

    assert standin.backup("neo4j", kind="DIFF").exit_code == 1


def test_a_parent_is_known_by_its_head_and_not_by_its_name(standin: Installed) -> None:
    standin.backup("neo4j")
    (only,) = standin.artifacts()
    only.rename(standin.target / "renamed-2020-01-01T00-00-00.backup")

    assert chained(standin).exit_code == 0


def test_without_the_full_a_differential_is_no_parent(standin: Installed) -> None:
    standin.backup("neo4j")
    chained(standin)
    standin.artifacts()[0].unlink()

    assert chained(standin).exit_code == 1


def test_a_truncated_artifact_with_a_whole_head_is_taken_for_a_parent(standin: Installed) -> None:
    standin.backup("neo4j")
    (full,) = standin.artifacts()
    full.write_bytes(full.read_bytes()[:300])

    assert chained(standin).exit_code == 0


def test_what_is_no_artifact_is_passed_over(standin: Installed) -> None:
    standin.backup("neo4j")
    for name, data in (("neo4j-2030-01-01T00-00-00.backup", b""), ("neo4j-2030-01-01T00-00-01.backup", b"BZV9junk")):
        (standin.target / name).write_bytes(data)

    assert chained(standin).exit_code == 0
    assert ranges(standin) == [(True, 1, 1), (False, 2, 2)]


@pytest.mark.parametrize("keep_database_id", [True, False])
def test_another_store_under_the_same_name_has_no_parent(standin: Installed, keep_database_id: bool) -> None:
    standin.backup("neo4j")
    server.recreate(standin.data, "neo4j", keep_database_id=keep_database_id)

    assert chained(standin, commits=5).exit_code == 1
    assert chained(standin, commits=0, kind="AUTO").exit_code == 0
    assert [head.full for head in standin.heads()] == [True, True]


def test_pruned_transactions_fail_a_differential_and_make_auto_fall_back(standin: Installed) -> None:
    standin.backup("neo4j")
    server.commit(standin.data, "neo4j", 5)
    server.prune(standin.data, "neo4j", 4)

    failed, fell_back = chained(standin, commits=0), chained(standin, commits=0, kind="AUTO")

    assert failed.exit_code == 1
    assert fell_back.exit_code == 0
    assert "Falling back to full backup of database 'neo4j'." in messages(fell_back)
    assert ranges(standin) == [(True, 1, 1), (True, 1, 6)]


def test_pruned_transactions_make_a_differential_fall_back_where_the_knob_says_so(standin: Installed) -> None:
    standin.backup("neo4j")
    server.commit(standin.data, "neo4j", 5)
    server.prune(standin.data, "neo4j")

    assert chained(standin, commits=0, diff_pruned="fallback").exit_code == 0
    assert ranges(standin) == [(True, 1, 1), (True, 1, 6)]


def test_pruning_what_lies_in_the_parent_breaks_nothing(standin: Installed) -> None:
    standin.backup("neo4j")
    server.prune(standin.data, "neo4j", 2)

    assert chained(standin, commits=1).exit_code == 0


def test_a_full_between_differentials_becomes_the_parent(standin: Installed) -> None:
    standin.backup("neo4j")
    chained(standin, commits=2)
    chained(standin, commits=2, kind="FULL")
    chained(standin, commits=1)

    assert ranges(standin) == [(True, 1, 1), (False, 2, 3), (True, 1, 5), (False, 6, 6)]


def test_prefer_diff_as_parent_goes_on_with_the_newest_differential(make: Make) -> None:
    standin = make("2026.02.0")
    standin.backup("neo4j")
    chained(standin, "--prefer-diff-as-parent", commits=2)
    chained(standin, commits=2, kind="FULL")
    chained(standin, "--prefer-diff-as-parent", commits=1)

    assert ranges(standin) == [(True, 1, 1), (False, 2, 3), (True, 1, 5), (False, 4, 6)]


def test_skip_recovery_leaves_a_full_unrecovered(make: Make) -> None:
    standin = make("2025.11.0")

    standin.backup("--skip-recovery", "neo4j")

    assert not standin.heads()[0].recovered


def test_metadata_is_left_out_on_demand_and_system_has_none(standin: Installed) -> None:
    standin.backup("--include-metadata=none", "neo4j")
    standin.backup("--include-metadata=all", "system")

    assert [head.metadata for head in standin.heads()] == [{}, {}]


def test_a_pattern_takes_what_is_online_system_too(standin: Installed) -> None:
    server.create_database(standin.data, "stopped", status="offline")
    server.create_database(standin.data, "alias", kind="alias")
    server.create_database(standin.data, "composite", kind="composite")

    ran = standin.backup("*")

    assert ran.exit_code == 0
    assert sorted(head.database for head in standin.heads()) == ["neo4j", "system"]


@pytest.mark.parametrize(
    ("pattern", "names"), [("foo*", ["foo", "foobar"]), ("fo?", ["foo"]), ("foo?", ["foo"]), ("FOO", ["foo"])]
)
def test_a_pattern_takes_unrelated_names_and_a_question_mark_stands_for_one_or_none(
    standin: Installed, pattern: str, names: list[str]
) -> None:
    server.create_dbms(standin.data, "foo", "foobar", size=1000)

    assert standin.backup(pattern).exit_code == 0
    assert sorted(head.database for head in standin.heads()) == names


def test_a_pattern_that_matches_nothing_fails(standin: Installed) -> None:
    assert standin.backup("zzz*").exit_code == 1


def test_without_a_name_neo4j_is_meant(standin: Installed) -> None:
    assert standin.backup().exit_code == 0
    assert [head.database for head in standin.heads()] == ["neo4j"]


def test_of_several_databases_the_good_ones_get_artifacts_and_the_exit_is_1(standin: Installed) -> None:
    ran = standin.backup("neo4j", "missing", "system")

    assert ran.exit_code == 1
    assert sorted(head.database for head in standin.heads()) == ["neo4j", "system"]
    assert len([line for line in messages(ran) if line.startswith("Finished artifact creation")]) == 2
    assert "Backup command completed" not in ran.out


@pytest.mark.parametrize("kind", ["alias", "composite"])
def test_what_has_no_store_cannot_be_backed_up(standin: Installed, kind: str) -> None:
    server.create_database(standin.data, "odd", kind=kind)

    assert standin.backup("odd").exit_code == 1
    assert not (standin.data / "databases/odd").exists()


def test_a_database_that_is_missing_or_stopped_cannot_be_backed_up(standin: Installed) -> None:
    server.stop(standin.data, "neo4j")

    assert standin.backup("neo4j").exit_code == 1
    assert standin.backup("missing").exit_code == 1
    server.start(standin.data, "neo4j")
    assert standin.backup("neo4j").exit_code == 0


def test_a_folder_that_nobody_described_is_a_database_with_stable_ids(standin: Installed) -> None:
    (standin.data / "databases/plain").mkdir()

    standin.backup("plain")
    standin.knobs(clock=10)
    standin.backup("plain")

    first, second = standin.heads()
    assert first.identity == second.identity


def test_a_shard_wants_the_addresses_resolved_and_is_backed_up_in_full(make: Make) -> None:
    standin = make("2025.10.0")
    server.create_database(standin.data, "foo-p000", kind="shard")

    refused = standin.backup("foo-p000")

    assert refused.exit_code == 1
    assert "Please specify --remote-address-resolution when taking a backup of a shard" in refused.err
    assert standin.backup("--remote-address-resolution", "foo-p000").exit_code == 0
    assert standin.backup("--remote-address-resolution", "foo-p000", kind="DIFF").exit_code == 1


def test_one_dead_server_is_an_exit_of_1_with_a_good_artifact(standin: Installed) -> None:
    standin.knobs(offline=["a"])

    ran = standin.backup("--from=a:6362,b", "neo4j")

    assert ran.exit_code == 1
    assert "Starting backup of database 'neo4j' from servers: [b:6362]" in messages(ran)
    assert [head.database for head in standin.heads()] == ["neo4j"]


def test_with_every_server_dead_nothing_is_backed_up(standin: Installed) -> None:
    standin.knobs(offline=["localhost"])

    ran = standin.backup("neo4j")

    assert ran.exit_code == 1
    assert standin.artifacts() == []


def test_all_servers_contribute_to_a_pattern(standin: Installed, tmp_path: Path) -> None:
    server.create_database(tmp_path / "other", "elsewhere", size=1000)
    standin.knobs(servers={"b:6362": str(tmp_path / "other")})

    assert standin.backup("--from=a", "--from=b", "*").exit_code == 0
    assert sorted(head.database for head in standin.heads()) == ["elsewhere", "neo4j", "system"]


def test_over_tcp_a_server_is_there_if_it_takes_the_connection(standin: Installed) -> None:
    standin.knobs(connect="tcp")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        listening.setblocking(True)
        reached = standin.backup(f"--from=127.0.0.1:{port}", "neo4j")
    refused = standin.backup(f"--from=127.0.0.1:{port}", "neo4j")

    assert (reached.exit_code, refused.exit_code) == (0, 1)


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


def test_a_slow_backup_grows_in_the_temporary_folder_and_then_in_the_target(standin: Installed) -> None:
    standin.knobs(rate=200_000)
    seen: set[tuple[bool, bool]] = set()

    with standin.start(*standin.arguments("neo4j")) as process:
        while process.poll() is None:
            copied, packed = bytes_below(standin.temp), bytes_below(standin.target)
            seen.add((0 < copied < 91_000, 0 < packed < 100_000))
            time.sleep(0.02)
        process.communicate()

    assert process.returncode == 0
    assert {(True, False), (False, True)} <= seen
