"""Removes the oldest of the logs that neo4j-admin's runs have left, once they are too large together."""

import contextlib
import os
from collections.abc import Collection, Mapping


def sweep_logs(folder: int, revisions: Mapping[str, int], busy: Collection[str], most: int) -> None:
    """Keep ``most`` bytes of the logs in ``folder``, the newest; those of ``busy`` requests stay and don't count.

    ``revisions`` orders the requests that have ended; a log of none of them goes first.
    """
    sizes: list[tuple[int, str, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name.removesuffix(".log")
            if name.partition("~")[0] in busy:
                continue
            with contextlib.suppress(FileNotFoundError):
                size = entry.stat(follow_symlinks=False).st_size
                sizes.append((revisions.get(name, 0), entry.name, size))
    total = sum(size for _, _, size in sizes)
    for _, name, size in sorted(sizes):
        if total <= most:
            break
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
            total -= size
