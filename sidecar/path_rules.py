"""Which paths a backup may be written to: absolute, plain, and equal to or below an allowed root."""

import os
import stat
import unicodedata
from collections.abc import Sequence

from shared.errors import RequestRejected

_MAX_PATH = 4096
_MAX_NAME = 255
# Controls, halves of a character that JSON can smuggle in, and what some programs take for a line's end.
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def lexical_problem(path: str, roots: Sequence[str]) -> str | None:
    """Say what is wrong with ``path`` as it is written, without looking at the disk; None where nothing is."""
    if len(path) > _MAX_PATH:
        return f"it is longer than {_MAX_PATH} bytes"
    if any(unicodedata.category(character) in _REFUSED_CATEGORIES for character in path):
        return "it has control characters or broken ones"
    if len(path.encode()) > _MAX_PATH:
        return f"it is longer than {_MAX_PATH} bytes"
    if not path.startswith("/"):
        return "it isn't absolute"
    components = _components(path)
    if any(len(component.encode()) > _MAX_NAME for component in components):
        return f"it has a component of more than {_MAX_NAME} bytes"
    if any(component in (".", "..") for component in components):
        return "it has '.' or '..' in it"
    if (split := below_root(path, roots)) is None:
        return f"it is neither an allowed root nor below one ({', '.join(roots)})"
    if hidden := [component for component in split[1] if component.startswith(".")]:
        return f"{hidden[0]!r} begins with a dot, and such folders below a root are the sidecar's own"
    return None


def below_root(path: str, roots: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Part ``path`` into the innermost root that holds it and the folders below that; None where none does."""
    components = _components(path)
    holding = [root for root in roots if components[: len(_components(root))] == _components(root)]
    if not holding:
        return None
    root = max(holding, key=lambda each: len(_components(each)))
    return root, components[len(_components(root)) :]


def same_path(one: str, other: str) -> bool:
    """Say whether two paths are the same as they are written, however many slashes they have."""
    return _components(one) == _components(other)


def check_target(path: str, roots: Sequence[str], *, look: bool = True) -> None:
    """Refuse a target that can't be one, as it is written and, with a ``look`` at the disk, as far as it is there.

    A look in passing, for an early answer: ``open_target`` is what holds. The root itself may be a link.
    Raises ``RequestRejected``.
    """
    problem = lexical_problem(path, roots) or (_existing_problem(path, roots) if look else None)
    if problem:
        raise RequestRejected(
            f"the path {path[:_MAX_NAME]!r} can't be a backup's target: {problem}",
            hint=f"Give an absolute path that is or lies below one of: {', '.join(roots)}",
        )


def _existing_problem(path: str, roots: Sequence[str]) -> str | None:
    split = below_root(path, roots)
    if split is None:
        return None
    at, folders = split
    for folder in folders:
        at = os.path.join(at, folder)
        try:
            mode = os.lstat(at).st_mode
        except OSError:
            # Missing, or not ours to see: what to make of that is told when its turn comes.
            return None
        if stat.S_ISLNK(mode):
            return f"{at} is a link, and links aren't followed below a root"
        if not stat.S_ISDIR(mode):
            return f"{at} is not a folder"
    return None


def _components(path: str) -> tuple[str, ...]:
    return tuple(component for component in path.split("/") if component)
