"""Looks at files that fail with an error of the disk's."""

import os

import pytest


def fail_at(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """Have each look by a path at what is called ``name`` below the data folder fail with the errno ``number``."""
    look = os.stat

    def fail(path: str, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        if dir_fd is None and os.path.basename(os.fspath(path)) == name and "/data/" in os.fspath(path):
            raise OSError(number, os.strerror(number))
        return look(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "stat", fail)
