"""A request's log keeps the beginning and the end of what was printed, and never fails a backup."""

import os
import re
import resource
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.run_log import FIRST, LAST, RunLog

MARKER = re.compile(rb"\n\[neo4j-backup: (\d+) bytes that neo4j-admin printed are left out here\]\n")


def opener(path: Path) -> Callable[[], int]:
    return lambda: os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)


def keep(path: Path, lines: list[bytes], first: int = 100, last: int = 60) -> RunLog:
    log = RunLog(opener(path), first=first, last=last)
    for line in lines:
        log.write(line)
    log.close()
    return log


def printed(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_fits_is_kept_byte_by_byte(tmp_path: Path) -> None:
    lines = [b"one", b"", b"\xff\x00\xc3\x28", b"\ttwo\r"]

    log = keep(tmp_path / "log", lines)

    assert (tmp_path / "log").read_bytes() == b"one\n\n\xff\x00\xc3\x28\n\ttwo\r\n"
    assert log.trouble is None


def test_the_first_part_is_in_the_file_at_once(tmp_path: Path) -> None:
    log = RunLog(opener(tmp_path / "log"))

    log.write(b"Start full backup of database 'neo4j'.")

    assert (tmp_path / "log").read_bytes() == b"Start full backup of database 'neo4j'.\n"
    log.close()


def test_what_fits_into_both_parts_together_is_whole(tmp_path: Path) -> None:
    lines = [b"line %03d" % number for number in range(17)]  # 153 of 160 bytes

    keep(tmp_path / "log", lines)

    assert (tmp_path / "log").read_bytes() == printed(lines)


def test_of_more_the_middle_is_left_out_and_told(tmp_path: Path) -> None:
    lines = [b"line %03d" % number for number in range(500)]

    keep(tmp_path / "log", lines)

    kept = (tmp_path / "log").read_bytes()
    marker = MARKER.search(kept)
    assert marker is not None
    assert kept[: marker.start()] == printed(lines)[:100]
    assert kept[marker.end() :] == printed(lines[-6:])
    assert int(marker[1]) == len(printed(lines)) - 100 - len(printed(lines[-6:]))


@pytest.mark.parametrize("runs", [[30, 30], [3, 30, 1], [10, 2, 2], [300, 1, 300], [0, 5, 0, 20], [300, 0]])
def test_the_runs_of_a_request_share_one_file_as_if_they_were_one(tmp_path: Path, runs: list[int]) -> None:
    lines = [b"line %05d" % number for number in range(sum(runs))]

    keep(tmp_path / "together", lines)
    left = iter(lines)
    for run in runs:
        keep(tmp_path / "one by one", [next(left) for _ in range(run)])

    together, one_by_one = (tmp_path / "together").read_bytes(), (tmp_path / "one by one").read_bytes()
    assert len(one_by_one) <= 100 + 60 + 100
    assert one_by_one[:100] == together[:100]
    assert one_by_one[-40:] == together[-40:]
    assert accounted_for(one_by_one) == accounted_for(together) == len(printed(lines))


def accounted_for(kept: bytes) -> int:
    """Return the bytes that a log holds or says that it left out."""
    marker = MARKER.search(kept)
    return len(kept) if marker is None else len(kept) - len(marker[0]) + int(marker[1])


@given(st.lists(st.lists(st.binary(max_size=90).map(lambda line: line.replace(b"\n", b"")), max_size=20), max_size=4))
def test_every_byte_is_kept_or_counted(tmp_path_factory: pytest.TempPathFactory, runs: list[list[bytes]]) -> None:
    path = tmp_path_factory.mktemp("runs") / "log"
    path.touch()

    for lines in runs:
        keep(path, lines)

    everything = printed([line for lines in runs for line in lines])
    assert accounted_for(path.read_bytes()) == len(everything)
    assert path.read_bytes().startswith(everything[:100])


def test_a_line_larger_than_the_last_part_is_left_out_whole_or_in_part(tmp_path: Path) -> None:
    lines = [b"x" * 99, b"y" * 500]

    keep(tmp_path / "log", lines)

    kept = (tmp_path / "log").read_bytes()
    assert kept.startswith(b"x" * 99 + b"\n")
    assert accounted_for(kept) == 601


def test_the_last_part_of_the_run_before_stays_until_the_next_has_ended(tmp_path: Path) -> None:
    keep(tmp_path / "log", [b"line %03d" % number for number in range(500)])
    before = (tmp_path / "log").read_bytes()

    log = RunLog(opener(tmp_path / "log"), first=100, last=60)
    log.write(b"the next run")

    assert (tmp_path / "log").read_bytes() == before
    log.close()
    assert (tmp_path / "log").read_bytes().endswith(b"\nthe next run\n")


def test_a_shorter_last_part_leaves_nothing_of_the_longer_before_it(tmp_path: Path) -> None:
    keep(tmp_path / "log", [b"line %03d" % number for number in range(500)])

    keep(tmp_path / "log", [b"x" * 58, b"short"])

    kept = (tmp_path / "log").read_bytes()
    assert kept.endswith(b"here]\nshort\n")
    assert accounted_for(kept) == 500 * 9 + 59 + 6


def test_it_keeps_4_mib_and_4_mib_of_200_and_no_more_in_memory(tmp_path: Path) -> None:
    line = b"x" * 65535
    log = RunLog(opener(tmp_path / "log"))

    tracemalloc.start()
    for _ in range(3200):
        log.write(line)
    log.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert FIRST + LAST - 65536 <= (tmp_path / "log").stat().st_size <= FIRST + LAST + 100
    assert peak < 10 * 1024 * 1024


def test_a_short_log_takes_no_memory_for_a_last_part(tmp_path: Path) -> None:
    tracemalloc.start()
    log = RunLog(opener(tmp_path / "log"))
    log.write(b"short")
    log.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 256 * 1024


def test_a_full_disk_is_remembered_and_fails_nothing() -> None:
    log = RunLog(lambda: os.open("/dev/full", os.O_RDWR))

    log.write(b"one")
    log.write(b"two")
    log.close()

    assert log.trouble is not None
    assert log.trouble.strerror == "No space left on device"


def test_what_is_printed_after_the_disk_was_full_is_kept_if_it_fits_at_the_end(tmp_path: Path) -> None:
    log = RunLog(opener(tmp_path / "log"), first=100, last=60)

    with files_no_larger_than(12):
        for number in range(5):
            log.write(b"line %d" % number)
    log.close()

    assert log.trouble is not None
    assert (tmp_path / "log").read_bytes() == printed([b"line %d" % number for number in range(5)])


def test_lines_keep_their_order_when_the_disk_was_full_for_a_while(tmp_path: Path) -> None:
    log = RunLog(opener(tmp_path / "log"), first=100, last=60)

    with files_no_larger_than(12):
        for number in range(3):
            log.write(b"line %d" % number)
    log.write(b"line 3")
    log.close()

    assert (tmp_path / "log").read_bytes() == printed([b"line %d" % number for number in range(4)])


def test_a_disk_that_stays_full_leaves_what_fitted(tmp_path: Path) -> None:
    with files_no_larger_than(12):
        log = keep(tmp_path / "log", [b"line %d" % number for number in range(500)])

    assert log.trouble is not None
    assert (tmp_path / "log").read_bytes() == b"line 0\nline "


def test_a_file_that_cannot_be_opened_is_remembered_and_fails_nothing(tmp_path: Path) -> None:
    log = keep(tmp_path / "missing" / "log", [b"one"])

    assert isinstance(log.trouble, FileNotFoundError)


def test_closing_again_and_writing_after_it_change_nothing(tmp_path: Path) -> None:
    log = keep(tmp_path / "log", [b"one"])

    log.write(b"two")
    log.close()

    assert (tmp_path / "log").read_bytes() == b"one\n"
