"""The cluster that tests run on, namespaces of their own in it, and pods with the peer in a sidecar's place."""

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.peers import IMAGE, PEER, PROGRAM
from tests.tiers import require

KUBE = Path(os.environ.get("KUBE_DIR", "/tmp/kube"))
KUBE_COMMAND = Path(__file__).resolve().parents[2] / "shared" / "kube" / "kube"
PATIENCE = 90.0

# Any, here and below: a JSON document.
Document = dict[str, Any]


def kubeconfig() -> str:
    """Give the kubeconfig of the tests' cluster; skips where there is none."""
    path = os.environ.get("KUBECONFIG") or str(KUBE / "kubeconfig")
    require("kubernetes", Path(path.split(":")[0]).is_file(), f"there is no kubeconfig {path}")
    require("kubernetes", shutil.which("kubectl") is not None, "there is no kubectl")
    return path


def kubectl(*words: str, stdin: str | None = None, check: bool = True, timeout: float = 120.0) -> str:
    """Run kubectl and give what it printed; AssertionError with what it said where it failed."""
    command = ["kubectl", "--kubeconfig", kubeconfig(), *words]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stderr}{done.stdout}"
    return done.stdout


def apply(namespace: str, *documents: Document) -> None:
    """Apply objects in a namespace."""
    kubectl("-n", namespace, "apply", "-f", "-", stdin=yaml.safe_dump_all(documents))


def get(namespace: str, kind: str, name: str) -> Document:
    """Read an object, an empty one where it isn't there."""
    found = kubectl("-n", namespace, "get", kind, name, "--ignore-not-found", "-o", "json")
    document: Document = json.loads(found) if found else {}
    return document


@contextmanager
def namespace(**labels: str) -> Iterator[str]:
    """Make a namespace that is gone with all that is in it at the end."""
    name = f"neo4j-backup-test-{uuid.uuid4().hex[:10]}"
    kubectl("create", "-f", "-", stdin=json.dumps(namespaced(name, labels)))
    try:
        until(lambda: bool(get(name, "serviceaccount", "default")), "the namespace's service account")
        yield name
    finally:
        remove_namespace(name)


def remove_namespace(name: str) -> None:
    """Remove a namespace, if it is there, and its pods at once."""
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
    kubectl("-n", name, "delete", "pods", "--all", "--grace-period=0", "--force", "--wait=false", check=False)


def namespaced(name: str, labels: dict[str, str]) -> Document:
    """Give a namespace's document."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def until(seen: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait until ``seen``; AssertionError where it doesn't come."""
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.2)


def load_image(image: str) -> None:
    """Hand an image of the local Docker to the tests' own cluster; another cluster has to have it."""
    if Path(kubeconfig()) == KUBE / "kubeconfig":
        subprocess.run([str(KUBE_COMMAND), "load", image], check=True, capture_output=True, timeout=300)


def unload_image(image: str) -> None:
    """Take an image away again that ``load_image`` handed over, if it did."""
    if Path(kubeconfig()) == KUBE / "kubeconfig":
        name = image if ":" in image else f"{image}:latest"
        _containerd("images", "rm", f"docker.io/library/{name}")


def restart(component: str) -> None:
    """Kill a component of the tests' own cluster and start it again, to live on after this session."""
    environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    pid = (KUBE / "run" / f"{component}.pid").read_text().strip()

    def ask(word: str) -> None:
        command = [str(KUBE_COMMAND), word, component]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=100)

    # Not `kube restart`: that may start it while the killed one still holds its port.
    ask("kill")
    until(lambda: not _lives(pid), f"the end of {component}")
    ask("start")


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def signal_container(container_id: str, signal: str) -> None:
    """Send all processes of a container of the tests' own cluster a signal."""
    _containerd("tasks", "kill", "--all", "--signal", signal, container_id)


def _containerd(*words: str) -> None:
    command = ["ctr", "--address", str(KUBE / "containerd.sock"), "--namespace", "k8s.io", *words]
    subprocess.run(command, check=False, capture_output=True, timeout=60)


def peer_documents(pod: str, labels: dict[str, str] | None = None, **spec: Any) -> list[Document]:
    """Give a pod with Neo4j's place and a native sidecar that has the peer, and the peer itself."""
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "peer"}, "data": {PROGRAM: PEER.decode()}},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod, "labels": labels or {"app": pod}},
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "automountServiceAccountToken": False,
                "initContainers": [{**container(PROGRAM), "restartPolicy": "Always", "volumeMounts": [_MOUNT]}],
                "containers": [container("neo4j")],
                "volumes": [{"name": "peer", "configMap": {"name": "peer", "defaultMode": 0o755}}],
                **spec,
            },
        },
    ]


def container(name: str, command: Sequence[str] = ("sh", "-c", "trap exit TERM; sleep 3600 & wait")) -> Document:
    """Give a container that waits."""
    return {"name": name, "image": IMAGE, "imagePullPolicy": "Never", "command": list(command)}


def await_running(namespace: str, pod: str, container: str = PROGRAM) -> None:
    """Wait until a container of a pod runs."""

    def runs() -> bool:
        status = get(namespace, "pod", pod).get("status", {})
        found = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        return any(one["name"] == container and "running" in one["state"] for one in found)

    until(runs, f"{container} of {pod}")


def processes_in(namespace: str, pod: str, container: str = PROGRAM) -> list[str]:
    """List the command lines of a container's processes, but those of its own waiting and of this look."""
    look = "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f 2>/dev/null; echo; done"
    found = kubectl("-n", namespace, "exec", pod, "-c", container, "--", "sh", "-c", look)
    return [line for line in found.splitlines() if line.strip() and not line.startswith(("sleep ", "sh -c "))]


_MOUNT = {"name": "peer", "mountPath": f"/usr/local/bin/{PROGRAM}", "subPath": PROGRAM}
