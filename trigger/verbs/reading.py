"""A client for verbs that ask once and read the answer."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from shared.errors import RequestRejected
from trigger.client import Client, Patience
from trigger.clock import SystemClock
from trigger.progress import Asking
from trigger.reach import Reach
from trigger.terminal import Terminal


@contextmanager
def reading(reach: Reach, patience: Patience) -> Iterator[Client]:
    """Give a client that tells on standard error why an answer takes its time."""
    clock = SystemClock()
    asking = Asking(Terminal(sys.stderr), clock)
    try:
        yield Client(reach.transport, asking, patience, clock)
    finally:
        asking.close()


def newest(reach: Reach, patience: Patience) -> str:
    """Give the id of the newest request; RequestRejected where there is none."""
    with reading(reach, patience) as client:
        found = client.list(1)
    if not found:
        raise RequestRejected("nothing has been asked for yet", hint="Ask for a backup: neo4j-backup trigger --help")
    return found[0].status.id
