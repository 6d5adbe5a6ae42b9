"""Moving what proves no backup to ``.failed``, where no later differential builds on it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import BackupError
from sidecar.folders import enter, flush

FAILED_FOLDER = ".failed"


@dataclass(frozen=True, slots=True)
class SetAside:
    """``moved``: what files are called in ``.failed``, by their old names; ``left``: why others stayed."""

    moved: dict[str, str]
    left: dict[str, str]


def move_aside(folder: int, path: str, names: Sequence[str]) -> SetAside:
    """Move files of the open ``folder``, called ``path`` in messages, to its ``.failed``, in the order given.

    Nothing there is overwritten: names that are taken get a number, ``~2`` and so on, one for all. It never
    crosses a file system. What is gone already is in neither answer.
    """
    if not names:
        return SetAside({}, {})
    try:
        failed = enter(folder, FAILED_FOLDER, os.path.join(path, FAILED_FOLDER), create=True)
    except BackupError as error:
        return SetAside({}, dict.fromkeys(names, error.message))
    moved: dict[str, str] = {}
    left: dict[str, str] = {}
    try:
        suffix = _free_suffix(failed, names)
        for name in names:
            try:
                # A rename overwrites, and only the daemon writes here: the look above is enough.
                # Reserving the name by a file would want room on a disk that may be full.
                os.rename(name, name + suffix, src_dir_fd=folder, dst_dir_fd=failed)
                moved[name] = name + suffix
            except FileNotFoundError:
                continue
            except OSError as error:
                left[name] = f"it can't be moved: {error.strerror}"
        try:
            # The new name first: a crash in between leaves the file under both or either, never under none.
            flush(failed)
            flush(folder)
        except OSError as error:
            left |= dict.fromkeys(moved, f"it was moved, and may be back after a crash: {error.strerror}")
    finally:
        os.close(failed)
    return SetAside(moved, left)


def _free_suffix(failed: int, names: Sequence[str]) -> str:
    taken = set(os.listdir(failed))
    suffix, number = "", 1
    while any(name + suffix in taken for name in names):
        number += 1
        suffix = f"~{number}"
    return suffix
