"""Three servers of one StatefulSet, under a prefix: each one's Jobs meet its own pod, and may reach no other."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests import kube
from tests.e2e.kubernetes_jobs import job_by_a_person
from tests.e2e.kubernetes_objects import PREFIX, SIDECAR, overlay_objects, volume
from tests.images import Images

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.timeout(600)]
PODS = [f"{PREFIX}neo4j-{number}" for number in range(3)]
_OWNER = 7474


@dataclass(frozen=True, slots=True)
class Servers:
    namespace: str
    folder: Path

    def kubectl(self, *words: str, check: bool = True) -> str:
        return kube.kubectl("-n", self.namespace, *words, check=check)

    def artifacts(self, pod: str) -> list[str]:
        return sorted(each.name for each in (self.folder / pod).glob("backups/nightly/neo4j-*.backup"))


def named_again() -> list[kube.Document]:
    """Say the pods' names again under the prefix, as manifests/README.md has it."""
    patches: list[kube.Document] = []
    for number, pod in enumerate(PODS):
        name = f"neo4j-backup-{number}"
        setting = [{"op": "replace", "path": "/data/NEO4J_BACKUP_TRIGGER_POD", "value": pod}]
        rules = [{"op": "replace", "path": f"/rules/{rule}/resourceNames", "value": [pod]} for rule in range(2)]
        patches.append({"target": {"kind": "ConfigMap", "name": name}, "patch": json.dumps(setting)})
        patches.append({"target": {"kind": "Role", "name": name}, "patch": json.dumps(rules)})
    return patches


def small() -> kube.Document:
    """Let three servers fit onto a node of two cores, beside those of other tests."""
    path = "/spec/template/spec/{}/0/resources/requests"
    less = {"cpu": "10m", "memory": "64Mi"}
    patch = [{"op": "replace", "path": path.format(kind), "value": less} for kind in ("containers", "initContainers")]
    return {"target": {"kind": "StatefulSet"}, "patch": json.dumps(patch)}


@pytest.fixture(scope="module")
def servers(cluster_images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("three-servers")
    with kube.namespace() as namespace:
        claims = {"knobs": f"{PREFIX}knobs", **{pod: f"data-{pod}" for pod in PODS}}
        for name in claims:
            (folder / name).mkdir()
            os.chown(folder / name, _OWNER, _OWNER)
        (folder / "knobs/standin.json").write_text(json.dumps({"data": "/data"}))
        volumes = [volume(namespace, claim, folder / name) for name, claim in claims.items()]
        made = overlay_objects(
            namespace, cluster_images, folder, {}, base="three-servers", patches=[*named_again(), small()]
        )
        wide = [*volumes, *(each for each in made if each["kind"].startswith("ValidatingAdmission"))]
        try:
            kube.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([*volumes, *made]))
            for pod in PODS:
                kube.await_running(namespace, pod, "neo4j")
            yield Servers(namespace, folder)
        finally:
            kube.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=yaml.safe_dump_all(wide))


def test_each_server_s_job_makes_a_backup_of_that_server(servers: Servers) -> None:
    jobs = [
        job_by_a_person(
            servers.namespace, f"{PREFIX}neo4j-backup-full-{number}", {}, {"NEO4J_BACKUP_TRIGGER_DATABASE": "neo4j"}
        )
        for number in (0, 2)
    ]

    assert [job.until_ended() for job in jobs] == ["Complete", "Complete"]
    assert [len(servers.artifacts(pod)) for pod in PODS] == [1, 0, 1]


@pytest.mark.parametrize(("verb", "subresource"), [("get", ""), ("get", "exec"), ("create", "exec")])
def test_an_account_reaches_its_own_server_s_pod_and_no_other(servers: Servers, verb: str, subresource: str) -> None:
    account = f"system:serviceaccount:{servers.namespace}:{PREFIX}neo4j-backup-1"

    def may(pod: str) -> str:
        words = ("auth", "can-i", verb, f"pods/{pod}", f"--subresource={subresource}", "--as", account)
        return servers.kubectl(*words, check=False).strip()

    assert [may(pod) for pod in PODS] == ["no", "yes", "no"]


def test_the_sidecar_has_no_token_also_where_its_pod_has_one(servers: Servers) -> None:
    change = {"spec": {"template": {"spec": {"automountServiceAccountToken": True}}}}
    servers.kubectl("patch", "statefulset", f"{PREFIX}neo4j", "--type", "merge", "--patch", json.dumps(change))
    # The highest is replaced first.
    servers.kubectl("delete", "pod", PODS[2], "--grace-period=1", "--wait=true")
    kube.until(lambda: mounts_a_token(servers), "the pod that has a token", 120)
    kube.await_running(servers.namespace, PODS[2], "neo4j")

    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    neo4j, sidecar = (
        servers.kubectl("exec", PODS[2], "-c", container, "--", "ls", folder).split()
        for container in ("neo4j", SIDECAR)
    )

    assert "token" in neo4j
    assert sidecar == []


def mounts_a_token(servers: Servers) -> bool:
    pod = kube.get(servers.namespace, "pod", PODS[2])
    return bool(pod) and pod["spec"].get("automountServiceAccountToken") is True
