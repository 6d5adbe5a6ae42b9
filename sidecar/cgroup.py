"""The memory of the container that this process is in: its limit, what is used of it, who was killed for it.

Read from cgroup v1 or v2 by ``/proc/self/cgroup`` (where this process is) and ``/proc/self/mountinfo``
(where that can be seen). The node's own memory is never looked at.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# v1 writes "no limit" as the largest multiple of a page, 9223372036854771712; v2 writes "max".
_UNLIMITED = 1 << 60
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Memory:
    """The container's memory in bytes, and how many processes the kernel has killed for want of it; None: not told.

    ``limit_bytes`` is the smallest limit of its own cgroup and those above it that can be seen; None
    also where there is no limit.
    """

    limit_bytes: int | None
    oom_kills: int | None


@dataclass(frozen=True, slots=True)
class _Hierarchy:
    """Where the own cgroup and those above it lie, from the innermost outwards, and what their files are called."""

    folders: tuple[Path, ...]
    limit: str
    events: str


def read_memory(root: Path = Path("/")) -> Memory:
    """Read it, from below ``root``; never raises: what can't be read is None."""
    found = _v1(root) or _v2(root)
    if found is None:
        return Memory(None, None)
    limits = [limit for folder in found.folders if (limit := _number(_read(folder / found.limit))) is not None]
    own = found.folders[0]
    # v1 only: it counts the cgroups above a container too, which can't be seen from inside.
    if (hierarchical := _field(_read(own / "memory.stat"), "hierarchical_memory_limit")) is not None:
        limits.append(hierarchical)
    limit = min(limits, default=_UNLIMITED)
    return Memory(
        limit_bytes=limit if limit < _UNLIMITED else None,
        oom_kills=_field(_read(own / found.events), "oom_kill"),
    )


def _v1(root: Path) -> _Hierarchy | None:
    for controllers, path in _memberships(root):
        if "memory" in controllers.split(","):
            for mount in _mounts(root):
                if mount.kind == "cgroup" and "memory" in mount.options:
                    folders = _folders(root, mount, path)
                    return _Hierarchy(folders, "memory.limit_in_bytes", "memory.oom_control")
    return None


def _v2(root: Path) -> _Hierarchy | None:
    for controllers, path in _memberships(root):
        if not controllers:
            for mount in _mounts(root):
                if mount.kind == "cgroup2":
                    return _Hierarchy(_folders(root, mount, path), "memory.max", "memory.events")
    return None


@dataclass(frozen=True, slots=True)
class _Mount:
    """One mount: the part ``root`` of a file system of this kind is seen at ``point``."""

    root: str
    point: str
    kind: str
    options: tuple[str, ...]


def _memberships(root: Path) -> Iterator[tuple[str, str]]:
    for line in _read(root / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            yield parts[1], parts[2]


def _mounts(root: Path) -> Iterator[_Mount]:
    for line in _read(root / "proc/self/mountinfo").splitlines():
        # Optional fields stand between the sixth field and a dash.
        place, _, kind = line.partition(" - ")
        fields, rest = place.split(), kind.split()
        if len(fields) >= 6 and rest:
            yield _Mount(_unescaped(fields[3]), _unescaped(fields[4]), rest[0], tuple(rest[-1].split(",")))


def _folders(root: Path, mount: _Mount, path: str) -> tuple[Path, ...]:
    top = root / mount.point.lstrip("/")
    own = top / _below(mount.root, path)
    # In a container that shares the host's cgroup namespace the path may be the host's, while what is
    # mounted is the container's own cgroup.
    if not own.is_dir():
        own = top
    above = [folder for folder in own.parents if folder == top or top in folder.parents]
    return (own, *above)


def _below(mount_root: str, path: str) -> str:
    inside = os.path.relpath(path, mount_root)
    return "" if inside.startswith("..") else inside


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isdecimal() else _UNLIMITED if text == "max" else None


def _field(text: str, name: str) -> int | None:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return _number(value)
    return None


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)
