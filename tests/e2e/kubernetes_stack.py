"""A server with the sidecar in its pod, and the trigger's Jobs, by the restricted overlay, on the tests' cluster."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import kube
from tests.docker_host import ROOT
from tests.images import Images
from tests.manifests import MANIFESTS, kustomize
from tests.tiers import require

SIDECAR = "neo4j-backup-sidecar"
TARGET = "/data/backups/nightly"
PREFIX = "t-"
NAME = f"{PREFIX}shop-neo4j"
POD = f"{NAME}-0"
OURS = f"{NAME}-backup"
"""What the trigger's objects are called: the overlay's prefix, and before it one of our own."""
_OWNER = 7474
_RUN_SECONDS = 180.0

# Any, here and below: a JSON document.
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trigger ended: its exit code, its standard output as JSON, and all else that it said."""

    exit_code: int
    answer: Document
    said: str


@dataclass(frozen=True, slots=True)
class Stack:
    """What was applied; ``data`` is the server's volume as it lies on this machine."""

    namespace: str
    data: Path
    knobs_file: Path

    def set_knobs(self, **knobs: object) -> None:
        """Set the stand-in's knobs for the runs to come; those that aren't named are as they were at first."""
        written = self.knobs_file.with_suffix(".new")
        written.write_text(json.dumps({"data": "/data", **knobs}))
        written.rename(self.knobs_file)

    def artifacts(self, database: str = "neo4j") -> list[str]:
        """List the artifacts in the target."""
        folder = self.data / "backups" / "nightly"
        return sorted(each.name for each in folder.glob(f"{database}-*.backup")) if folder.is_dir() else []

    def kubectl(self, *words: str, **options: Any) -> str:
        """Run kubectl in the namespace."""
        return kube.kubectl("-n", self.namespace, *words, **options)

    def trigger(self, *words: str) -> Ended:
        """Run ``neo4j-backup trigger`` on this machine."""
        with self.started(*words) as process:
            return ended(process)

    def started(self, *words: str, kubeconfig: str | None = None) -> "subprocess.Popen[str]":
        """Start what ``trigger`` runs; ``kubeconfig`` may name another way to the same cluster."""
        target = () if {"--pod", "--selector"} & set(words) else ("--pod", POD)
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "trigger", "trigger", "--path", TARGET, "--output", "json"),
                *("--database", "neo4j", "--namespace", self.namespace, *target, *words),
            ],
            cwd=ROOT,
            env={**os.environ, "KUBECONFIG": kubeconfig or kube.kubeconfig()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, verb: str, *words: str) -> Document:
        """Run another verb here, and give its answer."""
        answer: Document = self._answer(verb, *words)
        return answer

    def requests(self) -> list[Document]:
        """Give the newest requests' statuses."""
        answer: list[Document] = self._answer("list")
        return answer

    def job(
        self,
        kind: str = "full",
        *,
        command: tuple[str, ...] = (),
        args: tuple[str, ...] = ("trigger",),
        **environment: str,
    ) -> "Job":
        """Make a Job of a CronJob's, as ``kubectl create job --from`` does, with a command and variables of its own."""
        name = f"job-{uuid.uuid4().hex[:8]}"
        words = ("create", "job", name, f"--from=cronjob/{OURS}-{kind}", "--dry-run=client", "-o", "json")
        made = json.loads(self.kubectl(*words))
        [container] = made["spec"]["template"]["spec"]["containers"]
        container |= {"command": list(command), "args": list(args)} if command else {"args": list(args)}
        variables = container["env"]
        given = {"NEO4J_BACKUP_TRIGGER_OUTPUT": "json", "NEO4J_BACKUP_TRIGGER_DATABASE": "neo4j", **environment}
        kept = [each for each in variables if each["name"] not in given]
        variables[:] = [*kept, *({"name": key, "value": value} for key, value in given.items())]
        self.kubectl("create", "-f", "-", stdin=json.dumps(made))
        return Job(self, name)

    def until_running(self) -> None:
        """Wait until the sidecar's daemon answers."""
        kube.until(self._answers, "the sidecar", 120)

    def kill_sidecar(self) -> None:
        """Kill all that runs in the sidecar's container, as the kernel does for want of memory."""
        status = kube.get(self.namespace, "pod", POD)["status"]["initContainerStatuses"][0]
        kube.kill_container(status["containerID"].removeprefix("containerd://"))

    def processes(self) -> list[str]:
        """List the command lines in the sidecar's container, but the daemon's own."""
        return [
            line
            for line in kube.processes_in(self.namespace, POD, SIDECAR)
            if not line.strip().endswith(f"{SIDECAR} run")
        ]

    # Any: an object, or of `list` a list of them.
    def _answer(self, verb: str, *words: str) -> Any:
        done = self._run(verb, "--output", "json", *words)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def _run(self, verb: str, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "trigger", verb, "--pod", POD, "--namespace", self.namespace, *words],
            cwd=ROOT,
            env={**os.environ, "KUBECONFIG": kube.kubeconfig()},
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
        )

    def _answers(self) -> bool:
        pod = kube.get(self.namespace, "pod", POD)
        if not pod or pod["metadata"].get("deletionTimestamp"):
            return False
        return self._run("list", "--connect-for", "1s").returncode == 0


@dataclass(frozen=True, slots=True)
class Job:
    """A Job of the trigger's in the cluster."""

    stack: Stack
    name: str

    @property
    def request_id(self) -> str:
        """Give the id that its pods make."""
        return f"{self.name}-{self.document()['metadata']['uid']}"

    def document(self) -> Document:
        """Give the Job as it is."""
        return kube.get(self.stack.namespace, "job", self.name)

    def pods(self) -> list[Document]:
        """Give its pods, the first first."""
        found = json.loads(
            self.stack.kubectl("get", "pods", "-l", f"batch.kubernetes.io/job-name={self.name}", "-o", "json")
        )
        items: list[Document] = found["items"]
        return sorted(items, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

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
        return self.stack.kubectl("logs", pod["metadata"]["name"], check=False)

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


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for a trigger's end."""
    answer, said = process.communicate(timeout=_RUN_SECONDS)
    return Ended(process.returncode, json.loads(answer or "{}"), said)


@contextmanager
def a_stack(images: Images, folder: Path, **settings: str) -> Iterator[Stack]:
    """Apply the restricted overlay under a namespace and a prefix of our own; at the end nothing of it is left.

    ``settings`` are the sidecar's. The volumes lie on this machine, so this takes the tests' own cluster.
    """
    local = Path(kube.kubeconfig()) == kube.KUBE / "kubeconfig"
    require("kubernetes", local, "the end-to-end tests need images and volumes of this machine's own cluster")
    for image in (images.standin, images.sidecar, images.trigger):
        kube.load_image(image)
    namespace = f"neo4j-backup-test-{uuid.uuid4().hex[:10]}"
    data, knobs = folder / "data", folder / "knobs"
    for each in (data, knobs):
        each.mkdir()
        os.chown(each, _OWNER, _OWNER)
    stack = Stack(namespace, data, knobs / "standin.json")
    stack.set_knobs()
    volumes = [_volume(namespace, f"data-{POD}", data), _volume(namespace, f"{PREFIX}knobs", knobs)]
    objects = [*volumes, *_objects(namespace, images, folder, settings)]
    wide = [each for each in objects if each["kind"].startswith("ValidatingAdmission")]
    try:
        kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))
        stack.until_running()
        yield stack
    finally:
        kube.kubectl(
            "delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=yaml.safe_dump_all([*volumes, *wide])
        )
        kube.remove_namespace(namespace)
        for image in (images.standin, images.sidecar, images.trigger):
            kube.unload_image(image)


def _objects(namespace: str, images: Images, folder: Path, settings: dict[str, str]) -> list[Document]:
    overlay = folder / "overlay"
    overlay.mkdir()
    environment = {"NEO4J_ACCEPT_LICENSE_AGREEMENT": "eval", **settings}
    sidecar = {
        "name": SIDECAR,
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "volumeMounts": [{"name": "knobs", "mountPath": "/var/lib/neo4j/conf"}],
    }
    volume = {"name": "knobs", "persistentVolumeClaim": {"claimName": "knobs"}}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "any"},
        "spec": {"template": {"spec": {"initContainers": [sidecar], "volumes": [volume]}}},
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "knobs"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "",
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    (overlay / "claim.yaml").write_text(json.dumps(claim))
    above = "../" * (len(overlay.parts) - 1) + str(MANIFESTS).lstrip("/")
    kustomization = {
        "namespace": namespace,
        "namePrefix": PREFIX,
        "resources": [f"{above}/overlays/restricted", "claim.yaml"],
        "images": [
            {"name": name, "newName": image, "newTag": "latest"}
            for name, image in (
                ("neo4j", images.standin),
                ("neo4j-backup-sidecar", images.sidecar),
                ("neo4j-backup-trigger", images.trigger),
            )
        ],
        "patches": [{"target": {"kind": "StatefulSet"}, "patch": json.dumps(patch)}],
    }
    (overlay / "kustomization.yaml").write_text(json.dumps(kustomization))
    # This cluster enforces no NetworkPolicy, and the one of the overlay has an address to be filled in.
    return [each for each in kustomize(overlay) if each["kind"] != "NetworkPolicy"]


def _volume(namespace: str, claim: str, folder: Path) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-{folder.name}"},
        "spec": {
            "capacity": {"storage": "10Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(folder)},
            "claimRef": {"namespace": namespace, "name": claim},
        },
    }
