"""Ctrl-C and SIGTERM: the first is told, the second ends at once."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(BaseException):
    """A signal asked this program to end; like KeyboardInterrupt it passes every ``except Exception``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        self.word = "Interrupted" if number == signal.SIGINT else "Asked to end (SIGTERM)"


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted at the first signal within; exit at once, with the signal's code, at the next.

    A signal that is ignored from the start stays so: that is how ``nohup`` and ``&`` ask for it.
    """
    seen = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal seen
        if seen:
            # By hand: as process 1 of a container the default action would be none.
            os._exit(128 + number)
        seen = True
        raise Interrupted(number)

    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number, handler in before.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
