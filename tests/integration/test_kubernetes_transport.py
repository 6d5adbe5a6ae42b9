"""The Kubernetes transport against a real cluster: what it says where something is missing, cut, replaced or killed."""

import base64
import contextlib
import dataclasses
import json
import ssl
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.errors import ConfigurationError, TransportError
from tests import kube
from tests.peers import IMAGE, PROGRAM, until_none
from tests.relay import relay
from trigger.transport.kubernetes import KubernetesTransport, Target
from trigger.transport.kubernetes_access import Access, in_cluster, open_access
from trigger.transport.kubernetes_errors import NotAllowed
from trigger.transport.protocol import Leaving, Misdirected, Replaced, Silence

pytestmark = pytest.mark.kubernetes
PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
EXEC = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]}


@pytest.fixture(scope="module")
def cluster() -> Access:
    return open_access(None, {"KUBECONFIG": kube.kubeconfig()})


@pytest.fixture(scope="module")
def shop(cluster: Access) -> Iterator[str]:
    """Give a namespace with a server whose sidecar is the peer, and one whose image isn't there."""
    kube.load_image(IMAGE)
    with kube.namespace() as namespace:
        absent = {**kube.container("neo4j"), "image": "example.test/not-there:1"}
        kube.apply(
            namespace,
            *kube.peer_documents("shop-0", {"app": "shop", "server": "0"}),
            *kube.peer_documents(
                "shop-1", {"app": "shop"}, initContainers=[], containers=[{**absent, "name": PROGRAM}]
            ),
        )
        for container in (PROGRAM, "neo4j"):
            kube.await_running(namespace, "shop-0", container)
        kube.until(lambda: _waits_for(namespace, "shop-1") == "ErrImageNeverPull", "the lack of shop-1's image")
        yield namespace


@pytest.fixture
def account(shop: str, cluster: Access, tmp_path: Path) -> Iterator[Callable[..., Access]]:
    """Give the access of a service account with these rules, as it lies in a pod of it."""
    made: list[str] = []

    def make(*rules: kube.Document) -> Access:
        name = f"account-{uuid.uuid4().hex[:6]}"
        made.append(name)
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"kind": "ServiceAccount", "name": name, "namespace": shop}
        group = "rbac.authorization.k8s.io/v1"
        kube.apply(
            shop,
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
            {"apiVersion": group, "kind": "Role", "metadata": {"name": name}, "rules": list(rules)},
            {
                "apiVersion": group,
                "kind": "RoleBinding",
                "metadata": {"name": name},
                "roleRef": reference,
                "subjects": [subject],
            },
        )
        return in_cluster(*service_account(tmp_path / name, cluster, shop, name))

    yield make
    for name in made:
        kube.kubectl("-n", shop, "delete", "rolebinding,role,serviceaccount", name)


def service_account(folder: Path, cluster: Access, namespace: str, name: str) -> tuple[dict[str, str], str]:
    """Lay out a service account's token as a pod has it; gives its environment and the folder."""
    folder.mkdir()
    config = kube.get(namespace, "configmap", "kube-root-ca.crt")
    (folder / "ca.crt").write_text(config["data"]["ca.crt"])
    (folder / "namespace").write_text(namespace)
    (folder / "token").write_text(kube.kubectl("-n", namespace, "create", "token", name))
    server = cluster.server
    return (
        {"KUBERNETES_SERVICE_HOST": server.hostname or "", "KUBERNETES_SERVICE_PORT": str(server.port)},
        str(folder),
    )


def account_of(access: Access) -> str:
    """Give the name that a service account's token stands for."""
    claims = access.authorization().split(".")[1]
    found: str = json.loads(base64.urlsafe_b64decode(claims + "=="))["sub"]
    return found


def to(access: Access, namespace: str, **target: str) -> KubernetesTransport:
    chosen = Target(namespace=namespace, **(target or {"pod": "shop-0"}))
    return KubernetesTransport(chosen, find=lambda: access)


def telling(access: Access, namespace: str, told: list[str], **target: str) -> KubernetesTransport:
    return KubernetesTransport(Target(namespace=namespace, **target), tell=told.append, find=lambda: access)


def lines(transport: KubernetesTransport, arguments: Sequence[str] = ("lines",)) -> list[bytes]:
    with transport.run(arguments) as exchange:
        found = []
        while (line := exchange.read_line(15)) is not None:
            found.append(line)
        return found


def reach(transport: KubernetesTransport) -> None:
    assert lines(transport) == [b"line 1", b"line 2", b"line 3"]


def test_a_service_account_with_the_role_s_rights_reaches_the_sidecar(
    shop: str, account: Callable[..., Access]
) -> None:
    reach(to(account(PODS, EXEC), shop))


def test_a_token_that_rotates_is_read_again(shop: str, account: Callable[..., Access], tmp_path: Path) -> None:
    access = account(PODS, EXEC)
    [token] = tmp_path.glob("account-*/token")
    good = token.read_text()
    transport = to(access, shop)
    reach(transport)

    token.write_text("an-old-one")
    with pytest.raises(Misdirected, match="takes no credentials of this pod's service account"):
        transport.run(["lines"])
    token.write_text(good)

    reach(transport)


def test_by_labels_the_pod_is_told_and_several_are_refused(shop: str, cluster: Access) -> None:
    told: list[str] = []

    reach(telling(cluster, shop, told, selector="server=0"))
    with pytest.raises(ConfigurationError, match=r"more than one pod .* shop-0, shop-1"):
        to(cluster, shop, selector="app=shop").run(["lines"])

    assert told == [f"The sidecar is in the pod shop-0 of the namespace {shop}, found by server=0"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"pod": "shop-9"}, "there is no pod shop-9"),
        ({"selector": "app=other"}, "no pod in the namespace .* matches app=other"),
        ({"pod": "shop-0", "container": "sidecar"}, "has no container sidecar; it has neo4j-backup-sidecar, neo4j"),
        ({"pod": "shop-0", "container": "neo4j"}, "of the pod shop-0 has no neo4j-backup-sidecar"),
    ],
)
def test_what_is_not_there_is_told_by_its_name(shop: str, cluster: Access, target: dict[str, str], words: str) -> None:
    with pytest.raises(Misdirected, match=words):
        lines(to(cluster, shop, **target))


def test_a_selector_that_is_none_is_told(shop: str, cluster: Access) -> None:
    with pytest.raises(Misdirected, match="can't read the labels a=b=c"):
        to(cluster, shop, selector="a=b=c").run(["lines"])


def test_a_container_that_can_not_start_says_why(shop: str, cluster: Access) -> None:
    with pytest.raises(TransportError, match="of the pod shop-1 is not running: ErrImageNeverPull") as error:
        to(cluster, shop, pod="shop-1").run(["lines"])

    assert not isinstance(error.value, Misdirected)
    assert f"`kubectl --context {cluster.context} -n {shop} describe pod shop-1`" in error.value.hint


@pytest.mark.parametrize(
    ("rules", "verb"),
    [
        ([], "get pods/shop-0"),
        ([EXEC], "get pods/shop-0"),
        ([PODS], "get pods/shop-0 --subresource=exec"),
        ([PODS, {**EXEC, "verbs": ["create"]}], "get pods/shop-0 --subresource=exec"),
    ],
)
def test_missing_rights_are_told_with_a_command_that_says_no_too(
    shop: str, account: Callable[..., Access], rules: list[kube.Document], verb: str
) -> None:
    with pytest.raises(NotAllowed, match="forbidden") as error:
        to(account(*rules), shop).run(["lines"])

    shown = error.value.hint.split("`")[1].split()
    assert shown[:-1] == ["kubectl", "-n", shop, "auth", "can-i", *verb.split(), "--as"]
    assert kube.kubectl(*shown[1:], check=False).strip() == "no"


def test_rights_on_the_named_pod_alone_are_enough(shop: str, account: Callable[..., Access]) -> None:
    only = {"resourceNames": ["shop-0"]}
    access = account({**PODS, "verbs": ["get"], **only}, {**EXEC, **only})

    reach(to(access, shop))
    with pytest.raises(NotAllowed) as error:
        to(access, shop, pod="shop-1").run(["lines"])
    shown = error.value.hint.split("`")[1].split()
    assert kube.kubectl(*shown[1:], check=False).strip() == "no"
    assert kube.kubectl(*(word.replace("shop-1", "shop-0") for word in shown[1:]), check=False).strip() == "yes"


def test_a_policy_s_refusal_is_told_with_its_message(shop: str, account: Callable[..., Access]) -> None:
    access = account(PODS, EXEC)
    user = account_of(access)
    group = "admissionregistration.k8s.io/v1"
    matched = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CONNECT"], "resources": ["pods/exec"]}]
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": matched},
        "matchConditions": [{"name": "who", "expression": f"request.userInfo.username == '{user}'"}],
        "validations": [{"expression": "object.command[1] != 'fails'", "message": "not that one"}],
    }
    kube.apply(
        shop,
        {"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": shop}, "spec": policy},
        {
            "apiVersion": group,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": shop},
            "spec": {"policyName": shop, "validationActions": ["Deny"]},
        },
    )
    try:
        transport = to(access, shop)

        def refusal() -> str:
            try:
                lines(transport, ["fails"])
            except NotAllowed as error:
                return error.message
            return ""

        # The API server looks at new policies now and then.
        kube.until(lambda: refusal().endswith("not that one"), "the policy's refusal", 30)
        reach(transport)
    finally:
        kube.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", shop)


def test_a_certificate_that_is_not_known_is_told(shop: str, cluster: Access) -> None:
    access = dataclasses.replace(cluster, tls=ssl.create_default_context())

    with pytest.raises(Misdirected, match=r"shows a certificate that the context .* doesn't trust"):
        to(access, shop).run(["lines"])


def test_a_stream_that_is_cut_is_told_and_opened_again(shop: str, cluster: Access) -> None:
    with relay(cluster.server.hostname or "", cluster.server.port or 443) as between:
        access = dataclasses.replace(cluster, server=urlsplit(f"https://127.0.0.1:{between.port}"))
        transport = to(access, shop)

        with transport.run(["holds"]) as exchange:
            assert exchange.read_line(15) == b"holding"
            between.cut()
            with pytest.raises(TransportError, match="the connection to the pod shop-0 broke"):
                exchange.read_line(15)

        reach(transport)
    assert until_none(lambda: kube.processes_in(shop, "shop-0")) == []


def test_a_connection_whose_other_side_is_gone_holds_nobody_up(shop: str, cluster: Access) -> None:
    with relay(cluster.server.hostname or "", cluster.server.port or 443) as between:
        access = dataclasses.replace(cluster, server=urlsplit(f"https://127.0.0.1:{between.port}"))

        with to(access, shop).run(["holds"]) as exchange:
            assert exchange.read_line(15) == b"holding"
            between.frozen.set()
            began = time.monotonic()
            with pytest.raises(Silence):
                exchange.read_line(0.3)
            exchange.close()
            took = time.monotonic() - began

    assert took < 5
    assert until_none(lambda: kube.processes_in(shop, "shop-0")) == []


def test_a_pod_that_is_deleted_or_replaced_ends_the_wait(shop: str, cluster: Access) -> None:
    kube.apply(shop, *kube.peer_documents("gone-0"))
    kube.await_running(shop, "gone-0")
    transport = to(cluster, shop, pod="gone-0")

    with transport.run(["holds"]) as exchange:
        assert exchange.read_line(15) == b"holding"
        began = time.monotonic()
        kube.kubectl("-n", shop, "delete", "pod", "gone-0", "--grace-period=0", "--force")
        with contextlib.suppress(TransportError):
            while exchange.read_line(30) is not None:
                pass
    with pytest.raises(Replaced, match="the pod gone-0 was deleted"):
        transport.run(["lines"])
    took = time.monotonic() - began
    with pytest.raises(TransportError, match="the pod gone-0 is gone, and its successor is not there yet"):
        transport.run(["lines"])

    kube.apply(shop, *kube.peer_documents("gone-0"))
    kube.await_running(shop, "gone-0")
    reach(transport)
    kube.kubectl("-n", shop, "delete", "pod", "gone-0", "--grace-period=0", "--force")
    kube.apply(shop, *kube.peer_documents("gone-0"))
    kube.await_running(shop, "gone-0")
    with pytest.raises(Replaced, match="was replaced by another of the same name"):
        transport.run(["lines"], begins=True)
    assert took < 30


def test_a_pod_that_is_being_deleted_is_left_for_its_successor_by_what_begins_alone(shop: str, cluster: Access) -> None:
    lasting = kube.container("neo4j", ["sh", "-c", "trap '' TERM; sleep 3600"])
    kube.apply(shop, *kube.peer_documents("leaves-0", containers=[lasting], terminationGracePeriodSeconds=120))
    for container in (PROGRAM, "neo4j"):
        kube.await_running(shop, "leaves-0", container)
    transport = to(cluster, shop, pod="leaves-0")
    try:
        with transport.run(["holds"], begins=True) as exchange:
            assert exchange.read_line(15) == b"holding"
            kube.kubectl("-n", shop, "delete", "pod", "leaves-0", "--wait=false")

            with pytest.raises(Leaving, match="the pod leaves-0 is being deleted"):
                transport.run(["lines"], begins=True)
            with pytest.raises(Silence):
                exchange.read_line(1)

        reach(transport)
        reach(to(cluster, shop, pod="leaves-0"))
    finally:
        kube.kubectl("-n", shop, "delete", "pod", "leaves-0", "--grace-period=0", "--force")


def test_a_container_that_is_killed_for_want_of_memory_is_told_with_what_to_set(shop: str, cluster: Access) -> None:
    command = ["sh", "-c", "until [ -e /tmp/now ]; do sleep 0.1; done; exec tail /dev/zero"]
    hungry = {**kube.container(PROGRAM, command), "resources": {"limits": {"memory": "48Mi"}}}
    [peer, pod] = kube.peer_documents("hungry-0")
    pod["spec"]["initContainers"][0] |= hungry
    kube.apply(shop, peer, pod)
    kube.await_running(shop, "hungry-0")
    befell: list[str] = []
    target = Target(namespace=shop, pod="hungry-0")
    transport = KubernetesTransport(target, warn=befell.append, find=lambda: cluster)
    reach(transport)

    kube.kubectl("-n", shop, "exec", "hungry-0", "-c", PROGRAM, "--", "touch", "/tmp/now")
    kube.until(lambda: _restarts(shop, "hungry-0") == 1, "the restart")
    kube.await_running(shop, "hungry-0")
    # A courier that fails, as one does without its daemon, is what has the pod looked at again.
    lines(transport, ["fails"])
    reach(transport)

    assert len(befell) == 1
    assert "was killed for want of memory (its limit is 48Mi) and started again" in befell[0]
    kube.kubectl("-n", shop, "delete", "pod", "hungry-0", "--grace-period=0", "--force")


def test_a_backup_costs_the_api_server_one_look_and_one_exec_for_each_courier(
    shop: str, account: Callable[..., Access]
) -> None:
    log = kube.KUBE / "log" / "audit.log"
    if not log.is_file():
        pytest.skip("this cluster has no audit log here")
    access = account(PODS, EXEC)
    transport = to(access, shop, selector="server=0")

    reach(transport)
    reach(transport)

    def asked() -> list[str]:
        user = account_of(access)
        events = [json.loads(line) for line in log.read_text().splitlines() if user in line]
        ours = {event["auditID"]: event["objectRef"] for event in events if event["user"]["username"] == user}
        return [reference.get("subresource") or reference["resource"] for reference in ours.values()]

    kube.until(lambda: len(asked()) >= 3, "the audit log's lines", 10)
    assert asked() == ["pods", "exec", "exec"]


def _waits_for(namespace: str, pod: str) -> str:
    """Give why the pod's container waits."""
    statuses = kube.get(namespace, "pod", pod)["status"].get("containerStatuses", [])
    return str(statuses[0]["state"].get("waiting", {}).get("reason", "")) if statuses else ""


def _restarts(namespace: str, pod: str) -> int:
    statuses = kube.get(namespace, "pod", pod)["status"].get("initContainerStatuses", [])
    return int(statuses[0]["restartCount"]) if statuses else 0
