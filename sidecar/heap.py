"""Memory that was freed goes back to the system: the daemon lives beside somebody's database."""

import ctypes

# Of glibc; threads and short peaks leave holes in its heap, some MiB after an hour of backups.
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


def give_back() -> None:
    """Have the C library give back what it keeps for later; one that can't does nothing. Takes some ms."""
    if _TRIM is not None:
        _TRIM(0)
