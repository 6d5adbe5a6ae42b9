"""The links to the pod that ``check`` looks at one by one, and the exec that isn't to be let through."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from shared.errors import BackupError
from shared.protocol import Check, CheckState
from shared.text import printable
from trigger.transport.kubernetes_pod import Pod

if TYPE_CHECKING:
    from trigger.transport.kubernetes_cluster import Cluster

API_SERVER = "transport: API server"
RIGHTS = "transport: rights"
POD = "transport: pod"
POLICY = "exec policy"
FORBIDDEN = "help"
"""What is tried although no trigger asks for it: no courier, and harmless where it is let through."""
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
        yield _ok(step, f"{printable(pod.name, 200)} runs the container {printable(cluster.place.container, 200)}")
        step = RIGHTS
        wanted = [("get", "", pod.name), ("get", "exec", pod.name)]
        if _is_since(version, _CREATE_SINCE):
            wanted.append(("create", "exec", pod.name))
        if failed := _missing(cluster, who, wanted):
            yield failed
            return
        yield _ok(step, "we may read the pod, and exec in it")
        if who.startswith(_SERVICE_ACCOUNT):
            yield _try_forbidden(cluster, pod, [*command, FORBIDDEN])
    except BackupError as error:
        yield Check(name=step, state=CheckState.FAILED, message=error.message, hint=error.hint)


def _missing(cluster: "Cluster", who: str, wanted: Sequence[Right]) -> Check | None:
    """Give the check that failed for want of rights, None where all are there."""
    missing = [right for right in wanted if not cluster.may(right[0], "pods", right[1], right[2])]
    if not missing:
        return None
    told = ", ".join(f"{verb} pods{f'/{part}' if part else ''}" for verb, part, _ in missing)
    verb, part, _ = missing[0]
    from trigger.transport.kubernetes_errors import rights

    hint = rights(verb, part, who, cluster.place)
    return Check(name=RIGHTS, state=CheckState.FAILED, message=f"we lack the right to {told}", hint=hint)


def _try_forbidden(cluster: "Cluster", pod: Pod, command: Sequence[str]) -> Check:
    from trigger.transport.kubernetes_api import FAILURES
    from trigger.transport.kubernetes_errors import NotAllowed

    tried = " ".join(command)
    try:
        stream = cluster.exec(pod.name, command)
    except NotAllowed:
        return _ok(POLICY, f"what is no courier's command line is refused (tried: {tried})")
    if stream is not None:
        with contextlib.suppress(*FAILURES):
            stream.shutdown()  # type: ignore[no-untyped-call]
    return Check(
        name=POLICY,
        state=CheckState.FAILED,
        message=f"we may exec more than the couriers: {tried} was let through",
        hint="Apply manifests/components/exec-policy, and see that our account has the label neo4j-backup/exec: "
        "whoever has its token may run anything in the pods that it may exec into.",
    )


def _ok(name: str, message: str) -> Check:
    return Check(name=name, state=CheckState.OK, message=message)


def _is_since(version: str, since: tuple[int, int]) -> bool:
    found = _VERSION.match(version)
    return found is None or (int(found[1]), int(found[2])) >= since
