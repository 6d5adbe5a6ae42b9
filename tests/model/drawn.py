"""What a random life is drawn from."""

from dataclasses import dataclass
from enum import Enum, auto

from hypothesis import strategies as st


@dataclass(frozen=True, slots=True)
class Asked:
    """A backup that somebody asks for."""

    kind: str
    databases: tuple[str, ...]


class There(Enum):
    """What lies there when a differential is asked for."""

    MADE = auto()
    COPIED = auto()
    WHATEVER = auto()


@dataclass(frozen=True, slots=True)
class Differential:
    """A differential that is asked for, and what it finds."""

    kind: str
    database: str
    there: There


Batch = list[tuple[str, Asked, str]]
"""Requests that are submitted at once: id, what is asked for, word."""
DATABASES = ("base1", "base2")
TYPES = st.sampled_from(["FULL", "DIFF", "AUTO"])
IDS = st.sampled_from(["one", "two", "three", "job-1", "job-2"])
ASKED = st.builds(Asked, TYPES, st.sampled_from([DATABASES[:1], DATABASES]))
BATCHES = st.lists(st.tuples(IDS, ASKED, st.sampled_from(["word0001", "word0002"])), min_size=1, max_size=3)
DIFFERENTIALS = st.builds(
    Differential, st.sampled_from(["DIFF", "AUTO"]), st.sampled_from(DATABASES), st.sampled_from(There)
)
FOUND = st.sampled_from([{}, {"base1": True}, {"base1": False}, {"base1": True, "base2": False}])
"""The databases of which a backup lies there before the first daemon, and whether it is whole."""
CALLS = st.integers(0, 12)
CALLS_OF = st.sampled_from(["", "open", "fsync", "rename", "unlink", "spawn"])
"""Before which call that writes the daemon dies: after so many of a kind, or of any."""
SECONDS = st.sampled_from([0.0, 0.06, 1.0, 2.1, 5.0, 30.0])
SURVIVING = st.one_of(st.just(0), st.just(-1), st.integers(0, 2**40))
"""What of a disk's unflushed changes survives a power cut, a bit for each: none, all, or some."""
