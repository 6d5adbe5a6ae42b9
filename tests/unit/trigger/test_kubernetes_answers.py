"""What an API server answers, in the user's words; against a scripted one: a real one seldom says these things."""

import dataclasses
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from shared.errors import ConfigurationError, TransportError
from tests.fakes.api_server import (
    CLOSE,
    STDERR,
    STDOUT,
    SUCCESS,
    Asked,
    Says,
    access_to,
    api_server,
    failure,
    frame,
    pod,
    refuses,
)
from tests.rig import wait_for
from trigger.transport.kubernetes import KubernetesTransport, Target
from trigger.transport.kubernetes_errors import NotAllowed, unreachable
from trigger.transport.protocol import Leaving, Misdirected, Replaced, Silence

pytest.importorskip("websocket")

THERE = Says(body=pod())
DONE = (frame(STDOUT), frame(STDOUT + b"done\n"), frame(SUCCESS), CLOSE)
ENDS = Says(frames=DONE)
OUT_OF_MEMORY = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}


class Scripted:
    """A transport to a scripted server, what that was asked, and what was told."""

    def __init__(self, address: str, asked: Asked, target: Target) -> None:
        self.asked = asked
        self.told: list[str] = []
        self.befell: list[str] = []
        self.transport = KubernetesTransport(
            target, tell=self.told.append, warn=self.befell.append, find=lambda: access_to(address)
        )

    def lines(self, *, begins: bool = False) -> list[bytes]:
        with self.transport.run(["probe"], begins=begins) as exchange:
            found = []
            while (line := exchange.read_line(5)) is not None:
                found.append(line)
            return found


Answering = Callable[..., Scripted]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Give a transport to a pod behind a server with these answers."""
    with ExitStack() as stack:

        def make(*script: Says, **target: str) -> Scripted:
            address, asked = stack.enter_context(api_server(*script))
            return Scripted(address, asked, Target(**(target or {"pod": "neo4j-0"})))

        yield make


def test_a_pod_is_looked_at_once_and_its_commands_are_asked_for_one_by_one(answering: Answering) -> None:
    scripted = answering(THERE, ENDS, ENDS)

    assert [scripted.lines(), scripted.lines()] == [[b"done"], [b"done"]]

    exec_path = (
        "/api/v1/namespaces/shop/pods/neo4j-0/exec?container=neo4j-backup-sidecar&stdin=true&stdout=true&stderr=true"
        "&tty=false&command=neo4j-backup-sidecar&command=probe"
    )
    assert scripted.asked.paths == ["/api/v1/namespaces/shop/pods/neo4j-0", exec_path, exec_path]
    assert set(scripted.asked.authorizations) == {"Bearer a-token"}


@pytest.mark.parametrize(("protocol", "ends_input"), [(0, True), (1, False)], ids=["v5", "v4"])
def test_standard_input_is_ended_where_the_api_server_knows_how(
    answering: Answering, protocol: int, ends_input: bool
) -> None:
    scripted = answering(THERE, Says(frames=(frame(STDOUT + b"first\n"),), protocol=protocol))

    with scripted.transport.run(["follow"]) as exchange:
        exchange.send(b"{}\n")
        assert exchange.read_line(5) == b"first"

    # The server tells of all that it was sent once the connection has ended.
    wait_for(lambda: b"{}\n" in scripted.asked.sent, 10)
    # An API server before 1.30 ends it with the connection, and would take the message for data.
    assert (b"\xff\x00" in scripted.asked.sent) is ends_input


def test_names_are_no_paths(answering: Answering) -> None:
    scripted = answering(refuses(404, "NotFound", "no such pod"), pod="../../secrets", namespace="a/b")

    with pytest.raises(Misdirected):
        scripted.lines()

    assert scripted.asked.paths == ["/api/v1/namespaces/a%2Fb/pods/..%2F..%2Fsecrets"]


def test_by_labels_the_only_pod_is_taken_and_told_once(answering: Answering) -> None:
    scripted = answering(Says(body={"items": [pod("shop-0")]}), ENDS, ENDS, selector="app=shop")

    scripted.lines()
    scripted.lines()

    assert scripted.told == ["The sidecar is in the pod shop-0 of the namespace shop, found by app=shop"]
    assert scripted.transport.describe() == "the pod shop-0"
    assert scripted.asked.paths[0] == "/api/v1/namespaces/shop/pods?labelSelector=app%3Dshop&limit=20"


@pytest.mark.parametrize(
    ("namespace", "told"), [(None, ["The sidecar is in the pod neo4j-0 of the namespace shop"]), ("shop", [])]
)
def test_of_a_pod_that_is_named_its_namespace_is_told_where_that_was_not(
    answering: Answering, namespace: str | None, told: list[str]
) -> None:
    scripted = answering(THERE, ENDS, pod="neo4j-0", namespace=namespace)

    scripted.lines()

    assert scripted.told == told


def test_among_several_pods_none_is_chosen_whichever_is_ready(answering: Answering) -> None:
    broken = pod("shop-1", state={"waiting": {"reason": "CrashLoopBackOff"}})
    scripted = answering(Says(body={"items": [pod("shop-0"), broken]}), selector="app=shop")

    with pytest.raises(
        ConfigurationError, match="matches more than one pod in the namespace shop: shop-0, shop-1"
    ) as no:
        scripted.lines()

    assert no.value.hint == "Name one, and the same each time: --pod shop-0"


def test_labels_that_no_pod_has_are_told_with_the_command_that_shows_them(answering: Answering) -> None:
    with pytest.raises(Misdirected, match="no pod in the namespace shop matches app=shop") as error:
        answering(Says(body={"items": []}), selector="app=shop").lines()

    assert "`kubectl -n shop get pods --show-labels`" in error.value.hint
    assert "`kubectl get pods -A -l app=shop`" in error.value.hint


def test_a_pod_that_is_not_there_is_told(answering: Answering) -> None:
    with pytest.raises(Misdirected, match="there is no pod neo4j-0 in the namespace shop") as error:
        answering(refuses(404, "NotFound", 'pods "neo4j-0" not found')).lines()

    assert "`kubectl -n shop get pods`" in error.value.hint
    assert "`kubectl get pods -A --field-selector metadata.name=neo4j-0`" in error.value.hint


def test_a_server_that_is_no_api_server_is_no_missing_pod(answering: Answering) -> None:
    with pytest.raises(TransportError, match=r"doesn't read the pod neo4j-0 \(404\): <html>") as error:
        answering(Says(404, "<html>nothing here</html>")).lines()

    assert error.value.hint.startswith("Is it an API server? `kubectl ")
    assert not isinstance(error.value, Misdirected)


def test_a_container_that_is_not_there_is_told_with_those_that_are(answering: Answering) -> None:
    with pytest.raises(Misdirected, match="has no container sidecar; it has neo4j-backup-sidecar, neo4j"):
        answering(THERE, pod="neo4j-0", container="sidecar").lines()


def test_a_container_that_does_not_run_yet_is_worth_waiting_for(answering: Answering) -> None:
    waiting = Says(body=pod(state={"waiting": {"reason": "ContainerCreating"}}))
    scripted = answering(waiting, THERE, ENDS)

    with pytest.raises(TransportError, match="is not running: ContainerCreating") as error:
        scripted.lines()

    assert not isinstance(error.value, Misdirected)
    assert "`kubectl -n shop describe pod neo4j-0`" in error.value.hint
    assert scripted.lines() == [b"done"]


def test_a_container_that_crashes_shows_its_log_and_one_without_memory_what_to_set(answering: Answering) -> None:
    loop = {"waiting": {"reason": "CrashLoopBackOff"}}
    crashing = Says(body=pod(state=loop, lastState={"terminated": {"reason": "Error", "exitCode": 5}}))
    starved = Says(body=pod(state=loop, lastState=OUT_OF_MEMORY))
    scripted = answering(crashing, starved)

    with pytest.raises(TransportError, match=r"its last run ended with 5 \(Error\)") as crash:
        scripted.lines()
    with pytest.raises(TransportError, match=r"killed for want of memory \(its limit is 1Gi\)") as hunger:
        scripted.lines()

    assert "`kubectl -n shop logs --previous neo4j-0 -c neo4j-backup-sidecar`" in crash.value.hint
    assert "resources.limits.memory" in hunger.value.hint


def test_a_container_that_was_restarted_for_want_of_memory_is_told_with_what_to_set(answering: Answering) -> None:
    cut = Says(frames=(frame(STDOUT + b"first\n"),))
    again = Says(body=pod(restartCount=1, lastState=OUT_OF_MEMORY))
    scripted = answering(THERE, cut, again, ENDS)

    with pytest.raises(TransportError, match="the connection to the pod neo4j-0 broke"):
        scripted.lines()
    assert scripted.lines() == [b"done"]

    [befell] = scripted.befell
    assert "killed for want of memory (its limit is 1Gi) and started again. Raise resources.limits.memory" in befell


def test_a_container_that_was_restarted_otherwise_shows_its_log(answering: Answering) -> None:
    again = Says(body=pod(restartCount=1, lastState={"terminated": {"reason": "Completed", "exitCode": 0}}))
    scripted = answering(THERE, Says(frames=(frame(STDOUT + b"first\n"),)), again, ENDS)

    with pytest.raises(TransportError):
        scripted.lines()
    scripted.lines()

    assert "ended (Completed, 0) and was started again" in scripted.befell[0]


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (Says(body=pod(uid="u2")), "was replaced by another of the same name"),
        (refuses(404, "NotFound", "not found"), "was deleted"),
        (Says(body={**pod(), "status": {"phase": "Failed", "reason": "Evicted"}}), r"has ended \(Evicted\)"),
    ],
)
def test_a_pod_that_was_reached_and_is_gone_ends_the_wait(answering: Answering, now: Says, words: str) -> None:
    scripted = answering(THERE, Says(frames=(frame(STDOUT + b"first\n"),)), now)
    with pytest.raises(TransportError):
        scripted.lines()

    with pytest.raises(Replaced, match=words):
        scripted.lines()


def test_a_pod_that_was_never_reached_may_be_replaced(answering: Answering) -> None:
    scripted = answering(THERE, Says(frames=()), Says(body=pod(uid="u2")), ENDS)

    with pytest.raises(TransportError):
        scripted.lines()

    assert scripted.lines() == [b"done"]


def of_a_stateful_set(document: dict[str, Any]) -> dict[str, Any]:
    document["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": "neo4j", "controller": True}]
    return document


@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize(
    ("first", "words"),
    [("being deleted", r"shop-0 \(being deleted\), shop-1$"), ("ended", r"shop-0 \(has ended\), shop-1$")],
)
def test_another_server_of_a_stateful_set_is_no_successor(
    answering: Answering, first: str, words: str, begins: bool
) -> None:
    gone = being_deleted("shop-0") if first == "being deleted" else ended_pod("shop-0")
    scripted = answering(
        Says(body={"items": [of_a_stateful_set(gone), of_a_stateful_set(pod("shop-1"))]}), selector="app=shop"
    )

    with pytest.raises(ConfigurationError, match=words) as error:
        scripted.lines(begins=begins)

    assert error.value.hint.startswith("Name one")


def test_another_server_is_not_taken_where_the_one_that_was_seen_is_away_for_a_moment(answering: Answering) -> None:
    waiting = of_a_stateful_set(pod("shop-0", state={"waiting": {"reason": "ContainerCreating"}}))
    other = of_a_stateful_set(pod("shop-1"))
    scripted = answering(Says(body={"items": [waiting]}), Says(body={"items": [other]}), selector="app=shop")
    with pytest.raises(TransportError, match="is not running"):
        scripted.lines()

    with pytest.raises(ConfigurationError, match="more than one pod in the namespace shop"):
        scripted.lines()


def ended_pod(name: str) -> dict[str, Any]:
    return {**pod(name, f"of-{name}"), "status": {"phase": "Failed", "reason": "Evicted"}}


def being_deleted(name: str) -> dict[str, Any]:
    document = pod(name)
    document["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"
    return document


def leaving_pod() -> Says:
    return Says(body=being_deleted("neo4j-0"))


def test_a_pod_that_was_reached_and_is_gone_is_told_once_and_its_successor_found(answering: Answering) -> None:
    scripted = answering(THERE, ENDS, Says(body=pod(uid="u2")), Says(body=pod(uid="u2")), ENDS)
    scripted.lines()

    with pytest.raises(Replaced):
        scripted.lines(begins=True)

    assert scripted.lines(begins=True) == [b"done"]


def test_in_a_pod_that_is_being_deleted_nothing_is_begun_and_all_else_goes_on(answering: Answering) -> None:
    scripted = answering(leaving_pod(), leaving_pod(), ENDS, ENDS)

    with pytest.raises(Leaving, match="the pod neo4j-0 is being deleted, and a new request waits") as error:
        scripted.lines(begins=True)

    assert "`kubectl -n shop get pod neo4j-0`" in error.value.hint
    assert scripted.lines() == [b"done"]
    assert scripted.lines() == [b"done"]


def test_a_pod_that_is_being_deleted_is_seen_though_it_was_looked_at_before(answering: Answering) -> None:
    scripted = answering(THERE, ENDS, leaving_pod())
    scripted.lines(begins=True)

    with pytest.raises(Leaving):
        scripted.lines(begins=True)


@pytest.mark.parametrize(
    ("target", "none"),
    [({"pod": "neo4j-0"}, refuses(404, "NotFound", "no")), ({"selector": "app=x"}, Says(body={"items": []}))],
)
def test_the_successor_of_a_pod_that_was_seen_is_waited_for(
    answering: Answering, target: dict[str, str], none: Says
) -> None:
    def listed(document: Any) -> Says:
        return Says(body={"items": [document]} if "selector" in target else document)

    scripted = answering(listed(leaving_pod().body), none, listed(pod(uid="u2")), ENDS, **target)

    with pytest.raises(Leaving):
        scripted.lines(begins=True)
    with pytest.raises(TransportError, match="the pod neo4j-0 is gone, and its successor is not there yet") as error:
        scripted.lines(begins=True)

    assert not isinstance(error.value, Misdirected)
    assert scripted.lines(begins=True) == [b"done"]


def test_a_pod_that_has_ended_is_left_out_where_one_goes_on(answering: Answering) -> None:
    items = [ended_pod("shop-a"), pod("shop-b"), ended_pod("shop-c")]

    scripted = answering(Says(body={"items": items}), ENDS, selector="app=shop")

    assert scripted.lines() == [b"done"]
    assert scripted.transport.describe() == "the pod shop-b"


@pytest.mark.parametrize("first", [[ended_pod("a"), ended_pod("b")], [ended_pod("a"), pod("shop-b")], []])
def test_where_there_are_more_pods_than_one_answer_has_those_that_go_on_are_asked_for(
    answering: Answering, first: list[Any]
) -> None:
    page = Says(body={"metadata": {"continue": "a-word"}, "items": first})
    one = Says(body={"items": [pod("shop-b")]})
    two = Says(body={"items": [pod("shop-b"), pod("shop-c")]})

    found, refused = (answering(page, living, ENDS, selector="app=shop") for living in (one, two))

    assert found.lines() == [b"done"]
    assert found.transport.describe() == "the pod shop-b"
    living = "status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed"
    assert found.asked.paths[1] == f"/api/v1/namespaces/shop/pods?labelSelector=app%3Dshop&fieldSelector={living}"
    with pytest.raises(ConfigurationError, match=r"more than one pod in the namespace shop: shop-b, shop-c$"):
        refused.lines()


def test_more_pods_than_one_answer_has_that_have_all_ended_are_told_as_that(answering: Answering) -> None:
    page = Says(body={"metadata": {"continue": "a-word"}, "items": [ended_pod("shop-a"), ended_pod("shop-b")]})

    with pytest.raises(TransportError, match=r"the pod shop-a has ended: Evicted"):
        answering(page, Says(body={"items": []}), selector="app=shop").lines()


def test_of_very_many_pods_the_first_are_listed(answering: Answering) -> None:
    many = [pod(f"shop-{number}") for number in range(100, 150)]
    page = Says(body={"metadata": {"continue": "a-word"}, "items": many[:20]})

    with pytest.raises(ConfigurationError, match=r": shop-100, .*, shop-119 and 30 more$"):
        answering(page, Says(body={"items": many}), selector="app=shop").lines()


def test_several_that_go_on_are_refused_and_those_that_have_ended_not_listed(answering: Answering) -> None:
    items = [ended_pod("shop-a"), pod("shop-b"), pod("shop-c")]

    with pytest.raises(ConfigurationError, match=r"more than one pod in the namespace shop: shop-b, shop-c$"):
        answering(Says(body={"items": items}), selector="app=shop").lines()


def test_what_begins_waits_while_a_pod_and_its_successor_are_both_there(answering: Answering) -> None:
    both = Says(body={"items": [being_deleted("shop-a"), pod("shop-b", uid="2")]})
    scripted = answering(
        both, Says(body={"items": []}), Says(body={"items": [pod("shop-b", uid="2")]}), ENDS, selector="app=shop"
    )

    with pytest.raises(Leaving, match="the pod shop-a is still being deleted") as error:
        scripted.lines(begins=True)
    with pytest.raises(TransportError, match="the pod shop-a is gone, and its successor is not there yet"):
        scripted.lines(begins=True)

    assert scripted.lines(begins=True) == [b"done"]
    assert "--connect-for" in error.value.hint


def test_what_begins_nothing_does_not_guess_between_a_pod_and_its_successor(answering: Answering) -> None:
    scripted = answering(
        Says(body={"items": [being_deleted("shop-a"), pod("shop-b", uid="2")]}),
        Says(body={"items": [being_deleted("shop-a"), being_deleted("shop-b")]}),
        selector="app=shop",
    )

    with pytest.raises(ConfigurationError, match=r": shop-a \(being deleted\), shop-b$") as no:
        scripted.lines()
    with pytest.raises(ConfigurationError) as neither:
        scripted.lines()

    assert no.value.hint.endswith("--pod shop-b")
    assert neither.value.hint.endswith("--pod takes its name")


def test_what_follows_keeps_to_its_pod_beside_the_successor(answering: Answering) -> None:
    only = Says(body={"items": [pod("shop-a")]})
    scripted = answering(
        only, ENDS, refuses(500, "InternalError", "no"), Says(body=being_deleted("shop-a")), ENDS, selector="app=shop"
    )
    scripted.lines(begins=True)

    with pytest.raises(TransportError):
        scripted.lines()

    assert scripted.lines() == [b"done"]
    assert scripted.asked.paths[3].endswith("/pods/shop-a")


def test_pods_that_have_all_ended_are_waited_for_to_be_followed(answering: Answering) -> None:
    items = [ended_pod("shop-a"), ended_pod("shop-b")]

    with pytest.raises(TransportError, match=r"the pod shop-a has ended: Evicted") as error:
        answering(Says(body={"items": items}), selector="app=shop").lines()

    assert not isinstance(error.value, Misdirected)


@pytest.mark.parametrize(
    "no",
    [
        refuses(400, "BadRequest", "container neo4j-backup-sidecar is not valid for pod neo4j-0"),
        refuses(500, "InternalError", "unable to upgrade connection: container not found"),
        Says(404, "page not found"),
    ],
)
def test_after_an_exec_that_is_refused_the_pod_is_looked_at_again(answering: Answering, no: Says) -> None:
    scripted = answering(THERE, no, Says(body=pod(state={"waiting": {"reason": "CrashLoopBackOff"}})))
    with pytest.raises(TransportError):
        scripted.lines()

    with pytest.raises(TransportError, match="is not running: CrashLoopBackOff"):
        scripted.lines()


def test_a_pod_that_goes_between_two_execs_is_looked_for_again(answering: Answering) -> None:
    gone = refuses(404, "NotFound", "not found")
    scripted = answering(THERE, ENDS, gone, gone)
    scripted.lines()

    with pytest.raises(Replaced, match="was deleted"):
        scripted.lines()


def test_missing_rights_name_the_verb_and_the_command_that_asks_for_it(answering: Answering) -> None:
    user = 'User "system:serviceaccount:shop:neo4j-backup"'
    said = f'pods "neo4j-0" is forbidden: {user} cannot create resource "pods/exec" in API group ""'
    scripted = answering(THERE, refuses(403, "Forbidden", said))

    with pytest.raises(NotAllowed, match='cannot create resource "pods/exec"') as error:
        scripted.lines()

    # By its name: a Role that gives the right for some pods doesn't give it for all.
    asked = "can-i create pods/neo4j-0 --subresource=exec --as system:serviceaccount:shop:neo4j-backup"
    assert f"`kubectl -n shop auth {asked}`" in error.value.hint


def test_missing_rights_on_pods_name_the_list(answering: Answering) -> None:
    said = 'pods is forbidden: User "me" cannot list resource "pods" in API group "" in the namespace "shop"'

    with pytest.raises(NotAllowed, match="Kubernetes doesn't let us list the pods of app=shop") as error:
        answering(refuses(403, "Forbidden", said), selector="app=shop").lines()

    assert "`kubectl -n shop auth can-i list pods --as me`" in error.value.hint


def test_a_policy_s_refusal_comes_with_its_message(answering: Answering) -> None:
    with pytest.raises(NotAllowed, match=r"a policy of the cluster doesn't let us .* only couriers may run here"):
        answering(THERE, refuses(422, "Invalid", "only couriers may run here")).lines()


@pytest.mark.parametrize(("status", "reason"), [(403, "Forbidden"), (400, "BadRequest"), (422, "Invalid")])
def test_an_exec_that_a_webhook_refuses_is_no_matter_of_rights_and_not_asked_again(
    answering: Answering, status: int, reason: str
) -> None:
    said = 'admission webhook "no-exec.example.com" denied the request: nobody runs anything here'

    with pytest.raises(NotAllowed, match=r"^a webhook of the cluster doesn't let us run .* runs anything here$") as no:
        answering(THERE, refuses(status, reason, said)).lines()

    assert no.value.hint == "`kubectl get validatingwebhookconfigurations` shows whose it is."
    assert no.value.policy == ""


@pytest.mark.parametrize(
    "no",
    [
        refuses(500, "InternalError", 'failed calling webhook "no-exec.example.com": connection refused'),
        refuses(429, "TooManyRequests", 'admission webhook "no-exec.example.com" denied the request: slow down'),
        refuses(400, "BadRequest", "container neo4j-backup-sidecar is not valid for pod neo4j-0"),
    ],
)
def test_an_exec_that_may_be_let_through_the_next_time_is_asked_for_again(answering: Answering, no: Says) -> None:
    with pytest.raises(TransportError) as error:
        answering(THERE, no).lines()

    assert not isinstance(error.value, Misdirected)


def test_labels_that_are_none_are_told_as_that_and_not_asked_for_again(answering: Answering) -> None:
    said = "unable to parse requirement: found '=', expected: identifier"

    with pytest.raises(Misdirected, match=r"can't read the labels app==shop==: unable to parse") as error:
        answering(refuses(400, "BadRequest", said), selector="app==shop==").lines()

    assert error.value.hint.startswith("--selector takes KEY=VALUE")
    assert "`kubectl -n shop get pods -l app==shop==`" in error.value.hint


def test_a_page_in_an_api_server_s_place_is_no_word_on_the_labels(answering: Answering) -> None:
    with pytest.raises(TransportError, match=r"\(400\): <html>") as error:
        answering(Says(400, "<html>bad request</html>"), selector="app=shop").lines()

    assert not isinstance(error.value, Misdirected)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_or_broken_is_asked_again(answering: Answering, status: int) -> None:
    with pytest.raises(TransportError, match=rf"could not run .* now \({status}\)") as error:
        answering(THERE, refuses(status, "TooManyRequests", "slow down")).lines()

    assert not isinstance(error.value, Misdirected)


def test_credentials_that_are_refused_are_read_once_more(answering: Answering) -> None:
    scripted = answering(refuses(401, "Unauthorized", "Unauthorized"), THERE, refuses(401, "Unauthorized", "no"), ENDS)

    assert scripted.lines() == [b"done"]


def test_credentials_that_stay_refused_are_told(answering: Answering) -> None:
    no = refuses(401, "Unauthorized", "Unauthorized")

    with pytest.raises(Misdirected, match="takes no credentials of the test") as error:
        answering(no, no).lines()

    # In a pod nobody types anything: whoever reads its log is known to the API server by other credentials.
    assert "whoami" not in error.value.hint
    assert "`kubectl -n shop get serviceaccounts`" in error.value.hint


def test_credentials_of_a_kubeconfig_that_stay_refused_are_told_with_the_command_that_shows_it() -> None:
    no = refuses(401, "Unauthorized", "Unauthorized")
    with api_server(no, no) as (address, _):
        access = dataclasses.replace(access_to(address), context="prod")
        with pytest.raises(Misdirected) as error:
            KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access).run(["probe"])

    assert "`kubectl --context prod -n shop auth whoami`" in error.value.hint


def test_a_pod_that_does_not_reach_the_api_server_is_told_with_what_shows_why() -> None:
    with api_server() as (address, _):
        access = access_to(address)
    transport = KubernetesTransport(Target(pod="neo4j-0", namespace="elsewhere"), find=lambda: access)

    with pytest.raises(TransportError) as error:
        transport.run(["probe"])

    # The policies that hold a pod back are those of its own namespace.
    assert "`kubectl -n shop get networkpolicies`" in error.value.hint
    address_of = "`kubectl -n default get endpointslices -l kubernetes.io/service-name=kubernetes`"
    assert address_of in error.value.hint
    assert "cluster-info" not in error.value.hint


def test_a_redirect_is_not_followed_with_our_token(answering: Answering) -> None:
    with api_server(ENDS) as (elsewhere, asked):
        led = Says(302, location=f"{elsewhere.replace('http', 'ws')}/exec")

        with pytest.raises(TransportError):
            answering(THERE, led).lines()

    assert asked.paths == []


def test_a_command_that_is_not_there_is_told(answering: Answering) -> None:
    said = 'OCI runtime exec failed: exec: "neo4j-backup-sidecar": executable file not found in $PATH: unknown'

    with pytest.raises(Misdirected, match="of the pod neo4j-0 has no neo4j-backup-sidecar that can be executed"):
        answering(THERE, Says(frames=(frame(failure(said)), CLOSE))).lines()


def test_a_container_that_ends_between_the_look_and_the_exec_is_looked_at_again(answering: Answering) -> None:
    ended = Says(frames=(frame(failure('unable to upgrade connection: container not found ("x")')), CLOSE))
    scripted = answering(THERE, ended, THERE, ENDS)

    with pytest.raises(TransportError, match="is not running") as error:
        scripted.lines()

    assert not isinstance(error.value, Misdirected)
    assert scripted.lines() == [b"done"]


def test_a_node_that_can_not_start_a_command_is_no_wrong_container(answering: Answering) -> None:
    said = "OCI runtime exec failed: fork: resource temporarily unavailable"

    with pytest.raises(TransportError, match=r"can't be started .* resource temporarily unavailable") as error:
        answering(THERE, Says(frames=(frame(failure(said)), CLOSE))).lines()

    assert not isinstance(error.value, Misdirected)


def test_a_runtime_s_other_words_are_quoted_and_name_no_missing_program(answering: Answering) -> None:
    said = 'OCI runtime exec failed: chdir to cwd ("/x\x1b[2J") failed: no such file or directory' + "!" * 1000

    with pytest.raises(TransportError, match=r"can't be started .*: OCI runtime .* no such file") as error:
        answering(THERE, Says(frames=(frame(failure(said)), CLOSE))).lines()

    assert not isinstance(error.value, Misdirected)
    assert error.value.message.isprintable()
    assert len(error.value.message) < 600
    by_hand = "`kubectl -n shop exec neo4j-0 -c neo4j-backup-sidecar -- neo4j-backup-sidecar version`"
    assert by_hand in error.value.hint


def test_what_a_shell_says_in_the_program_s_place_is_quoted(answering: Answering) -> None:
    absent = failure("command terminated", causes=[{"reason": "ExitCode", "message": "127"}])
    said = frame(STDERR + b"env: python3: No such file or directory\n")

    with pytest.raises(Misdirected, match=r"that can be executed: env: python3: No such file or directory$"):
        answering(THERE, Says(frames=(said, frame(absent), CLOSE))).lines()


def test_an_exit_status_other_than_zero_is_told_and_the_pod_looked_at_again(answering: Answering) -> None:
    killed = failure("command terminated", causes=[{"reason": "ExitCode", "message": "137"}])
    scripted = answering(THERE, Says(frames=(frame(STDERR + b"no\n"), frame(killed), CLOSE)), THERE, ENDS)

    with scripted.transport.run(["probe"]) as exchange:
        assert exchange.read_line(5) is None
        assert exchange.exit_status == 137
        assert exchange.stderr == "no\n"
    scripted.lines()

    assert [path.partition("?")[0].rpartition("/")[2] for path in scripted.asked.paths] == ["neo4j-0", "exec"] * 2


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (b"", "it ended without the command's exit status"),
        (b"\x03nonsense", "exit status can't be read"),
        (b'\x03["x"]', "exit status can't be read"),
        (b'\x03{"status":"Failure","details":{"causes":[{"reason":"ExitCode"}]}}', "exit status can't be read"),
        (b'\x03{"details":{"causes":[{"reason":"ExitCode","message":null}]}}', "exit status can't be read"),
        (b'\x03{"status":"Failure","details":{"causes":[7]}}', "no reason given"),
    ],
)
def test_a_stream_without_a_readable_exit_status_is_an_error_of_the_way_there(
    answering: Answering, status: bytes, words: str
) -> None:
    with pytest.raises(TransportError, match=words):
        answering(THERE, Says(frames=(frame(STDOUT), *([frame(status)] if status else []), CLOSE))).lines()


def test_frames_may_be_fragments_with_pings_between_them(answering: Answering) -> None:
    pieces = (
        frame(STDOUT + b"gr\xc3", last=False),
        frame(b"ping", opcode=9),
        frame(b"\xbcn\nse", opcode=0, last=False),
        frame(b"cond\n", opcode=0),
        frame(b"\x07a channel of a later protocol"),
        frame(SUCCESS),
        CLOSE,
    )

    assert answering(THERE, Says(frames=pieces)).lines() == ["grün".encode(), b"second"]


def test_half_a_frame_holds_nobody_up_and_its_other_half_is_not_lost(answering: Answering) -> None:
    whole = frame(STDOUT + b"slow\n")
    scripted = answering(THERE, Says(frames=(whole[:4], whole[4:], frame(SUCCESS), CLOSE), pause=0.4))

    with scripted.transport.run(["probe"]) as exchange:
        with pytest.raises(Silence):
            exchange.read_line(0.1)
        assert exchange.read_line(5) == b"slow"


def test_a_proxy_is_asked_for_a_tunnel_with_its_own_credentials() -> None:
    with api_server(THERE, ENDS) as (proxy, asked):
        access = access_to("http://cluster.test:6443", proxy=proxy.replace("//", "//me:s%40crét@"))
        transport = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access)

        with transport.run(["probe"]) as exchange:
            assert exchange.read_line(5) == b"done"

    assert [path.partition("?")[0] for path in asked.paths] == [
        "CONNECT cluster.test:6443",
        "/api/v1/namespaces/shop/pods/neo4j-0",
        "CONNECT cluster.test:6443",
        "/api/v1/namespaces/shop/pods/neo4j-0/exec",
    ]
    assert asked.authorizations[0] == "Basic bWU6c0BjcsOpdA=="


def test_a_server_of_ipv6_may_have_no_port() -> None:
    with api_server(THERE, ENDS) as (proxy, asked):
        access = access_to("http://[fd00::a]", proxy=proxy)
        with KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access).run(["probe"]) as exchange:
            assert exchange.read_line(5) == b"done"

    assert asked.paths[0] == "CONNECT [fd00::a]:80"


def test_a_server_below_a_path_is_found_there(answering: Answering) -> None:
    with api_server(THERE, ENDS) as (address, asked):
        transport = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access_to(f"{address}/k8s/clusters/c-1"))
        with transport.run(["probe"]) as exchange:
            assert exchange.read_line(5) == b"done"

    assert all(path.startswith("/k8s/clusters/c-1/api/v1/") for path in asked.paths)


def test_no_server_and_no_name_are_told_apart() -> None:
    with api_server() as (closed, _):
        pass
    nowhere = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access_to(closed))
    unnamed = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access_to("http://nobody.invalid:6443"))

    with pytest.raises(TransportError, match="can't be reached: Connection refused"):
        nowhere.run(["probe"])
    with pytest.raises(TransportError, match=r"nobody\.invalid, from the test, is not known here"):
        unnamed.run(["probe"])


def test_a_proxy_whose_name_is_not_known_is_told_as_the_proxy_s() -> None:
    access = access_to("http://cluster.test:6443", proxy="http://me:s3cr3t@proxy.invalid:3128")

    with pytest.raises(TransportError) as error:
        KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access).run(["probe"])

    told = (
        "the name of the proxy proxy.invalid, by which the API server cluster.test:6443 is reached, is not known here"
    )
    assert error.value.message == told
    assert {"HTTPS_PROXY,", "NO_PROXY"} <= set(error.value.hint.split())
    assert "s3cr3t" not in error.value.hint


def test_a_token_that_http_refuses_is_told_nobody() -> None:
    with api_server() as (address, _):
        transport = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access_to(address, token="s3cr3t\n"))

        with pytest.raises(TransportError, match="can't be reached") as error:
            transport.run(["probe"])

    assert "s3cr3t" not in str(error.value) + error.value.hint


def test_the_context_is_a_part_of_the_commands_that_are_shown(answering: Answering) -> None:
    with api_server(Says(body={"items": []})) as (address, _):
        access = dataclasses.replace(access_to(address), context="prod eu")
        transport = KubernetesTransport(Target(selector="app=x"), find=lambda: access)
        with pytest.raises(Misdirected) as error:
            transport.run(["probe"])

    assert "`kubectl --context 'prod eu' -n shop get pods --show-labels`" in error.value.hint
    closed = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access)
    with pytest.raises(TransportError) as unreached:
        closed.run(["probe"])
    assert unreached.value.hint == "`kubectl --context 'prod eu' cluster-info` has to work first."


@pytest.mark.parametrize(
    ("server", "place"),
    [
        ("https://cluster.test", "cluster.test:443"),
        ("https://cluster.test:6443", "cluster.test:6443"),
        ("https://[fd00::1]", "'[fd00::1]:443'"),
        ("https://[fd00::1]:6443/k8s", "'[fd00::1]:6443'"),
    ],
)
def test_openssl_is_told_the_port_where_it_would_take_another(server: str, place: str) -> None:
    error = unreachable(ssl.SSLCertVerificationError("self-signed"), access_to(server))

    assert f"`openssl s_client -connect {place} -showcerts`" in error.hint


def test_hostile_words_of_a_server_reach_no_terminal(answering: Answering) -> None:
    with pytest.raises(TransportError) as error:
        answering(refuses(403, "Forbidden", 'User "\x1b[2Jroot" cannot get\x07')).lines()

    assert error.value.message.isprintable()
    assert error.value.hint.isprintable()
