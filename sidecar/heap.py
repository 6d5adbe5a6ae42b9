"""Memory that was freed goes back to the system: the daemon lives beside somebody's database."""

import ctypes
import gc

# Of glibc; threads and short peaks leave holes in its heap, some MiB after an hour of backups.
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


def settle() -> None:
    """Have what is there stay out of every later collection: modules, classes and settings live to the end."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Collect what is garbage, and have the C library give back what it keeps for later. Takes some ms.

    Python looks at its old objects seldom: what a backup leaves in cycles (tasks, exceptions) would spread the living
    over ever more pages until then. A C library that can't give back keeps what it has.
    """
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)
