"""Figures of the Kubernetes transport on the tests' cluster, each beside what is done without it."""

import json
import statistics
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests import kube
from tests.e2e.kubernetes_objects import NAME, OURS, POD, SIDECAR, TARGET
from tests.e2e.kubernetes_stack import Stack, a_stack, in_the_cluster
from tests.images import Images
from tests.standin import journal

POLL_SECONDS = 5.0
_STORE_BYTES = 2 * 1024 * 1024
"""What the stand-in writes for the 1 MiB of `neo4j`: the copy and the artifact."""
# Runs the trigger in the Job's pod, once for each list of options, and tells how long that took, and its peak.
_IN_THE_POD = """
import json, os, resource, subprocess, sys, time
environment = {name: value for name, value in os.environ.items() if "_JOB_" not in name}
for words in json.loads(sys.argv[1]):
    began = time.monotonic()
    subprocess.call(["neo4j-backup", "trigger", *words], env=environment)
    print("TOOK", time.monotonic() - began, flush=True)
print("PEAK", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: ``backup_seconds`` are of several lengths, for the sake of who polls."""

    runs: int
    backup_seconds: tuple[float, float, float]
    long_seconds: float


WHOLE = Extent(runs=10, backup_seconds=(18.0, 20.0, 22.0), long_seconds=600.0)
SHORT = Extent(runs=5, backup_seconds=(6.0, 8.0, 10.0), long_seconds=60.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, medians; and of one long backup by a Job the requests to the API server and the peak MiB."""

    accepted: float
    kubectl_true: float
    overhead: float
    polling_overhead: float
    api_requests: int
    peak_mib: float


def measure(images: Images, folder: Path, extent: Extent) -> Figures:
    """Measure all of them on one stack: at first with the sidecar held to a tenth of a core, later without."""
    with in_the_cluster(images), a_stack(images, folder) as stack:
        _hold_to(stack, "100m")
        accepted = _accepted(stack, extent.runs)
        true = statistics.median(_timed(lambda: _run_true(stack)) for _ in range(extent.runs))
        _hold_to(stack, None)
        overhead = statistics.median(_beyond(stack, seconds, _trigger) for seconds in extent.backup_seconds)
        polling = statistics.median(_beyond(stack, seconds, _poll) for seconds in extent.backup_seconds)
        before = _asked_by(stack)
        stack.set_knobs(rate=_STORE_BYTES / extent.long_seconds)
        _, peak = _in_a_job(stack, [[]], extent.long_seconds + 120)
        return Figures(accepted, true, overhead, polling, len(_asked_by(stack) - before), peak)


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _hold_to(stack: Stack, cpu: str | None) -> None:
    """Limit the sidecar's processor, which makes another pod of it."""
    path = "/spec/template/spec/initContainers/0/resources/limits/cpu"
    change = {"op": "remove", "path": path} if cpu is None else {"op": "add", "path": path, "value": cpu}
    before = kube.get(stack.namespace, "pod", POD)["metadata"]["uid"]
    stack.kubectl("patch", "statefulset", NAME, "--type", "json", "--patch", json.dumps([change]))
    kube.until(
        lambda: kube.get(stack.namespace, "pod", POD).get("metadata", {}).get("uid", before) != before, "the pod"
    )
    stack.until_running()


def _accepted(stack: Stack, runs: int) -> float:
    """Give the time from the trigger's start to its end, once the request is accepted, with a sidecar that rests."""
    ids = [uuid.uuid4().hex for _ in range(runs)]
    # The second of each pair waits for the end of what the first began.
    took, _ = _in_a_job(stack, [words for each in ids for words in (["--no-wait", "--id", each], ["--id", each])], 300)
    return statistics.median(took[::2])


def _run_true(stack: Stack) -> None:
    stack.kubectl("exec", POD, "-c", SIDECAR, "--", "true")


def _trigger(stack: Stack) -> float:
    [took], _ = _in_a_job(stack, [[]], 120)
    return took


def _poll(stack: Stack) -> float:
    """Do what a script does: write the file, and look each 5 s how it ended."""
    return _timed(lambda: _write_and_look(stack))


def _write_and_look(stack: Stack) -> None:
    request_id = f"polled-{uuid.uuid4().hex[:8]}"
    request = json.dumps({"id": request_id, "path": TARGET, "type": "FULL", "database": "neo4j"})
    neo4j = ("exec", POD, "-c", "neo4j", "--")
    stack.kubectl(*neo4j, "sh", "-c", f"echo '{request}' > /backup-requests/backup.request")
    while True:
        time.sleep(POLL_SECONDS)
        status = json.loads(stack.kubectl(*neo4j, "cat", "/backup-requests/backup.status"))
        if status["id"] == request_id and status["ended_at"]:
            return


def _beyond(stack: Stack, seconds: float, work: Callable[[Stack], float]) -> float:
    """Give how much longer ``work`` says that it took than neo4j-admin did for it."""
    written = stack.knobs_file.parent / "journal"
    written.unlink(missing_ok=True)
    stack.set_knobs(journal=f"/var/lib/neo4j/conf/{written.name}", rate=_STORE_BYTES / seconds)
    took = work(stack)
    moments = {str(event["event"]): float(str(event["time"])) for event in journal.read(str(written))}
    return took - (moments["end"] - moments["start"])


def _in_a_job(stack: Stack, runs: list[list[str]], seconds: float) -> tuple[list[float], float]:
    """Run the trigger in a Job's pod, once for each list of options; gives seconds for each, and the peak in MiB."""
    job = stack.job("full", command=("python3", "-c", _IN_THE_POD, json.dumps(runs)), args=())
    assert job.until_ended(seconds) == "Complete"
    told = [line.split() for line in job.log(job.pods()[-1]).splitlines()]
    took = [float(words[1]) for words in told if words[0] == "TOOK"]
    [peak] = [float(words[1]) for words in told if words[0] == "PEAK"]
    return took, peak


def _asked_by(stack: Stack) -> set[str]:
    """Give the requests that the API server answered the trigger's account, by its audit log."""
    user = f"system:serviceaccount:{stack.namespace}:{OURS}"
    with (kube.KUBE / "log" / "audit.log").open() as log:
        events = [json.loads(line) for line in log if user in line]
    return {event["auditID"] for event in events if event["user"]["username"] == user}
