"""Runs a test's cases in batches, the same ones each time, and counts them.

``NEO4J_BACKUP_FUZZ=20`` runs twenty times as many, and others each time.
"""

import functools
import inspect
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis.strategies import SearchStrategy

FACTOR = "NEO4J_BACKUP_FUZZ"
BATCH = 10

promised: dict[str, int] = {}
"""Each fuzz test, by its name, and the number of cases that it runs at least."""
ran: Counter[str] = Counter()
"""The cases that were run in this session."""

_SHOWN = 4000
_T = TypeVar("_T")
_Test = Callable[..., None]


def times() -> int:
    """Give how many times the promised cases are to be run."""
    return int(os.environ.get(FACTOR, "1"))


def promise(name: str, cases: int) -> None:
    """Note that a test runs so many cases, which it counts itself in ``ran``."""
    promised[name] = cases


def fuzzed(cases: int, batches: SearchStrategy[Sequence[_T]], corpus: Iterable[_T] = ()) -> Callable[[_Test], _Test]:
    """Have a test run for each case of ``corpus`` and of ``batches``, each of which has ``BATCH`` cases.

    The case is the test's first argument; fixtures come after it, and serve all cases. Fewer than ``cases``
    cases fail the test.
    """
    first = tuple(corpus)

    def decorate(test: _Test) -> _Test:
        name = test.__name__
        promise(name, cases)

        @functools.wraps(test)
        def held(**fixtures: Any) -> None:
            before = ran[name]
            for case in first:
                test(case, **fixtures)
                ran[name] += 1

            @settings(
                max_examples=-(-cases // BATCH) * times(),
                derandomize=times() == 1,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink),
            )
            @given(batches)
            def search(batch: Sequence[_T]) -> None:
                for case in batch:
                    note(f"the case: {case!r}"[:_SHOWN])
                    test(case, **fixtures)
                    ran[name] += 1

            search()
            assert ran[name] - before >= cases, f"{ran[name] - before} cases were run instead of {cases}"

        parameters = list(inspect.signature(test).parameters.values())[1:]
        held.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what pytest reads
        return held

    return decorate
