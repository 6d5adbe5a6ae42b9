"""Who may do what by the manifests: the trigger's account, its tokens, and the policies beside it."""

import re

import pytest
import yaml

from shared.wire import Verb, is_request_name
from tests.manifests import MANIFESTS, OVERLAYS, Document, job_specs, names, of_kind, overlay, settings
from trigger.transport.kubernetes import COMMAND, CONTAINER


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


@pytest.mark.parametrize("name", ["resource-names", "three-servers"])
def test_where_a_pod_is_named_the_rights_are_held_to_it(name: str) -> None:
    objects = overlay(name)

    bound = {each["roleRef"]["name"]: each["subjects"][0]["name"] for each in of_kind(objects, "RoleBinding")}
    pods = {
        spec["template"]["spec"]["serviceAccountName"]: settings(objects, spec)["NEO4J_BACKUP_TRIGGER_POD"]
        for spec in job_specs(objects).values()
    }
    for role in of_kind(objects, "Role"):
        account = bound[role["metadata"]["name"]]
        assert all(rule["resourceNames"] == [pods[account]] for rule in role["rules"])
        assert "list" not in {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert len(set(pods.values())) == len(pods)


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


def test_the_exec_policy_knows_each_courier_but_drain_and_no_name_of_an_overlay() -> None:
    [policy] = of_kind(overlay("restricted"), "ValidatingAdmissionPolicy")
    [binding] = of_kind(overlay("restricted"), "ValidatingAdmissionPolicyBinding")
    text = yaml.safe_dump(policy["spec"])

    assert {verb for verb in Verb if f"'{verb}'" in _expressions(policy)} == set(Verb) - {Verb.DRAIN}
    assert f"'{CONTAINER}'" in _expressions(policy)
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert "shop" not in text


@pytest.mark.parametrize(
    "name",
    [
        *("a", "x" * 128, f"{'x' * 128}~3", "A.b_c-1~2"),
        *("x" * 129, "x~1", "x~y", "-x", "--help", ".x", "~2", "a b", "a/b", "é", ""),
    ],
)
def test_the_exec_policy_lets_through_the_names_that_a_courier_takes_and_no_other_word(name: str) -> None:
    [policy] = of_kind(overlay("restricted"), "ValidatingAdmissionPolicy")
    [pattern] = re.findall(r"matches\('\^(.*)\$'\)", _expressions(policy))

    assert (re.fullmatch(pattern, name) is not None) == is_request_name(name)
    assert all(re.fullmatch(pattern, word) for word in (*Verb, *COMMAND))


def test_the_binding_s_name_of_its_policy_follows_a_prefix_also_by_an_older_kustomize() -> None:
    component = MANIFESTS / "components" / "exec-policy"
    [used] = yaml.safe_load((component / "kustomization.yaml").read_text())["configurations"]
    [reference] = yaml.safe_load((component / used).read_text())["nameReference"]
    [policy] = of_kind(overlay("single"), "ValidatingAdmissionPolicy")
    [binding] = of_kind(overlay("single"), "ValidatingAdmissionPolicyBinding")

    # What tests build with knows it by itself; only the field's path can be checked.
    assert reference["kind"] == policy["kind"]
    for field in reference["fieldSpecs"]:
        assert field["kind"] == binding["kind"]
        first, second = field["path"].split("/")
        assert binding[first][second] == policy["metadata"]["name"]


def test_every_account_carries_the_label_that_the_exec_policy_looks_for(objects: list[Document]) -> None:
    [binding] = of_kind(objects, "ValidatingAdmissionPolicyBinding")
    wanted = binding["spec"]["paramRef"]["selector"]["matchLabels"].items()

    assert all(wanted <= each["metadata"]["labels"].items() for each in of_kind(objects, "ServiceAccount"))


def test_the_network_policy_holds_the_trigger_s_pods_and_not_neo4j_s() -> None:
    objects = overlay("restricted")
    [policy] = of_kind(objects, "NetworkPolicy")
    wanted = policy["spec"]["podSelector"]["matchLabels"].items()

    assert all(wanted <= spec["template"]["metadata"]["labels"].items() for spec in job_specs(objects).values())
    [server] = of_kind(objects, "StatefulSet")
    assert not wanted <= server["spec"]["template"]["metadata"]["labels"].items()
    assert policy["spec"]["ingress"] == []


def test_an_overlay_with_the_network_policy_shows_the_address_that_is_to_be_filled_in() -> None:
    for name in OVERLAYS:
        for policy in of_kind(overlay(name), "NetworkPolicy"):
            written = (MANIFESTS / "overlays" / name / "kustomization.yaml").read_text()
            addresses = {to["ipBlock"]["cidr"] for each in policy["spec"]["egress"] for to in each["to"]}
            assert addresses
            assert all(address in written for address in addresses), name


def _expressions(policy: Document) -> str:
    return " ".join(each["expression"] for each in policy["spec"]["validations"])
