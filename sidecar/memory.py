"""How much memory neo4j-admin gets: heap and page cache from the container's limit and the settings.

Measured with the real Neo4j Community 5.26.28 on Java 17, in containers of Docker (cgroup v1), on a
database of 59 MiB with 112 MiB of transaction logs; anonymous memory at its peak, in MiB:

=========================================  ====  ========  ======  =====  ==================
command                                    heap  launcher  worker  both   both without heap
=========================================  ====  ========  ======  =====  ==================
``database dump``, limit 512 Mi              64        87     120    208                 144
``database dump``, limit 1 Gi               256        94     175    270                  14
``database check``, limit 1 Gi               64       101     205    306                 242
``database check``, limit 1 Gi, touched     256        96     400    495                 239
``database check``, limit 3 Gi               64       112     222    335                 271
``database check``, limit 3 Gi, touched     256       115     413    529                 273
``database check``, limit 3 Gi, touched    1024       121    1150   1271                 247
``database check``, no limit, 24 GiB         64       162     189    352                 288
=========================================  ====  ========  ======  =====  ==================

"Touched" is with ``-XX:+AlwaysPreTouch``: the whole heap is in use, as late in a long run. ``check`` had
16 MiB of memory of its own beside the heap, which counts as page cache here, so that both JVMs need up
to 257 MiB beyond heap and page cache. Smallest limit of the container with which it got through, heap 64m:
``dump`` 224 Mi (killed at 208 Mi), ``check`` 320 Mi (killed at 304 Mi). A backup does more: it also
receives by Netty, whose buffers lie outside the heap.
"""

from dataclasses import dataclass

from shared.errors import ConfigurationError
from sidecar.sizes import MIB, jvm_size, mebibytes

DAEMON = 128 * MIB
"""The sidecar's own share; it idles in less than 40 MiB of it."""
JVMS = 300 * MIB
"""What launcher and worker need beyond heap and page cache: the 257 MiB of above and a sixth."""
LEAST_HEAP = 64 * MIB
LEAST_PAGECACHE = 8 * MIB
# More is of no use to a backup unless somebody who knows the store says so.
_MOST_HEAP = 2048 * MIB
_MOST_PAGECACHE = 4096 * MIB
# Without a limit what is taken is the database's: the node's total says nothing about what is free.
_UNLIMITED_HEAP = 512 * MIB
_UNLIMITED_PAGECACHE = 256 * MIB


@dataclass(frozen=True, slots=True)
class JvmMemory:
    """neo4j-admin's heap and page cache in bytes."""

    heap_bytes: int
    pagecache_bytes: int

    @property
    def heap(self) -> str:
        """As ``HEAP_SIZE`` takes it."""
        return jvm_size(self.heap_bytes)

    @property
    def pagecache(self) -> str:
        """As ``--pagecache`` takes it."""
        return jvm_size(self.pagecache_bytes)


def choose_memory(limit_bytes: int | None, *, heap: int | None, pagecache: int | None, check: bool) -> JvmMemory:
    """Choose heap and page cache in bytes for a container with this limit; None is no limit, or nothing set.

    Of what the limit leaves the heap gets a half, the page cache a quarter; the rest is for Netty and the
    kernel. Raises ConfigurationError where even the least doesn't fit, unless ``check`` is off.
    """
    if limit_bytes is None:
        return JvmMemory(heap or _UNLIMITED_HEAP, pagecache or _UNLIMITED_PAGECACHE)
    least = JvmMemory(heap or LEAST_HEAP, pagecache or LEAST_PAGECACHE)
    needed = DAEMON + JVMS + least.heap_bytes + least.pagecache_bytes
    if needed > limit_bytes:
        if check:
            raise _too_little(limit_bytes, needed, least, heap=heap, pagecache=pagecache)
        return least
    left = limit_bytes - DAEMON - JVMS
    if heap is None:
        heap = _within(left // 2, LEAST_HEAP, min(_MOST_HEAP, left - least.pagecache_bytes))
    if pagecache is None:
        pagecache = _within(left // 4, LEAST_PAGECACHE, min(_MOST_PAGECACHE, left - heap))
    return JvmMemory(heap, pagecache)


def _within(size: int, least: int, most: int) -> int:
    return max(least, min(size, most)) // MIB * MIB


def _too_little(
    limit: int, needed: int, least: JvmMemory, *, heap: int | None, pagecache: int | None
) -> ConfigurationError:
    smaller = [
        f"{name} (now {jvm_size(value)}) to as little as {jvm_size(lowest)}"
        for name, value, lowest in (
            ("NEO4J_BACKUP_HEAP", heap, LEAST_HEAP),
            ("NEO4J_BACKUP_PAGECACHE", pagecache, LEAST_PAGECACHE),
        )
        if value is not None and value > lowest
    ]
    lower = f" Or lower {' and '.join(smaller)}." if smaller else ""
    return ConfigurationError(
        f"the container's memory limit is {limit // MIB}Mi, and a backup needs {mebibytes(needed)}: "
        f"{mebibytes(DAEMON)} for the sidecar, {mebibytes(JVMS)} for the two JVMs of neo4j-admin, "
        f"{mebibytes(least.heap_bytes)} heap and {mebibytes(least.pagecache_bytes)} page cache",
        hint=f"Set the memory limit of the sidecar's container to {mebibytes(needed)} or more.{lower} "
        "NEO4J_BACKUP_MEMORY_CHECK=off runs it all the same, and the kernel may end it at any time.",
    )
