"""``make bench``: measures what the README quotes; with --check, fails where a promise is missed by far."""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.benchmarks import kubernetes
from tests.benchmarks.figures import Row, measure_kubernetes, measure_local
from tests.images import built
from tests.pace import slower


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="shorter, and fail where a promise is missed by far, twice"
    )
    check = parser.parse_args().check
    missed = [again(measure) for measure in groups(kubernetes.SHORT if check else kubernetes.WHOLE)]
    return 1 if check and any(missed) else 0


def groups(extent: kubernetes.Extent) -> Iterator[Callable[[Path], list[Row]]]:
    """Give what measures each group of figures; without a cluster of this machine there is one less."""
    yield measure_local
    try:
        with built() as images:
            yield lambda folder: measure_kubernetes(images, folder, extent)
    except pytest.skip.Exception as reason:
        print(f"\nKubernetes: not measured, {reason}")


def again(measure: Callable[[Path], list[Row]]) -> bool:
    """Measure and show, twice where a figure was missed; gives whether it was missed both times."""
    if not measure_and_show(measure):
        return False
    # A machine that is shared has bad minutes; a regression is there the second time too.
    print("\nOnce more, since a figure was missed:")
    return measure_and_show(measure)


def measure_and_show(measure: Callable[[Path], list[Row]]) -> bool:
    """Measure, print the table, and say whether a figure was missed by more than the slack of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder))
    show(rows)
    factor = slower()
    missed = [said for row in rows for said in row.missed(factor)]
    for said in missed:
        print(f"MISSED: {said}")
    return bool(missed)


def show(rows: list[Row]) -> None:
    """Print a table."""
    width = max(len(row.what) for row in rows)
    for row in rows:
        promised = "" if row.promised is None else f"  (promised: at most {row.promised:g})"
        print(f"{row.what:<{width}}  {row.value:9.2f} {row.unit}{promised}".rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
