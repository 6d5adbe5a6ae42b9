"""Whether a lock (flock) taken on a file system is one for everybody who mounts it, told by how it is mounted."""

import os
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
# Those of one machine at a time, and those whose servers keep the locks. All others, FUSE above all, may keep a lock
# from nobody but the machine that took it.
_ONE_MACHINE = frozenset({"btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"})
_SERVER = frozenset({"ceph"})
_NFS = frozenset({"nfs", "nfs4"})
_NFS_LOCKS = "local_lock=none"


def locks_reach_all(path: str) -> bool:
    """Say whether who can't take a lock on a file below ``path`` knows that somebody, anywhere, holds it."""
    try:
        mounts = _MOUNTS.read_text("utf-8", "surrogateescape")
    except OSError:
        return False
    return reaches_all(mounts, os.path.realpath(path))


def reaches_all(mounts: str, path: str) -> bool:
    """Say it of an absolute ``path`` without links; ``mounts`` is what /proc/self/mountinfo says."""
    found: tuple[str, str, str] | None = None
    for line in mounts.splitlines():
        mount, _, system = line.partition(" - ")
        fields, kind = mount.split(" "), system.split(" ")
        if len(fields) < 5 or len(kind) < 3:
            continue
        at = _unescaped(fields[4])
        # Of several on one folder the last one is seen.
        if os.path.commonpath((at, path)) == at and (found is None or len(at) >= len(found[0])):
            found = at, kind[0], kind[2]
    if found is None:
        return False
    _, name, options = found
    return name in _ONE_MACHINE | _SERVER or (name in _NFS and _NFS_LOCKS in options.split(","))


def _unescaped(field: str) -> str:
    for escaped, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(escaped, character)
    return field
