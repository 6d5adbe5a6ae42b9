"""``make soak``: soaks for as long as it is told and puts its table into docs/faults.md, where nothing was wrong."""

import argparse
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from shared.durations import parse_duration
from tests.soak.soaking import soak
from tests.soak.table import put, table

PAGE = Path(__file__).parents[2] / "docs/faults.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("length", help="such as 3m or 1h")
    parser.add_argument("--dry", action="store_true", help=f"leave {PAGE.name} as it is")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = soak(Path(folder) / "rig", parse_duration(given.length))
    text = table(figures, f"make soak SOAK={given.length}", datetime.now(UTC).date())
    print(text, *figures.problems, sep="\n")
    if figures.problems:
        return 1
    if not given.dry:
        put(text, PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
