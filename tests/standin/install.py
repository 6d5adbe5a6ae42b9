"""Lays the stand-in out as an official neo4j-admin: `python -m tests.standin.install DIR --version 5.26.28`."""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import py_compile
import shutil
import sys
import tempfile
from pathlib import Path

from . import versions

PACKAGE = "lib/standin"
_SCRIPTS = {
    "bin/neo4j-admin": "launcher",
    "lib/standin-worker": "worker",
    "bin/standin-server": "server",
    "bin/standin-serve": "serve",
}
# -I and -S keep the start at a few milliseconds, and the user's packages out.
_SCRIPT = """\
#!{python} -IS
import os
import sys

home = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(0, home + "/lib")
from standin.{module} import main

os._exit(main(home, sys.argv[1:]))
"""


def install(
    home: Path | str, version: str = "5.26.28", edition: str = versions.ENTERPRISE, python: str = sys.executable
) -> Path:
    """Make ``home`` an installation of this version and edition, over one that is there; return its neo4j-admin.

    Knobs that are there stay. ``python`` is the interpreter it will run with, which must have zstandard.
    """
    versions.parse(version)
    if edition not in versions.EDITIONS:
        raise ValueError(f"{edition!r} is no edition; {' or '.join(versions.EDITIONS)} would be one")
    root = Path(home).absolute()
    for folder in ("bin", "conf", "logs", PACKAGE):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for jar in (root / "lib").glob("neo4j-*.jar"):
        jar.unlink()
    (root / "lib" / f"neo4j-kernel-{version}.jar").touch()
    if edition == versions.ENTERPRISE:
        (root / "lib" / f"neo4j-security-enterprise-{version}.jar").touch()
    package = root / PACKAGE
    (package / "VERSION").write_text(f"{version}\n")
    (package / "EDITION").write_text(f"{edition}\n")
    (package / "PACKAGES").write_text(_packages())
    (package / "__pycache__").mkdir(exist_ok=True)
    for source in Path(__file__).parent.glob("*.py"):
        copied = Path(shutil.copyfile(source, package / source.name))
        # The home may be read-only where it runs, and then nothing could be compiled any more.
        Path(importlib.util.cache_from_source(str(copied))).write_bytes(_compiled(source))
    for name, module in _SCRIPTS.items():
        script = root / name
        script.write_text(_SCRIPT.format(python=python, module=module))
        script.chmod(0o755)
    return root / "bin/neo4j-admin"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.standin.install", description=__doc__)
    parser.add_argument("home", type=Path, metavar="DIR")
    parser.add_argument("--version", default="5.26.28")
    parser.add_argument("--edition", default=versions.ENTERPRISE, choices=versions.EDITIONS)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that it will run with")
    given = parser.parse_args(arguments)
    print(install(given.home, given.version, given.edition, given.python))
    return 0


@functools.cache
def _compiled(source: Path) -> bytes:
    """Once for the life of this process, since tests install many homes."""
    with tempfile.TemporaryDirectory() as folder:
        py_compile.compile(
            str(source),
            cfile=f"{folder}/compiled",
            dfile=f"{PACKAGE}/{source.name}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        return Path(folder, "compiled").read_bytes()


def _packages() -> str:
    """The folder where this python has zstandard, if it has it."""
    found = importlib.util.find_spec("zstandard")
    return os.path.dirname(os.path.dirname(found.origin)) if found and found.origin else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
