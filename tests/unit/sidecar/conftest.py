from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.records import Records
from sidecar.volume import Volume
from tests.fakes.clock import FakeClock
from tests.unit.sidecar.house import House


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    folder = tmp_path / "requests"
    folder.mkdir()
    volume = Volume.open(str(folder))
    assert volume.try_lock()
    yield volume
    volume.close()


@pytest.fixture
def records(volume: Volume) -> Records:
    return Records(volume)


@pytest.fixture
def house(tmp_path: Path, volume: Volume, records: Records, clock: FakeClock) -> House:
    house = House(tmp_path, volume, records, clock)
    house.build()
    return house
