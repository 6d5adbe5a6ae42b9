"""The calls that crashes are injected before are all by which the sidecar writes."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.integration.crashing import WRITING

SIDECAR = Path(__file__).parents[2] / "sidecar"
CHANGING = {
    "chmod", "chown", "copy_file_range", "fchmod", "fchown", "fdatasync", "fdopen", "fsync", "ftruncate", "lchown",
    "link", "makedirs", "mkdir", "mkfifo", "mknod", "open", "posix_fallocate", "pwrite", "pwritev", "remove",
    "removedirs", "removexattr", "rename", "renames", "replace", "rmdir", "sendfile", "setxattr", "splice", "symlink",
    "sync", "truncate", "unlink", "utime", "write", "writev",
}  # fmt: skip
"""What os has to change a file system with."""
READING = {"fdopen"}
"""Of those, what the sidecar only reads by."""
PATHS = {"hardlink_to", "symlink_to", "touch", "write_bytes", "write_text"}
"""What pathlib has, where os is passed by."""


def calls() -> Iterator[tuple[str, str]]:
    """Give module (or "") and name of each function that the sidecar calls."""
    for file in SIDECAR.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
                    yield module, name
                case ast.Call(func=ast.Attribute(attr=name)):
                    yield "", name
                case _:
                    continue


def test_each_call_by_which_the_sidecar_writes_has_crashes_injected_before_it() -> None:
    found = set(calls())

    used = {name for module, name in found if module == "os"} & CHANGING - READING
    assert used <= {*WRITING, "open"}, "tests/integration/crashing.py doesn't count these"
    assert {"write", "fsync", "rename", "unlink"} <= used, "the sidecar's calls are no longer seen"
    # What rmtree does, it does by os.
    assert {name for module, name in found if module == "shutil"} <= {"rmtree", "which"}
    assert {name for _, name in found} & PATHS == set()
