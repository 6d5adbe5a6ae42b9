"""Every pod that the manifests lead to, and what each object is called."""

from pathlib import Path

from tests.manifests import MANIFESTS, Document, containers, kustomize, names, of_kind, overlay, pod_specs
from tests.pages import Page

CLUSTER_WIDE = {"Namespace", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}


def test_every_pod_is_as_the_restricted_profile_wants_it(objects: list[Document]) -> None:
    for pod in pod_specs(objects):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) - {"name"} <= {"emptyDir", "configMap", "secret"} for volume in pod.get("volumes", []))
        for container in containers(pod):
            context = {**pod["securityContext"], **container["securityContext"]}
            assert context["runAsNonRoot"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_what_writes_beside_the_database_has_its_user_and_a_job_takes_any_that_a_namespace_gives_it(
    objects: list[Document],
) -> None:
    for pod in pod_specs(objects):
        for container in containers(pod):
            context = {**pod["securityContext"], **container["securityContext"]}
            assert context.get("runAsUser") == (None if container["name"] == "neo4j-backup" else 7474)


def test_our_own_containers_have_a_root_that_is_read_only_and_a_memory_limit_and_no_cpu_limit(
    objects: list[Document],
) -> None:
    ours = [each for pod in pod_specs(objects) for each in containers(pod) if each["name"] != "neo4j"]

    assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in ours)
    assert all(set(each["resources"]["limits"]) == {"memory"} for each in ours)


def test_our_images_are_of_this_release(objects: list[Document]) -> None:
    project = (MANIFESTS.parent / "pyproject.toml").read_text()
    used = {each["image"] for pod in pod_specs(objects) for each in containers(pod) if each["name"] != "neo4j"}

    assert all(f'version = "{image.rpartition(":")[2]}"' in project for image in used)
    assert {image.partition(":")[0] for image in used} <= {"neo4j-backup-sidecar", "neo4j-backup-trigger"}


def test_by_the_readme_s_patches_each_pod_may_pull_from_a_registry_that_asks_who_it_is(tmp_path: Path) -> None:
    [patches] = [block for block in Page(MANIFESTS / "README.md").blocks("yaml") if "imagePullSecrets" in block]
    above = "../" * len(tmp_path.parts[1:]) + str(MANIFESTS).lstrip("/")
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{above}/overlays/three-servers]\n{patches}")

    objects = kustomize(tmp_path)

    may_pull = {each["metadata"]["name"] for each in of_kind(objects, "ServiceAccount") if each.get("imagePullSecrets")}
    for pod in pod_specs(objects):
        assert pod.get("imagePullSecrets") or pod["serviceAccountName"] in may_pull


def test_names_follow_the_prefix_and_all_lies_in_the_namespace() -> None:
    objects = overlay("restricted")

    for each in objects:
        if each["kind"] != "Namespace":
            assert each["metadata"]["name"].startswith("shop-")
        if each["kind"] not in CLUSTER_WIDE:
            assert each["metadata"]["namespace"] == "shop-graph"
    [binding] = of_kind(objects, "ValidatingAdmissionPolicyBinding")
    assert {binding["spec"]["policyName"]} == names(objects, "ValidatingAdmissionPolicy")
    [bound] = of_kind(objects, "RoleBinding")
    assert bound["subjects"][0]["namespace"] == "shop-graph"
