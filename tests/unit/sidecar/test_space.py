"""A backup that would not fit beside the database and its reserve is refused, with how much is missing and where."""

import pytest

from shared.protocol import BackupType
from sidecar.data_folder import DatabaseSize
from sidecar.space import Demand, Place, demand, reserve_broken, reserve_of, shortage
from sidecar.target import FileSystem

GIB = 1024**3
SIZE = DatabaseSize(store_bytes=8 * GIB, log_bytes=2 * GIB)
SMALL = 10 * GIB
"""A file system of which 5 % are less than 1 GiB."""


def place(folder: str, device: int, free: float, total: int = SMALL) -> Place:
    return Place(folder, FileSystem(device, int(free * GIB), total))


@pytest.mark.parametrize(
    ("type_", "chain", "newest", "compress", "temporary", "artifact"),
    [
        (BackupType.FULL, False, None, True, 10, 4),
        (BackupType.FULL, False, None, False, 10, 8),
        (BackupType.FULL, True, None, True, 10, 4),
        (BackupType.FULL, True, 4, True, 10, 5),
        (BackupType.FULL, True, 4, False, 10, 8),
        (BackupType.FULL, True, 8, False, 10, 10),
        (BackupType.AUTO, False, None, True, 10, 4),
        (BackupType.AUTO, True, 4, True, 2, 2),
        (BackupType.DIFF, True, 4, True, 2, 2),
        (BackupType.DIFF, False, None, True, 10, 4),
    ],
)
def test_what_a_run_writes_is_foreseen_from_the_databases_size(
    type_: BackupType, chain: bool, newest: int | None, compress: bool, temporary: int, artifact: int
) -> None:
    newest_bytes = None if newest is None else newest * GIB

    needs = demand(type_, SIZE, chain=chain, newest_full_bytes=newest_bytes, compress=compress)

    assert needs == Demand(temporary * GIB, artifact * GIB)


def test_without_a_data_folder_nothing_is_foreseen() -> None:
    assert demand(BackupType.FULL, None, chain=False, newest_full_bytes=GIB) == Demand(None, None)


@pytest.mark.parametrize(
    ("total", "setting", "reserve"),
    [(10 * GIB, None, GIB), (20 * GIB, None, GIB), (40 * GIB, None, 2 * GIB), (40 * GIB, GIB, GIB), (GIB, 0, 0)],
)
def test_a_gibibyte_or_five_percent_stay_free_and_a_setting_replaces_both(
    total: int, setting: int | None, reserve: int
) -> None:
    assert reserve_of(FileSystem(1, 0, total), setting) == reserve


NEEDS = Demand(temporary_bytes=3 * GIB, artifact_bytes=2 * GIB)


def test_on_one_file_system_everything_and_one_reserve_add_up() -> None:
    def short(free: float) -> bool:
        here = place("/data/backups", 1, free)
        return shortage(NEEDS, temporary=place("/data/backups/t", 1, free), target=here, reserve=None) is not None

    assert not short(6)
    assert short(5.99)


@pytest.mark.parametrize(
    ("free_for_temporary", "free_for_target", "short_on"),
    [(4, 3, None), (3.99, 3, "/scratch"), (4, 2.99, "/backups"), (3.9, 2.9, "/backups")],
)
def test_two_file_systems_each_need_their_part_and_their_own_reserve(
    free_for_temporary: float, free_for_target: float, short_on: str | None
) -> None:
    error = shortage(
        NEEDS,
        temporary=place("/scratch", 1, free_for_temporary),
        target=place("/backups", 2, free_for_target),
        reserve=None,
    )

    assert (None if error is None else error.message.split()[0]) == short_on


def test_the_refusal_says_what_is_free_what_is_needed_for_what_and_what_to_do() -> None:
    here = place("/data/backups", 1, 4.5)

    error = shortage(NEEDS, temporary=here, target=here, reserve=None)

    assert error is not None
    assert error.code == "insufficient_space"
    assert error.message == (
        "/data/backups has 4.5 GiB free on its file system, and the backup needs 6.0 GiB: "
        "3.0 GiB for temporary files, 2.0 GiB for the artifact, 1.0 GiB that stay free for the database"
    )
    assert "NEO4J_BACKUP_TEMP" in error.hint
    assert "NEO4J_BACKUP_RESERVE" in error.hint


def test_a_part_that_is_elsewhere_is_not_blamed() -> None:
    error = shortage(NEEDS, temporary=place("/scratch", 1, 9), target=place("/backups", 2, 1), reserve=0)

    assert error is not None
    assert "temporary" not in error.message
    assert "NEO4J_BACKUP_TEMP" not in error.hint


def test_where_no_size_is_known_only_the_reserve_is_asked_for() -> None:
    unknown = Demand(None, None)

    def short(free: float) -> bool:
        here = place("/backups", 1, free)
        return shortage(unknown, temporary=here, target=here, reserve=None) is not None

    assert not short(1)
    assert short(0.99)


def test_a_run_that_eats_into_the_reserve_is_to_be_ended() -> None:
    error = reserve_broken(place("/data/backups", 1, 0.5), None)

    assert error is not None
    assert error.code == "insufficient_space"
    assert "/data/backups" in error.message
    assert "512.0 MiB left" in error.message
    assert reserve_broken(place("/data/backups", 1, 1), None) is None
    assert reserve_broken(place("/data/backups", 1, 0), 0) is None
