"""The sidecar in the pod: by the components, and by the official chart's values."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from shared.wire import Verb
from sidecar.memory import choose_memory
from sidecar.sizes import parse_size
from tests import neo4j_chart
from tests.manifests import (
    MANIFESTS,
    Document,
    containers,
    job_specs,
    kustomize,
    labels_match,
    overlay,
    pod_specs,
    settings,
    variables,
)
from tests.pages import Page
from trigger.transport.kubernetes import COMMAND, CONTAINER

VALUES: Document = yaml.safe_load((MANIFESTS / "helm-values.yaml").read_text())
RELEASE: Document = {
    "neo4j": {"name": "shop", "edition": "enterprise"},
    "volumes": {"data": {"mode": "defaultStorageClass"}},
}


def test_the_sidecar_shares_the_request_volume_and_tells_the_daemon_of_the_pod_s_end() -> None:
    [pod] = [each for each in pod_specs(overlay("single")) if len(containers(each)) > 1]
    sidecar = sidecar_of(pod)
    [neo4j] = pod["containers"]

    request = {"name": "backup-requests", "mountPath": "/backup-requests"}
    assert request in sidecar["volumeMounts"]
    assert request in neo4j["volumeMounts"]
    assert {"name": "data", "mountPath": "/data"} in sidecar["volumeMounts"]
    assert sidecar["lifecycle"]["preStop"]["exec"]["command"] == [*COMMAND, Verb.DRAIN]
    assert sidecar["restartPolicy"] == "Always"
    assert not {"readinessProbe", "startupProbe", "livenessProbe"} & set(sidecar)
    # A volume over its limit takes the pod with it, and Neo4j in it.
    assert all("sizeLimit" not in volume["emptyDir"] for volume in pod["volumes"])


def test_what_the_readme_says_that_a_server_has_to_be_like_is_what_the_component_takes_it_for() -> None:
    [pod] = [each for each in pod_specs(overlay("single")) if len(containers(each)) > 1]
    sidecar, [neo4j] = sidecar_of(pod), pod["containers"]
    [data] = [each for each in sidecar["volumeMounts"] if each["mountPath"] == "/data"]

    told = Page(MANIFESTS / "README.md").text.split("* **The component wants**", 1)[1].split("\n* ", 1)[0]

    assert f"container called `{neo4j['name']}`" in told
    assert f"volume called `{data['name']}`" in told
    assert "subPath" not in data
    assert "`/data` without a sub-path" in " ".join(told.split())
    assert f"user {sidecar['securityContext']['runAsUser']}" in told


def test_the_sidecar_has_nothing_of_a_token_whatever_the_pod_has() -> None:
    [pod] = [each for each in pod_specs(overlay("single")) if len(containers(each)) > 1]
    mounts = {each["mountPath"]: each["name"] for each in sidecar_of(pod)["volumeMounts"]}

    hidden = mounts["/var/run/secrets/kubernetes.io/serviceaccount"]
    assert {"name": hidden, "emptyDir": {}} in pod["volumes"]


def test_the_sidecar_s_memory_holds_a_backup() -> None:
    for values in (sidecar_of(next(servers("single"))), sidecar_of(chart_pod())):
        limit = parse_size(values["resources"]["limits"]["memory"].replace("Gi", "GiB"))

        found = choose_memory(limit, heap=None, pagecache=None, check=True)

        assert found.heap_bytes >= 256 * 1024 * 1024


def test_the_plain_sidecar_is_the_native_one_in_another_place() -> None:
    native, plain = (
        yaml.safe_load((MANIFESTS / "components" / name / "sidecar.yaml").read_text())["spec"]["template"]["spec"]
        for name in ("sidecar", "sidecar-plain")
    )

    [before] = native.pop("initContainers")
    assert before.pop("restartPolicy") == "Always"
    assert [before, *native["containers"]] == [
        next(each for each in plain["containers"] if each["name"] == CONTAINER),
        *(each for each in plain["containers"] if each["name"] != CONTAINER),
    ]
    assert native["volumes"] == plain["volumes"]


def test_the_plain_sidecar_builds_too(tmp_path: Path) -> None:
    relative = "../" * len(tmp_path.parts[1:]) + str(MANIFESTS).lstrip("/")
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{relative}/server]\ncomponents: [{relative}/components/sidecar-plain]\n"
    )

    [pod] = pod_specs(kustomize(tmp_path))

    assert {each["name"] for each in pod["containers"]} == {"neo4j", CONTAINER}


def test_in_the_chart_the_sidecar_sees_the_folders_that_neo4j_sees() -> None:
    pod = chart_pod()
    [neo4j] = pod["containers"]
    seen = {each["mountPath"]: (each["name"], each.get("subPathExpr")) for each in neo4j["volumeMounts"]}
    sidecar = {each["mountPath"]: (each["name"], each.get("subPathExpr")) for each in sidecar_of(pod)["volumeMounts"]}

    for path in ("/data", "/backups", "/backup-requests"):
        assert sidecar[path] == seen[path]


def test_in_the_chart_backups_have_a_claim_of_their_own_and_the_database_is_read_only() -> None:
    release = neo4j_chart.stateful_set("neo4j", RELEASE, VALUES)
    claims = {each["metadata"]["name"]: each["spec"] for each in release["spec"]["volumeClaimTemplates"]}
    sidecar = sidecar_of(release["spec"]["template"]["spec"])

    assert set(claims) == {"backups", "data"}
    assert claims["backups"]["accessModes"] == ["ReadWriteOnce"]
    assert claims["backups"]["resources"]["requests"]["storage"]
    assert next(each for each in sidecar["volumeMounts"] if each["mountPath"] == "/data")["readOnly"] is True
    assert variables(sidecar)["NEO4J_BACKUP_ALLOWED_ROOTS"] == "/backups"


def test_in_the_chart_every_volume_that_is_mounted_is_there() -> None:
    release = neo4j_chart.stateful_set("neo4j", RELEASE, VALUES)
    pod = release["spec"]["template"]["spec"]
    there = {each["name"] for each in pod["volumes"]}
    there |= {each["metadata"]["name"] for each in release["spec"]["volumeClaimTemplates"]}

    assert {each["name"] for container in containers(pod) for each in container["volumeMounts"]} <= there


def test_in_the_chart_the_backup_port_is_back_on_loopback() -> None:
    assert neo4j_chart.config(RELEASE)["server.backup.listen_address"] == "0.0.0.0:6362"
    assert neo4j_chart.config(RELEASE, VALUES)["server.backup.listen_address"] == "127.0.0.1:6362"


def test_in_the_chart_the_sidecar_is_the_component_s_but_for_its_volumes_and_roots() -> None:
    from_component, from_chart = (
        {key: value for key, value in sidecar_of(pod).items() if key not in ("volumeMounts", "env")}
        for pod in (next(servers("single")), chart_pod())
    )

    assert from_chart == from_component


def test_the_chart_s_jobs_look_for_the_release_and_write_where_it_may_be_written() -> None:
    objects = overlay("chart")
    labels = neo4j_chart.stateful_set("neo4j", RELEASE, VALUES)["spec"]["template"]["metadata"]["labels"]

    for spec in job_specs(objects).values():
        environment = settings(objects, spec)
        assert labels_match(environment["NEO4J_BACKUP_TRIGGER_SELECTOR"], labels)
        assert environment["NEO4J_BACKUP_TRIGGER_PATH"].startswith("/backups/")


def sidecar_of(pod: Document) -> Document:
    return next(each for each in containers(pod) if each["name"] == CONTAINER)


def servers(name: str) -> Iterator[Document]:
    return (each for each in pod_specs(overlay(name)) if len(containers(each)) > 1)


def chart_pod() -> Document:
    pod: Document = neo4j_chart.stateful_set("neo4j", RELEASE, VALUES)["spec"]["template"]["spec"]
    return pod
