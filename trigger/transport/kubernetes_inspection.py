"""The links to the pod that ``check`` looks at one by one, and the exec that isn't to be let through."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from shared.errors import BackupError, TransportError
from shared.protocol import Check, CheckState
from shared.text import printable
from trigger.transport.kubernetes_pod import Pod

if TYPE_CHECKING:
    from trigger.transport.kubernetes_cluster import Cluster

API_SERVER = "transport: API server"
RIGHTS = "transport: rights"
POD = "transport: pod"
POLICY = "exec policy"
POLICY_NAME = "neo4j-backup-exec"
FORBIDDEN = "help"
"""What is tried although no trigger asks for it: no courier, and harmless where it is let through."""
HARMLESS = "probe"
"""What is tried in another container: a courier, which changes nothing, and which isn't there."""
_SERVICE_ACCOUNT = "system:serviceaccount:"
_CREATE_SINCE = (1, 35)
_VERSION = re.compile(r"v(\d+)\.(\d+)")

Right = tuple[str, str, str]
"""Verb, subresource of pods, and the pod's name; "" for none, and for every pod."""


def inspect(
    opened: Callable[[], "Cluster"], look: Callable[["Cluster"], Pod], named: str | None, command: Sequence[str]
) -> Iterator[Check]:
    """Give each check as it is made; the first link that is broken is the last.

    ``look`` finds the pod, ``named`` is its name where it isn't looked for; ``command`` is our program in it.
    """
    step = API_SERVER
    try:
        cluster = opened()
        version, who = cluster.version(), cluster.who()
        server = printable(cluster.place.access.server.netloc, 200)
        yield _ok(step, f"{server} is Kubernetes {printable(version, 40)}{f', and we are {who}' if who else ''}")
        step = RIGHTS
        if failed := _missing(cluster, who, [("list", "", "")] if named is None else [("get", "", named)]):
            yield failed
            return
        step = POD
        pod = look(cluster)
        runs = f"{printable(pod.name, 200)} runs the container {printable(cluster.place.container, 200)}"
        yield _ok(step, f"{runs}, and is being deleted" if pod.leaving else runs)
        step = RIGHTS
        wanted = [("get", "", pod.name), ("get", "exec", pod.name)]
        if _is_since(version, _CREATE_SINCE):
            wanted.append(("create", "exec", pod.name))
        if failed := _missing(cluster, who, wanted):
            yield failed
            return
        yield _ok(step, "we may read the pod, and exec in it")
        if who.startswith(_SERVICE_ACCOUNT):
            yield _try_forbidden(cluster, pod, command)
    except BackupError as error:
        yield Check(name=step, state=CheckState.FAILED, message=error.message, hint=error.hint)


def _missing(cluster: "Cluster", who: str, wanted: Sequence[Right]) -> Check | None:
    """Give the check that failed for want of rights, None where all are there."""
    missing = [right for right in wanted if not cluster.may(right[0], "pods", right[1], right[2])]
    if not missing:
        return None
    told = ", ".join(f"{verb} pods{f'/{part}' if part else ''}" for verb, part, _ in missing)
    verb, part, name = missing[0]
    from trigger.transport.kubernetes_errors import rights

    hint = rights(verb, part, name, who, cluster.place)
    return Check(name=RIGHTS, state=CheckState.FAILED, message=f"we lack the right to {told}", hint=hint)


def _try_forbidden(cluster: "Cluster", pod: Pod, command: Sequence[str]) -> Check:
    """Try a command line that is no courier's, and a courier's in another container; give what came of both."""
    place = cluster.place
    other = next((name for name in pod.others if name != place.container), None)
    tries = [(place.container, [*command, FORBIDDEN])]
    if other is not None:
        tries.append((other, [*command, HARMLESS]))
    for container, words in tries:
        if (amiss := _tried(cluster, pod, container, words)) is not None:
            return amiss
    elsewhere = "" if other is None else f", and a courier's is in the container {printable(other, 200)}"
    return _ok(POLICY, f"what is no courier's command line is refused (tried: {' '.join(tries[0][1])}){elsewhere}")


def _tried(cluster: "Cluster", pod: Pod, container: str, words: Sequence[str]) -> Check | None:
    """Give what there is to say of one exec that the policy has to refuse, None where it did."""
    from trigger.transport.kubernetes_api import FAILURES
    from trigger.transport.kubernetes_errors import NotAllowed

    tried = f"{' '.join(words)} in the container {printable(container, 200)}"
    try:
        stream = cluster.exec(pod.name, words, container)
    except NotAllowed as error:
        # An overlay puts something before and behind its name.
        if POLICY_NAME in error.policy:
            return None
        said = f"{tried} is refused, but not by the policy {POLICY_NAME}: {error.message}"
        return Check(name=POLICY, state=CheckState.UNKNOWN, message=said, hint=_APPLY)
    except TransportError as error:
        said = f"{tried} could not be tried: {error.message}"
        return Check(name=POLICY, state=CheckState.UNKNOWN, message=said, hint=error.hint)
    if stream is None:
        said = f"{tried} could not be tried: the pod was not there for a moment"
        return Check(name=POLICY, state=CheckState.UNKNOWN, message=said, hint="Ask again.")
    with contextlib.suppress(*FAILURES):
        stream.shutdown()  # type: ignore[no-untyped-call]
    return Check(
        name=POLICY,
        state=CheckState.FAILED,
        message=f"we may exec more than the couriers: {tried} was let through",
        hint=f"{_APPLY}: whoever has its token may run anything in the pods that it may exec into.",
    )


def _ok(name: str, message: str) -> Check:
    return Check(name=name, state=CheckState.OK, message=message)


def _is_since(version: str, since: tuple[int, int]) -> bool:
    found = _VERSION.match(version)
    return found is None or (int(found[1]), int(found[2])) >= since


_APPLY = "Apply manifests/components/exec-policy, and see that our account has the label neo4j-backup/exec"
