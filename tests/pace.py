"""How fast this machine is, beside the one on which the figures of time in tests were measured."""

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping

_BARE_CPU_SECONDS = 0.015
_TIMES = 9


def slower() -> float:
    """Give how many times as long Python itself takes here and now; at least 1."""
    bare = statistics.median(python_cpu_seconds("-I", "-c", "pass") for _ in range(_TIMES))
    return max(1.0, bare / _BARE_CPU_SECONDS)


def python_cpu_seconds(*arguments: str, environment: Mapping[str, str] | None = None) -> float:
    """Run Python to its end and give the processor time that it took."""
    with subprocess.Popen(
        [sys.executable, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.read()
        _, waited, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(waited)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime
