"""What the trigger's account may do in a real cluster: run the couriers in the sidecar, and nothing else."""

import os
import subprocess

import pytest

from tests import kube
from tests.e2e.kubernetes_accounts import a_token, write_kubeconfig
from tests.e2e.kubernetes_jobs import Job
from tests.e2e.kubernetes_objects import OURS, POD, SIDECAR
from tests.e2e.kubernetes_stack import Stack

pytestmark = [pytest.mark.kubernetes, pytest.mark.docker, pytest.mark.timeout(300)]
EXEC = ("exec", POD, "-c", SIDECAR, "--")
KINDS = {
    "WebSocket": {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "true"},
    "SPDY": {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": "false"},
}


@pytest.fixture(scope="module", autouse=True)
def _another_pod(whole_stack: Stack) -> None:
    other = kube.peer_documents("other", automountServiceAccountToken=False)[1]
    other["spec"] |= {
        "initContainers": [],
        "volumes": [],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    }
    [container] = other["spec"]["containers"]
    container["securityContext"] = {
        "runAsNonRoot": True,
        "runAsUser": 7474,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    kube.apply(whole_stack.namespace, other)
    kube.await_running(whole_stack.namespace, "other", "neo4j")


@pytest.fixture(scope="module")
def as_trigger(whole_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a kubeconfig with the account's own token."""
    user = {"token": a_token(whole_stack.namespace)}
    return write_kubeconfig(tmp_path_factory.mktemp("config"), user=user)


def run(stack: Stack, kubeconfig: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["kubectl", "--kubeconfig", kubeconfig, "-n", stack.namespace, *words],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("verb", ["probe", "list"])
def test_a_courier_may_run(stack: Stack, as_trigger: str, verb: str) -> None:
    done = run(stack, as_trigger, *EXEC, SIDECAR, verb)

    assert done.returncode == 0, done.stderr
    assert '"end"' in done.stdout


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param((*EXEC, SIDECAR, "drain"), id="drain"),
        pytest.param((*EXEC, SIDECAR, "run"), id="a second daemon"),
        pytest.param((*EXEC, SIDECAR, "settings"), id="settings"),
        pytest.param((*EXEC, SIDECAR), id="no verb"),
        pytest.param((*EXEC, SIDECAR, "get", "--help"), id="an option"),
        pytest.param((*EXEC, SIDECAR, "get", "../x"), id="a path"),
        pytest.param((*EXEC, SIDECAR, "get", "x", "y"), id="a word more"),
        pytest.param((*EXEC, "sh", "-c", "id"), id="a shell"),
        pytest.param((*EXEC, "/usr/local/bin/neo4j-backup-sidecar", "probe"), id="the same by its path"),
        pytest.param((*EXEC, "neo4j-admin", "--version"), id="neo4j-admin"),
        pytest.param(("exec", POD, "-c", "neo4j", "--", SIDECAR, "probe"), id="another container"),
        pytest.param(("exec", POD, "-c", "neo4j", "--", "cat", "/data/databases/neo4j/neostore"), id="the database"),
        pytest.param(("exec", "other", "--", SIDECAR, "probe"), id="another pod"),
        pytest.param(("exec", "other", "--", "sh"), id="a shell in another pod"),
    ],
)
def test_no_other_command_may_run(stack: Stack, as_trigger: str, words: tuple[str, ...], kind: str) -> None:
    done = run(stack, as_trigger, *words, **KINDS[kind])

    assert done.returncode != 0
    assert "denied request" in done.stderr
    assert f"system:serviceaccount:{stack.namespace}:{OURS}" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("get", "secrets"),
        ("get", "configmaps"),
        ("get", "events"),
        ("get", "pods", "-n", "kube-system"),
        ("logs", POD, "-c", SIDECAR),
        ("attach", POD, "-c", "neo4j"),
        ("port-forward", POD, "16362:6362"),
        ("debug", POD, "--image=debian", "--target=neo4j"),
        ("delete", "pod", POD),
        ("create", "token", OURS),
        ("create", "job", "x", f"--from=cronjob/{OURS}-full"),
        ("label", "serviceaccount", OURS, "neo4j-backup/exec-"),
        ("delete", "validatingadmissionpolicybinding", f"{OURS}-exec"),
        ("get", "nodes"),
    ],
    ids=" ".join,
)
def test_nothing_else_may_be_done(stack: Stack, as_trigger: str, words: tuple[str, ...]) -> None:
    done = run(stack, as_trigger, *words)

    assert done.returncode != 0
    assert "forbidden" in done.stderr.lower()


def test_people_are_not_narrowed_by_the_policy(stack: Stack) -> None:
    assert stack.kubectl("exec", POD, "-c", SIDECAR, "--", "echo", "by an admin").strip() == "by an admin"


def test_the_sidecar_has_no_token(stack: Stack) -> None:
    listed = stack.kubectl(
        "exec", POD, "-c", SIDECAR, "--", "ls", "-A", "/var/run/secrets/kubernetes.io/serviceaccount"
    )

    assert listed.strip() == ""


def test_check_in_the_cluster_sees_that_more_is_refused_and_fails_once_it_is_not(stack: Stack) -> None:
    narrowed = checking(stack)
    assert narrowed.until_ended() == "Complete"

    # Without its label the policy knows the account no more. (Taking the policy away would not do in a cluster
    # that has it from elsewhere too: it narrows every account with the label.)
    stack.kubectl("label", "serviceaccount", OURS, "neo4j-backup/exec-")
    try:
        # The API server notices within a second or two.
        kube.until(lambda: "let through" in failed_policy(stack), "the check that fails", 60)
    finally:
        stack.kubectl("label", "serviceaccount", OURS, "neo4j-backup/exec=couriers-only")

    assert {each["name"]: each["state"] for each in narrowed.answer()["checks"]}["exec policy"] == "ok"


def checking(stack: Stack) -> Job:
    return stack.job("full", args=("check",), NEO4J_BACKUP_CHECK_POD=POD, NEO4J_BACKUP_CHECK_OUTPUT="json")


def failed_policy(stack: Stack) -> str:
    """Give what a check in the cluster finds wrong with the exec policy, "" where it doesn't."""
    job = checking(stack)
    job.until_ended()
    found = {each["name"]: each["message"] for each in job.answer()["checks"] if each["state"] == "failed"}
    return str(found.get("exec policy", ""))
