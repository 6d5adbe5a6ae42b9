"""The trigger's Jobs in the cluster: made by a person or by the CronJob controller, and what became of them."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests import kube

# Any, here and below: a JSON document.
Document = dict[str, Any]
_DUE = "batch.kubernetes.io/cronjob-scheduled-timestamp"


@dataclass(frozen=True, slots=True)
class Job:
    """A Job of the trigger's."""

    namespace: str
    name: str

    @property
    def request_id(self) -> str:
        """Give the id that its pods make."""
        return f"{self.name}-{self.document()['metadata']['uid']}"

    def document(self) -> Document:
        """Give the Job as it is."""
        return kube.get(self.namespace, "job", self.name)

    def pods(self) -> list[Document]:
        """Give its pods, the first first."""
        found = _listed(self.namespace, "pods", "-l", f"batch.kubernetes.io/job-name={self.name}")
        return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def until_ended(self, seconds: float = 120) -> str:
        """Wait for its end, and give the type of its last condition: ``Complete`` or ``Failed``."""
        kube.until(lambda: self._condition() != "", f"the end of {self.name}", seconds)
        return self._condition()

    def until_follows(self) -> None:
        """Wait until its pod tells of the backup's run."""
        kube.until(lambda: any("running" in self.log(pod) for pod in self.pods()), f"a run for {self.name}")

    def exit_codes(self) -> list[int]:
        """Give how its pods ended, in order, so far as they did."""
        states = [pod["status"].get("containerStatuses", [{}])[0].get("state", {}) for pod in self.pods()]
        return [state["terminated"]["exitCode"] for state in states if "terminated" in state]

    def log(self, pod: Document) -> str:
        """Give what a pod of it said."""
        return kube.kubectl("-n", self.namespace, "logs", pod["metadata"]["name"], check=False)

    def answer(self) -> Document:
        """Give what its last pod answered."""
        lines = self.log(self.pods()[-1]).splitlines()
        found: Document = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
        return found

    def _condition(self) -> str:
        conditions = self.document().get("status", {}).get("conditions", [])
        return next(
            (
                each["type"]
                for each in conditions
                if each["type"] in ("Complete", "Failed") and each["status"] == "True"
            ),
            "",
        )


def job_by_a_person(namespace: str, cronjob: str, change: Document, environment: dict[str, str]) -> Job:
    """Make a Job of a CronJob's, as ``kubectl create job --from`` does, with some of its container changed."""
    name = f"job-{uuid.uuid4().hex[:8]}"
    words = ("create", "job", name, f"--from=cronjob/{cronjob}", "--dry-run=client", "-o", "json")
    made = json.loads(kube.kubectl("-n", namespace, *words))
    _change(made["spec"]["template"], change, environment)
    kube.kubectl("-n", namespace, "create", "-f", "-", stdin=json.dumps(made))
    return Job(namespace, name)


def job_by_the_controller(namespace: str, cronjob: str, change: Document, environment: dict[str, str]) -> Job:
    """Have the CronJob controller make a Job: of a copy of a CronJob that is due, and rests again afterwards."""
    found = kube.get(namespace, "cronjob", cronjob)
    name = f"cron-{uuid.uuid4().hex[:8]}"
    spec = {**found["spec"], "schedule": "* * * * *", "suspend": True}
    _change(spec["jobTemplate"]["spec"]["template"], change, environment)
    kind_of = {key: found[key] for key in ("apiVersion", "kind")}
    kube.apply(namespace, {**kind_of, "metadata": {"name": name}, "spec": spec})
    # Or the first minute would have to pass before anything is due.
    last = (datetime.now(UTC) - timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    _patch(namespace, name, {"status": {"lastScheduleTime": last}}, "--subresource=status")
    _patch(namespace, name, {"spec": {"suspend": False}})
    kube.until(lambda: bool(_made(namespace, name)), "the controller's Job")
    _patch(namespace, name, {"spec": {"suspend": True}})
    [made] = _made(namespace, name)
    return Job(namespace, made)


def _change(template: Document, change: Document, environment: dict[str, str]) -> None:
    [container] = template["spec"]["containers"]
    container |= change
    variables = container["env"]
    kept = [each for each in variables if each["name"] not in environment]
    variables[:] = [*kept, *({"name": key, "value": value} for key, value in environment.items())]


def _patch(namespace: str, cronjob: str, change: Document, *words: str) -> None:
    patch = ("patch", "cronjob", cronjob, "--type", "merge", "--patch", json.dumps(change))
    kube.kubectl("-n", namespace, *patch, *words)


def _made(namespace: str, cronjob: str) -> Sequence[str]:
    """Those that the controller made have the time that they were due, those of ``kubectl create job`` haven't."""
    jobs = [job["metadata"] for job in _listed(namespace, "jobs")]
    owned = [job for job in jobs if any(owner["name"] == cronjob for owner in job.get("ownerReferences", []))]
    return [job["name"] for job in owned if _DUE in job.get("annotations", {})]


def _listed(namespace: str, *words: str) -> list[Document]:
    found = json.loads(kube.kubectl("-n", namespace, "get", *words, "-o", "json"))
    items: list[Document] = found["items"]
    return items
