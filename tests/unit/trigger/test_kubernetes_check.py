"""What ``check`` tells of the way to a pod, link by link; against a scripted API server."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result

from tests.fakes.api_server import CLOSE, STDOUT, SUCCESS, Says, api_server, frame, pod, refuses
from trigger.cli import cli

VERSION = Says(body={"gitVersion": "v1.34.4"})
NEWER = Says(body={"gitVersion": "v1.35.0+k3s1"})
ME = Says(201, {"status": {"userInfo": {"username": "me"}}})
ACCOUNT = Says(201, {"status": {"userInfo": {"username": "system:serviceaccount:shop:neo4j-backup"}}})
YES, NO = Says(201, {"status": {"allowed": True}}), Says(201, {"status": {"allowed": False}})
THERE = Says(body=pod())
PROBE = Says(frames=(frame(STDOUT + b'{"probe":{}}\n{"end":{"exit_code":0}}\n'), frame(SUCCESS), CLOSE))
FACTS = Says(frames=(frame(STDOUT + b'{"end":{"exit_code":0}}\n'), frame(SUCCESS), CLOSE))
POLICY = "shop-neo4j-backup-exec"
DENIED = f"ValidatingAdmissionPolicy '{POLICY}' with binding '{POLICY}' denied request"
REFUSED = refuses(422, "Invalid", f'pods "neo4j-0" is forbidden: {DENIED}: may run the couriers alone')
FORBIDDEN = refuses(403, "Forbidden", 'User "me" cannot get resource "pods/exec"')
OTHER = refuses(422, "Invalid", DENIED.replace("neo4j-backup-exec", "no-exec-at-all"))
REACHED = (PROBE, FACTS)
LINKS = ["transport: API server", "transport: pod", "transport: rights"]
END = ["transport", "daemon"]


def check(
    folder: Path, *script: Says, target: tuple[str, str] = ("--pod", "neo4j-0"), asked: list[str] | None = None
) -> Result:
    with api_server(*script) as (address, seen):
        config = folder / "config"
        config.write_text(
            f'clusters: [{{name: c, cluster: {{server: "{address}"}}}}]\nusers: []\n'
            "contexts: [{name: c, context: {cluster: c, user: u}}]\ncurrent-context: c\n"
        )
        arguments = ("check", *target, "--output", "json")
        result = CliRunner().invoke(cli, arguments, env={"KUBECONFIG": str(config)}, standalone_mode=False)
    if asked is not None:
        asked += seen.paths
    return result


def links(result: Result) -> list[str]:
    """Give the names in order, with a mark at those that failed."""
    return [each["name"] + ("" if each["state"] == "ok" else " ✗") for each in checks(result)]


# Any: a JSON document.
def checks(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.stdout)["checks"]
    return found


def test_each_link_is_told_in_order(tmp_path: Path) -> None:
    result = check(tmp_path, VERSION, ME, YES, THERE, YES, YES, *REACHED)

    assert links(result) == [*LINKS, *END]
    assert "is Kubernetes v1.34.4, and we are me" in result.stdout
    assert result.return_value == 0


def test_a_pod_that_is_looked_for_is_listed_first(tmp_path: Path) -> None:
    found = Says(body={"items": [pod()]})

    result = check(tmp_path, VERSION, ME, YES, found, YES, YES, *REACHED, target=("--selector", "app=x"))

    assert links(result) == [*LINKS, *END]
    assert checks(result)[-2]["message"] == "the pod neo4j-0 can be reached"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ((VERSION, ME, NO), "we lack the right to get pods"),
        ((VERSION, ME, YES, THERE, YES, NO), "we lack the right to get pods/exec"),
        ((NEWER, ME, YES, THERE, YES, NO, NO), "we lack the right to get pods/exec, create pods/exec"),
        ((VERSION, ME, YES, refuses(404, "NotFound", "no")), "there is no pod neo4j-0"),
        ((refuses(401, "Unauthorized", "no"),) * 2, "takes no credentials"),
    ],
)
def test_the_first_link_that_is_broken_ends_the_walk_with_12(
    tmp_path: Path, script: tuple[Says, ...], words: str
) -> None:
    result = check(tmp_path, *script)

    assert links(result)[-1].startswith("transport: ")
    assert links(result)[-1].endswith(" ✗")
    assert words in checks(result)[-1]["message"]
    assert result.return_value == 12


def test_a_right_that_is_missing_is_asked_for_in_the_same_context(tmp_path: Path) -> None:
    result = check(tmp_path, VERSION, ACCOUNT, YES, THERE, YES, NO)

    assert (
        "`kubectl --context c -n default auth can-i get pods/neo4j-0 --subresource=exec`" in checks(result)[-1]["hint"]
    )


@pytest.mark.parametrize(
    ("target", "asked"), [(("--pod", "neo4j-0"), "get pods/neo4j-0"), (("--selector", "app=x"), "list pods")]
)
def test_a_right_on_a_pod_is_asked_for_by_its_name_and_the_list_without_one(
    tmp_path: Path, target: tuple[str, str], asked: str
) -> None:
    result = check(tmp_path, VERSION, ME, NO, target=target)

    assert f"`kubectl --context c -n default auth can-i {asked}`" in checks(result)[-1]["hint"]


def test_before_1_35_nobody_needs_create(tmp_path: Path) -> None:
    result = check(tmp_path, VERSION, ME, YES, THERE, YES, YES, *REACHED)

    assert "create" not in result.stdout


def test_a_server_that_does_not_say_who_we_are_is_no_broken_link(tmp_path: Path) -> None:
    unknown = refuses(404, "NotFound", "the server could not find the requested resource")

    result = check(tmp_path, VERSION, unknown, YES, THERE, YES, YES, *REACHED)

    assert result.return_value == 0


def test_a_service_account_s_forbidden_execs_that_the_policy_refuses_are_as_it_should_be(tmp_path: Path) -> None:
    asked: list[str] = []

    result = check(tmp_path, VERSION, ACCOUNT, YES, THERE, YES, YES, REFUSED, REFUSED, *REACHED, asked=asked)

    assert links(result) == [*LINKS, "exec policy", *END]
    tried = "(tried: neo4j-backup-sidecar help), and a courier's is in the container neo4j"
    assert checks(result)[3]["message"].endswith(tried)
    execs = [parse_qs(urlsplit(path).query) for path in asked if "/exec?" in path][:2]
    assert [(each["container"], each["command"]) for each in execs] == [
        (["neo4j-backup-sidecar"], ["neo4j-backup-sidecar", "help"]),
        (["neo4j"], ["neo4j-backup-sidecar", "probe"]),
    ]


@pytest.mark.parametrize(
    ("execs", "words"),
    [
        ((FACTS,), "neo4j-backup-sidecar help in the container neo4j-backup-sidecar was let through"),
        ((REFUSED, FACTS), "neo4j-backup-sidecar probe in the container neo4j was let through"),
    ],
)
def test_a_forbidden_exec_that_is_let_through_fails_and_the_walk_goes_on(
    tmp_path: Path, execs: tuple[Says, ...], words: str
) -> None:
    result = check(tmp_path, VERSION, ACCOUNT, YES, THERE, YES, YES, *execs, *REACHED)

    assert links(result) == [*LINKS, "exec policy ✗", *END]
    assert words in result.stdout
    assert "manifests/components/exec-policy" in result.stdout
    assert result.return_value == 5


@pytest.mark.parametrize(
    ("execs", "words"),
    [
        ((FORBIDDEN,), "is refused, but not by the policy neo4j-backup-exec: Kubernetes doesn't let us"),
        ((REFUSED, FORBIDDEN), "is refused, but not by the policy neo4j-backup-exec: Kubernetes doesn't let us"),
        ((OTHER,), "is refused, but not by the policy neo4j-backup-exec: a policy of the cluster"),
        ((refuses(404, "NotFound", "no"),), "could not be tried: the pod was not there for a moment"),
        ((refuses(500, "InternalError", "later"),), "could not be tried: the API server could not"),
    ],
)
def test_an_exec_whose_refusal_is_none_of_the_policy_s_proves_nothing(
    tmp_path: Path, execs: tuple[Says, ...], words: str
) -> None:
    result = check(tmp_path, VERSION, ACCOUNT, YES, THERE, YES, YES, *execs, *REACHED)

    assert [each["name"] for each in checks(result)] == [*LINKS, "exec policy", *END]
    assert checks(result)[3]["state"] == "unknown"
    assert words in checks(result)[3]["message"]
    assert result.return_value == 0


def test_a_pod_without_another_container_is_tried_in_its_own_alone(tmp_path: Path) -> None:
    alone = pod()
    alone["spec"]["containers"] = []

    result = check(tmp_path, VERSION, ACCOUNT, YES, Says(body=alone), YES, YES, REFUSED, *REACHED)

    assert links(result) == [*LINKS, "exec policy", *END]


def test_a_pod_that_is_being_deleted_is_told(tmp_path: Path) -> None:
    document = pod()
    document["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"

    result = check(tmp_path, VERSION, ME, YES, Says(body=document), YES, YES, *REACHED)

    assert checks(result)[1]["message"] == "neo4j-0 runs the container neo4j-backup-sidecar, and is being deleted"
