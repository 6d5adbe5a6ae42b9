"""A server with the sidecar in its pod, and the trigger's Jobs, by the restricted overlay, on the tests' cluster."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import kube
from tests.docker_host import ROOT
from tests.e2e.kubernetes_jobs import Job, job_by_a_person
from tests.e2e.kubernetes_objects import OURS, POD, PREFIX, SIDECAR, TARGET, Document, overlay_objects, volume
from tests.faults.recording import Seen, describe
from tests.images import Images
from tests.tiers import require

_OWNER = 7474
_RUN_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a trigger ended: its exit code, its standard output as JSON, and all else that it said."""

    exit_code: int
    answer: Document
    said: str


@dataclass(frozen=True, slots=True)
class Stack:
    """What was applied, as YAML; ``data`` is the server's volume as it lies on this machine."""

    applied: str
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

    def clear_aside(self) -> None:
        """Remove what earlier tests had set aside."""
        shutil.rmtree(self.data / "backups" / "nightly" / ".failed", ignore_errors=True)

    def left(self, before: int) -> str:
        """Say what lies in the target beside so many artifacts, and in its ``.failed/``."""
        aside = self.data / "backups" / "nightly" / ".failed"
        return describe(len(self.artifacts()) - before, len(list(aside.iterdir())) if aside.is_dir() else 0, [])

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
        by: Callable[[str, str, Document, dict[str, str]], Job] = job_by_a_person,
        command: tuple[str, ...] = (),
        args: tuple[str, ...] = ("trigger",),
        **environment: str,
    ) -> Job:
        """Have a Job made of a CronJob's, with a command and variables of its own."""
        given = {"NEO4J_BACKUP_TRIGGER_OUTPUT": "json", "NEO4J_BACKUP_TRIGGER_DATABASE": "neo4j", **environment}
        change = {"command": list(command), "args": list(args)} if command else {"args": list(args)}
        return by(self.namespace, f"{OURS}-{kind}", change, given)

    def until_running(self) -> None:
        """Wait until the sidecar's daemon answers."""
        kube.until(self._answers, "the sidecar", 120)

    def kill_sidecar(self) -> None:
        """Kill all that runs in the sidecar's container, as the kernel does for want of memory."""
        kube.signal_container(self.container("initContainerStatuses"), "SIGKILL")

    def container(self, kind: str) -> str:
        """Give the id of the pod's container, the sidecar or Neo4j, as containerd has it."""
        found: str = kube.get(self.namespace, "pod", POD)["status"][kind][0]["containerID"]
        return found.removeprefix("containerd://")

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


def seen(answer: Document) -> Seen:
    """Give what a trigger's answer says, for a row of docs/faults.md."""
    told = answer.get("error") or answer
    return Seen.of({"state": answer.get("state") or "", **{key: told[key] for key in ("exit_code", "code", "message")}})


def ended(process: "subprocess.Popen[str]") -> Ended:
    """Wait for a trigger's end."""
    answer, said = process.communicate(timeout=_RUN_SECONDS)
    return Ended(process.returncode, json.loads(answer or "{}"), said)


@contextmanager
def in_the_cluster(images: Images) -> Iterator[Images]:
    """Hand the images to the tests' own cluster, where alone our volumes are too, and take them away again."""
    local = Path(kube.kubeconfig()) == kube.KUBE / "kubeconfig"
    require("kubernetes", local, "the end-to-end tests need images and volumes of this machine's own cluster")
    names = (images.standin, images.sidecar, images.trigger)
    try:
        for image in names:
            kube.load_image(image)
        yield images
    finally:
        for image in names:
            kube.unload_image(image)


@contextmanager
def a_stack(images: Images, folder: Path, **settings: str) -> Iterator[Stack]:
    """Apply the restricted overlay under a namespace and a prefix of our own; at the end nothing of it is left.

    ``images`` are in the cluster, ``settings`` are the sidecar's. The volumes lie on this machine.
    """
    namespace = f"neo4j-backup-test-{uuid.uuid4().hex[:10]}"
    data, knobs = folder / "data", folder / "knobs"
    for each in (data, knobs):
        each.mkdir()
        os.chown(each, _OWNER, _OWNER)
    volumes = [volume(namespace, f"data-{POD}", data), volume(namespace, f"{PREFIX}knobs", knobs)]
    objects = [*volumes, *overlay_objects(namespace, images, folder, settings)]
    wide = [each for each in objects if each["kind"].startswith("ValidatingAdmission")]
    stack = Stack(yaml.safe_dump_all(objects), namespace, data, knobs / "standin.json")
    stack.set_knobs()
    try:
        kube.kubectl("apply", "-f", "-", stdin=stack.applied)
        stack.until_running()
        yield stack
    finally:
        kube.kubectl(
            "delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=yaml.safe_dump_all([*volumes, *wide])
        )
        kube.remove_namespace(namespace)


@contextmanager
def a_full_queue(stack: Stack) -> Iterator[None]:
    """Have as many requests as may wait stand behind one that runs until this ends."""
    ids = [f"filling-{number}-{uuid.uuid4().hex[:6]}" for number in range(17)]
    given = json.dumps({"request": {"path": TARGET, "type": "FULL", "database": "neo4j"}, "word": uuid.uuid4().hex})
    stack.set_knobs(faults=[{"fault": "hang"}])
    # By couriers in the pod: a command for each, and the time of seventeen would be a run's.
    each = f'given=$1; shift; for id; do echo "$given" | {SIDECAR} submit "$id" >/dev/null || exit; done'
    try:
        stack.kubectl("exec", POD, "-c", SIDECAR, "--", "sh", "-c", each, "sh", given, *ids)
        yield
    finally:
        stack.set_knobs()
        for name in ids:
            stack.ask("cancel", name)


@contextmanager
def slowed(stack: Stack, rate: float) -> Iterator[None]:
    """Have a server that others broke run again, with nothing set aside, and copy so many bytes in a second."""
    stack.until_running()
    stack.clear_aside()
    stack.set_knobs(rate=rate)
    try:
        yield
    finally:
        stack.set_knobs()
