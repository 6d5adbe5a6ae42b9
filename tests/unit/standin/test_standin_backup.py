"""What a full `database backup` says and makes, against section 11 of the reference."""

import contextlib
import os
import re
import tarfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import zstandard

from tests.standin import server
from tests.standin.installed import Installed

Make = Callable[..., Installed]
NAME = re.compile(r"^(?P<db>.+)-(?P<ts>\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2})\.backup$")


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


def test_a_full_backup_says_the_lines_of_the_reference_in_their_order(standin: Installed) -> None:
    server.commit(standin.data, "neo4j", 4)

    ran = standin.backup("--from=localhost:6362", "neo4j")

    assert ran.exit_code == 0
    assert ran.err == ""
    said = ran.messages
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


def test_skip_recovery_leaves_a_full_unrecovered(make: Make) -> None:
    standin = make("2025.11.0")

    standin.backup("--skip-recovery", "neo4j")

    assert not standin.heads()[0].recovered


def test_metadata_is_left_out_on_demand_and_system_has_none(standin: Installed) -> None:
    standin.backup("--include-metadata=none", "neo4j")
    standin.backup("--include-metadata=all", "system")

    assert [head.metadata for head in standin.heads()] == [{}, {}]


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
