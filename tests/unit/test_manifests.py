"""The manifests as kustomize gives them: least rights, restricted pods, names and figures that belong together."""

from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from shared.errors import ERRORS
from shared.wire import Verb
from sidecar.memory import choose_memory
from sidecar.sizes import parse_size
from tests import neo4j_chart
from tests.manifests import (
    MANIFESTS,
    OVERLAYS,
    Document,
    containers,
    job_specs,
    kustomize,
    labels_match,
    of_kind,
    pod_specs,
    variables,
)
from trigger.cli import cli
from trigger.transport.kubernetes import COMMAND, CONTAINER

CLUSTER_WIDE = {"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
UID = "7d4c0f9e-94d5-4e6f-9b0d-0c7a6a3d2f11"
WRONG_USAGE = 2
VALUES: Document = yaml.safe_load((MANIFESTS / "helm-values.yaml").read_text())
RELEASE: Document = {
    "neo4j": {"name": "shop", "edition": "enterprise"},
    "volumes": {
        "data": {
            "mode": "defaultStorageClass",
            "defaultStorageClass": {"accessModes": ["ReadWriteOnce"], "requests": {"storage": "10Gi"}},
        }
    },
}


@cache
def overlay(name: str) -> tuple[Document, ...]:
    return tuple(kustomize(MANIFESTS / "overlays" / name))


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest) -> list[Document]:
    return list(overlay(request.param))


def names(objects: list[Document], kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in of_kind(objects, kind)}


def sidecar_of(pod: Document) -> Document:
    return next(each for each in containers(pod) if each["name"] == CONTAINER)


# rights


def test_the_trigger_may_read_pods_and_exec_in_them_and_nothing_else(objects: list[Document]) -> None:
    rules = [rule for role in of_kind(objects, "Role") for rule in role["rules"]]

    assert {(rule["apiGroups"][0], resource) for rule in rules for resource in rule["resources"]} == {
        ("", "pods"),
        ("", "pods/exec"),
    }
    allowed = {"pods": {"get", "list"}, "pods/exec": {"get", "create"}}
    assert all(set(rule["verbs"]) <= allowed[rule["resources"][0]] for rule in rules)
    assert not of_kind(objects, "ClusterRole")
    assert not of_kind(objects, "ClusterRoleBinding")


def test_rights_can_be_held_to_the_named_pods() -> None:
    [role] = of_kind(list(overlay("resource-names")), "Role")

    assert all(rule["resourceNames"] == ["neo4j-0"] for rule in role["rules"])
    assert "list" not in {verb for rule in role["rules"] for verb in rule["verbs"]}


def test_a_binding_binds_the_account_that_the_jobs_run_as(objects: list[Document]) -> None:
    bound = [
        (each["roleRef"]["name"], subject) for each in of_kind(objects, "RoleBinding") for subject in each["subjects"]
    ]

    assert {role for role, _ in bound} == names(objects, "Role")
    assert {subject["name"] for _, subject in bound} == names(objects, "ServiceAccount")
    used = {spec["template"]["spec"]["serviceAccountName"] for spec in job_specs(objects).values()}
    assert used == names(objects, "ServiceAccount")


def test_a_token_is_where_a_job_needs_one_and_nowhere_else(objects: list[Document]) -> None:
    assert all(each["automountServiceAccountToken"] is False for each in of_kind(objects, "ServiceAccount"))
    assert all(spec["template"]["spec"]["automountServiceAccountToken"] for spec in job_specs(objects).values())


# pods


def test_every_pod_is_as_the_restricted_profile_wants_it(objects: list[Document]) -> None:
    for pod in pod_specs(objects):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) - {"name"} <= {"emptyDir", "configMap", "secret"} for volume in pod.get("volumes", []))
        for container in containers(pod):
            context = {**pod["securityContext"], **container["securityContext"]}
            assert context["runAsNonRoot"] is True
            assert context["runAsUser"] == 7474
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_our_own_containers_have_a_root_that_is_read_only_and_a_memory_limit_and_no_cpu_limit(
    objects: list[Document],
) -> None:
    ours = [each for pod in pod_specs(objects) for each in containers(pod) if each["name"] != "neo4j"]

    assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in ours)
    assert all(set(each["resources"]["limits"]) == {"memory"} for each in ours)


def test_our_images_are_of_this_release(objects: list[Document]) -> None:
    project = (Path(MANIFESTS).parent / "pyproject.toml").read_text()
    used = {each["image"] for pod in pod_specs(objects) for each in containers(pod) if each["name"] != "neo4j"}

    assert all(f'version = "{image.rpartition(":")[2]}"' in project for image in used)
    assert {image.partition(":")[0] for image in used} <= {"neo4j-backup-sidecar", "neo4j-backup-trigger"}


def test_names_follow_the_prefix_and_all_lies_in_the_namespace() -> None:
    objects = list(overlay("restricted"))

    for each in objects:
        if each["kind"] != "Namespace":
            assert each["metadata"]["name"].startswith("shop-")
        if each["kind"] not in CLUSTER_WIDE:
            assert each["metadata"]["namespace"] == "shop-graph"
    [binding] = of_kind(objects, "ValidatingAdmissionPolicyBinding")
    assert {binding["spec"]["policyName"]} == names(objects, "ValidatingAdmissionPolicy")
    [bound] = of_kind(objects, "RoleBinding")
    assert bound["subjects"][0]["namespace"] == "shop-graph"


# Jobs


def test_a_job_s_settings_are_there_by_the_name_it_asks_for(objects: list[Document]) -> None:
    asked = {
        source["configMapRef"]["name"]
        for spec in job_specs(objects).values()
        for source in spec["template"]["spec"]["containers"][0]["envFrom"]
    }

    assert asked == names(objects, "ConfigMap")


def test_what_a_job_sets_is_what_the_command_takes(objects: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in job_specs(objects).values():
        environment = settings(objects, spec)
        taken = {f"NEO4J_BACKUP_TRIGGER_{str(each.name).upper()}" for each in cli.commands["trigger"].params}
        assert set(environment) <= taken

        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            context = cli.commands["trigger"].make_context(
                "trigger", [], auto_envvar_prefix="NEO4J_BACKUP_TRIGGER", parent=click.Context(cli)
            )
        assert context.params["path"]
        assert spec["activeDeadlineSeconds"] > context.params["timeout"]


def test_a_job_says_which_pod_and_one_way_alone(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        environment = settings(objects, spec)
        assert len({"NEO4J_BACKUP_TRIGGER_POD", "NEO4J_BACKUP_TRIGGER_SELECTOR"} & set(environment)) == 1


def test_a_job_s_id_comes_from_its_pod_s_labels(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        found = variables(spec["template"]["spec"]["containers"][0])
        path = "metadata.labels['batch.kubernetes.io/{}']"
        assert found["NEO4J_BACKUP_TRIGGER_JOB_UID"] == {"fieldRef": {"fieldPath": path.format("controller-uid")}}
        assert found["NEO4J_BACKUP_TRIGGER_JOB_NAME"] == {"fieldRef": {"fieldPath": path.format("job-name")}}


def test_disruptions_are_ignored_first_and_codes_that_no_retry_mends_fail_the_job_at_once(
    objects: list[Document],
) -> None:
    fatal = {error.exit_code for error in ERRORS if not error.retryable} | {WRONG_USAGE}

    for spec in job_specs(objects).values():
        disrupted, failed = spec["podFailurePolicy"]["rules"]
        assert disrupted == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
        assert failed["action"] == "FailJob"
        assert set(failed["onExitCodes"]["values"]) == fatal
        assert failed["onExitCodes"]["operator"] == "In"
        assert failed["onExitCodes"]["containerName"] == spec["template"]["spec"]["containers"][0]["name"]
        assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_jobs_leave_nothing_behind_for_ever_and_get_no_service_links(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        assert spec["ttlSecondsAfterFinished"] > 0
        assert spec["template"]["spec"]["enableServiceLinks"] is False


def test_a_mesh_puts_no_proxy_beside_the_trigger(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        metadata = spec["template"]["metadata"]
        assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
        assert metadata["annotations"]["linkerd.io/inject"] == "disabled"


def test_all_jobs_are_the_same_but_for_the_type(objects: list[Document]) -> None:
    pods = []
    for spec in job_specs(objects).values():
        pod = yaml.safe_load(yaml.safe_dump(spec["template"]["spec"]))
        [container] = pod["containers"]
        container["env"] = sorted(
            (each for each in container["env"] if each["name"] != "NEO4J_BACKUP_TRIGGER_TYPE"), key=str
        )
        # Of three servers each has settings and an account of its own.
        del container["envFrom"], pod["serviceAccountName"]
        rest = {key: value for key, value in spec.items() if key not in ("template", "suspend")}
        pods.append({**rest, "pod": pod})

    assert all(each == pods[0] for each in pods)


def test_applying_starts_no_backup(objects: list[Document]) -> None:
    assert all(job["spec"]["suspend"] is True for job in of_kind(objects, "Job"))


def test_schedules_have_a_time_zone_and_never_overlap(objects: list[Document]) -> None:
    for each in of_kind(objects, "CronJob"):
        spec = each["spec"]
        assert spec["timeZone"] == "Etc/UTC"
        assert spec["concurrencyPolicy"] == "Forbid"
        assert spec["startingDeadlineSeconds"] > 0
        assert spec["successfulJobsHistoryLimit"] > 0
        assert spec["failedJobsHistoryLimit"] > 0


def test_there_is_a_full_backup_a_week_and_a_differential_every_other_day() -> None:
    found = {
        each["spec"]["schedule"]: variables(each["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0])
        for each in of_kind(list(overlay("single")), "CronJob")
    }

    assert {when: each["NEO4J_BACKUP_TRIGGER_TYPE"] for when, each in found.items()} == {
        "15 2 * * 0": "FULL",
        # AUTO: a database that is new since Sunday gets a full one.
        "15 2 * * 1-6": "AUTO",
    }


# which pod


@pytest.mark.parametrize("name", ["single", "restricted"])
def test_the_labels_that_are_looked_for_are_those_of_one_pod_and_not_of_the_jobs_own(name: str) -> None:
    objects = list(overlay(name))
    [server] = of_kind(objects, "StatefulSet")
    for spec in job_specs(objects).values():
        selector = settings(objects, spec)["NEO4J_BACKUP_TRIGGER_SELECTOR"]
        assert labels_match(selector, server["spec"]["template"]["metadata"]["labels"])
        assert not labels_match(selector, spec["template"]["metadata"]["labels"])
    assert server["spec"]["replicas"] == 1


def test_each_of_three_servers_has_jobs_that_name_it() -> None:
    objects = list(overlay("three-servers"))
    [server] = of_kind(objects, "StatefulSet")
    made: dict[str, int] = {}
    for spec in job_specs(objects).values():
        pod = settings(objects, spec)["NEO4J_BACKUP_TRIGGER_POD"]
        made[pod] = made.get(pod, 0) + 1

    pods = {f"{server['metadata']['name']}-{ordinal}" for ordinal in range(server["spec"]["replicas"])}
    assert made == dict.fromkeys(pods, 3)


# the sidecar


def test_the_sidecar_shares_the_request_volume_and_tells_the_daemon_of_the_pod_s_end() -> None:
    [pod] = [each for each in pod_specs(list(overlay("single"))) if len(containers(each)) > 1]
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


def test_the_sidecar_has_nothing_of_a_token_whatever_the_pod_has() -> None:
    [pod] = [each for each in pod_specs(list(overlay("single"))) if len(containers(each)) > 1]
    mounts = {each["mountPath"]: each["name"] for each in sidecar_of(pod)["volumeMounts"]}

    hidden = mounts["/var/run/secrets/kubernetes.io/serviceaccount"]
    assert {"name": hidden, "emptyDir": {}} in pod["volumes"]


def test_the_sidecar_s_memory_holds_a_backup() -> None:
    for values in (sidecar_of(next(_servers("single"))), sidecar_of(_chart_pod())):
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


# policies


def test_the_exec_policy_knows_each_courier_but_drain_and_no_name_of_an_overlay() -> None:
    [policy] = of_kind(list(overlay("restricted")), "ValidatingAdmissionPolicy")
    [binding] = of_kind(list(overlay("restricted")), "ValidatingAdmissionPolicyBinding")
    text = yaml.safe_dump(policy["spec"])

    assert {verb for verb in Verb if f"'{verb}'" in _expressions(policy)} == set(Verb) - {Verb.DRAIN}
    assert f"'{CONTAINER}'" in _expressions(policy)
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert "shop" not in text


def test_every_account_carries_the_label_that_the_exec_policy_looks_for(objects: list[Document]) -> None:
    [binding] = of_kind(objects, "ValidatingAdmissionPolicyBinding")
    wanted = binding["spec"]["paramRef"]["selector"]["matchLabels"].items()

    assert all(wanted <= each["metadata"]["labels"].items() for each in of_kind(objects, "ServiceAccount"))


def test_the_network_policy_holds_the_trigger_s_pods_and_not_neo4j_s() -> None:
    objects = list(overlay("restricted"))
    [policy] = of_kind(objects, "NetworkPolicy")
    wanted = policy["spec"]["podSelector"]["matchLabels"].items()

    assert all(wanted <= spec["template"]["metadata"]["labels"].items() for spec in job_specs(objects).values())
    [server] = of_kind(objects, "StatefulSet")
    assert not wanted <= server["spec"]["template"]["metadata"]["labels"].items()
    assert policy["spec"]["ingress"] == []


# the official chart


def test_in_the_chart_the_sidecar_sees_the_folders_that_neo4j_sees() -> None:
    pod = _chart_pod()
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
        for pod in (next(_servers("single")), _chart_pod())
    )

    assert from_chart == from_component


def test_the_chart_s_jobs_look_for_the_release_and_write_where_it_may_be_written() -> None:
    objects = list(overlay("chart"))
    labels = neo4j_chart.stateful_set("neo4j", RELEASE, VALUES)["spec"]["template"]["metadata"]["labels"]

    for spec in job_specs(objects).values():
        environment = settings(objects, spec)
        assert labels_match(environment["NEO4J_BACKUP_TRIGGER_SELECTOR"], labels)
        assert environment["NEO4J_BACKUP_TRIGGER_PATH"].startswith("/backups/")


def settings(objects: list[Document], spec: Document) -> dict[str, str]:
    """Give a Job's variables as its pod has them."""
    [container] = spec["template"]["spec"]["containers"]
    asked = {source["configMapRef"]["name"] for source in container["envFrom"]}
    found: dict[str, str] = {}
    for each in of_kind(objects, "ConfigMap"):
        if each["metadata"]["name"] in asked:
            found |= each["data"]
    return found | {
        name: _of_pod(name) if isinstance(value, dict) else value for name, value in variables(container).items()
    }


def _of_pod(name: str) -> str:
    return {"NEO4J_BACKUP_TRIGGER_JOB_UID": UID}.get(name, "nightly")


def _servers(name: str) -> Any:
    return (each for each in pod_specs(list(overlay(name))) if len(containers(each)) > 1)


def _chart_pod() -> Document:
    pod: Document = neo4j_chart.stateful_set("neo4j", RELEASE, VALUES)["spec"]["template"]["spec"]
    return pod


def _expressions(policy: Document) -> str:
    return " ".join(each["expression"] for each in policy["spec"]["validations"])
