"""Folders on the way to a target: what is found there may have been made by a daemon that died before its flush."""

import os
from pathlib import Path

import pytest

from sidecar.target import open_target


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Give the inodes of what is flushed from here on."""
    inodes: set[int] = set()
    flush = os.fsync

    def noting(descriptor: int) -> None:
        inodes.add(os.fstat(descriptor).st_ino)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return inodes


def test_every_name_on_the_way_to_a_target_is_on_the_disk_whoever_made_it(tmp_path: Path, flushed: set[int]) -> None:
    target = tmp_path / "backups/server/nightly"
    target.mkdir(parents=True)

    open_target(str(target), [str(tmp_path / "backups")], create=True).close()

    holding = {folder.stat().st_ino for folder in (tmp_path, tmp_path / "backups", tmp_path / "backups/server")}
    assert holding <= flushed
