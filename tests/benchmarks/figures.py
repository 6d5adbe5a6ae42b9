"""The rows of ``make bench``: what was measured, and what is promised of it."""

import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import kubernetes
from tests.benchmarks.idle import measure_idle
from tests.benchmarks.latency import measure_fsync, measure_polling, measure_sidecar
from tests.images import Images

REQUESTS = 200
POLLED = 12
FSYNCS = 200
IDLE_SECONDS = 60.0
_TIMES = frozenset({"ms", "s", "%"})


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, in ``unit``, the most that is promised of it, and what the other side took in the same run."""

    what: str
    value: float
    unit: str
    promised: float | None = None
    other: float | None = None

    @property
    def most(self) -> float | None:
        """Give what counts as a regression: time hangs on how busy the machine is, memory hardly, a count not at all.

        With slack for counts, one more request each 10 s of the minute that CI backs up would go unseen.
        """
        slack = 3.0 if self.unit in _TIMES else 1.5 if self.unit else 1.0
        return None if self.promised is None else slack * self.promised

    def missed(self, slower: float) -> list[str]:
        """Say what is missed here, where all takes so many times as long as where the promises were measured."""
        said = []
        most = None if self.most is None else self.most * (slower if self.unit in _TIMES else 1.0)
        if most is not None and self.value > most:
            said.append(f"{self.what}: {self.value:.2f} {self.unit}, more than {most:g}")
        if self.other is not None and self.value >= self.other:
            said.append(f"{self.what}: {self.value:.2f} {self.unit}, and without us {self.other:.2f}")
        return said


def measure_local(folder: Path) -> list[Row]:
    """Measure both sides in one run: the shell script polls while the sidecar answers."""
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(measure_polling, folder / "polling", POLLED)
        fsync = measure_fsync(folder / "fsync", FSYNCS)
        sidecar = measure_sidecar(folder / "sidecar", REQUESTS)
        idle = measure_idle(folder / "idle", IDLE_SECONDS)
        polled = polling.result()
    started = f"mailbox to neo4j-admin started, {REQUESTS} requests"
    script = f"the same by a shell script that polls each 5 s, {POLLED} requests"
    return [
        Row(f"{started}, p50", 1000 * statistics.median(sidecar), "ms", 10, 1000 * statistics.median(polled)),
        Row(f"{started}, p99", 1000 * statistics.quantiles(sidecar, n=100)[98], "ms", 50),
        Row(f"{script}, p50", 1000 * statistics.median(polled), "ms"),
        Row(f"{script}, longest", 1000 * max(polled), "ms"),
        Row(f"this disk: one whole document written, {FSYNCS} times, p50", 1000 * statistics.median(fsync), "ms"),
        Row(f"this disk: one whole document written, {FSYNCS} times, longest", 1000 * max(fsync), "ms"),
        Row("the daemon after three backups, resident", idle.resident_mib, "MiB", 40),
        Row(f"the daemon idle over {idle.seconds:.0f} s, share of a core", 100 * idle.cpu_share, "%", 0.1),
    ]


def measure_kubernetes(images: Images, folder: Path, extent: kubernetes.Extent) -> list[Row]:
    """Measure what a cluster adds, each beside what is done without us; see ``kubernetes``."""
    found = kubernetes.measure(images, folder, extent)
    long = f"one backup of {extent.long_seconds / 60:g} minutes by a Job"
    return [
        Row(f"Job's trigger started to accepted, sidecar at 100m, median of {extent.runs}", found.accepted, "s", 1.5),
        Row(f"kubectl exec … true in the same pod, median of {extent.runs}", found.kubectl_true, "s"),
        Row(
            "trigger's overhead over neo4j-admin's own time, median of 3",
            found.overhead,
            "s",
            1.0,
            found.polling_overhead,
        ),
        Row(
            "the same by a script that writes the file and polls, each by kubectl exec, each 5 s",
            found.polling_overhead,
            "s",
        ),
        Row(f"{long}: requests to the API server", found.api_requests, "", 6),
        Row(f"{long}: the trigger's peak memory", found.peak_mib, "MiB"),
    ]
