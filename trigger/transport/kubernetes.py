"""The way to a daemon in a pod: a courier by exec, through the API server."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError, TransportError
from shared.text import printable
from trigger.transport.kubernetes_access import INSTALL, Access, open_access
from trigger.transport.kubernetes_pod import Pod, read_pod
from trigger.transport.protocol import START_SECONDS, Exchange

if TYPE_CHECKING:
    from shared.protocol import Check
    from trigger.transport.kubernetes_cluster import Cluster

COMMAND = ("neo4j-backup-sidecar",)
CONTAINER = "neo4j-backup-sidecar"
_LISTED = 20
"""How many pods are asked for at first: one is wanted, and the others are told of."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which container: in the pod of that name, or in the only one with the labels of ``selector``.

    Without a namespace it is the kubeconfig's, in a pod its own.
    """

    pod: str | None = None
    selector: str | None = None
    namespace: str | None = None
    container: str = CONTAINER


class KubernetesTransport:
    """Runs couriers in ``target``; ``tell`` takes a sentence on where that is, ``warn`` one on what befell it.

    The pod is looked at before the first exchange, before what begins something, and again only after an exchange
    that went wrong: the API server has others to serve.
    """

    def __init__(
        self,
        target: Target,
        context: str | None = None,
        *,
        tell: Callable[[str], None] = lambda _: None,
        warn: Callable[[str], None] = lambda _: None,
        command: Sequence[str] = COMMAND,
        find: Callable[[], Access] | None = None,
    ) -> None:
        self._target = target
        self._tell = tell
        self._warn = warn
        self._command = tuple(command)
        self._find = find or (lambda: open_access(context, os.environ, seconds=self._left()))
        self._opened: Cluster | None = None
        self._pod: Pod | None = None
        self._reached: Pod | None = None
        self._seen: Pod | None = None
        self._in_doubt = True
        self._until: float | None = None

    def describe(self) -> str:
        """Name the pod, or what it is looked for by."""
        pod = self._pod or self._reached
        name = self._target.pod if pod is None else pod.name
        return f"the pod {name}" if name is not None else f"the pod with {self._target.selector}"

    def run(self, arguments: Sequence[str], *, begins: bool = False, timeout: float = START_SECONDS) -> Exchange:
        """Start a courier; see the protocol for the errors."""
        self._until = time.monotonic() + timeout
        cluster = self._cluster()
        cluster.until = self._until
        from trigger.transport.kubernetes_exchange import KubernetesExchange

        pod = self._pod
        if pod is None or self._in_doubt or begins:
            pod = self._look(cluster, begins=begins)
        # Until it has begun: whatever it is refused with may be mended by another look.
        self._in_doubt = True
        stream = cluster.exec(pod.name, [*self._command, *arguments])
        if stream is None:
            self._look(cluster, begins=begins)
            raise TransportError(f"the pod {printable(pod.name)} was not there for a moment")
        self._in_doubt = False

        def heard() -> None:
            self._reached = pod

        def doubt() -> None:
            self._in_doubt = True

        return KubernetesExchange(stream, pod.name, cluster.place, self._command[0], heard=heard, doubt=doubt)

    def inspect(self) -> "Iterator[Check]":
        """Look at each link to the pod, for ``check``."""
        from trigger.transport.kubernetes_inspection import inspect

        return inspect(self._cluster, self._look, self._target.pod, self._command)

    def _cluster(self) -> "Cluster":
        """Give the cluster; ConfigurationError where there is no way to one, or no library for it."""
        if self._opened is None:
            try:
                from trigger.transport.kubernetes_cluster import Cluster
            except ImportError as error:
                raise ConfigurationError(
                    "Kubernetes needs the websocket-client library, which is not installed", hint=INSTALL
                ) from error
            self._opened = Cluster(self._find, self._target.namespace, self._target.container)
        return self._opened

    def _left(self) -> float:
        """Give the seconds that a login may take."""
        return START_SECONDS if self._until is None else max(0.0, self._until - time.monotonic())

    def _look(self, cluster: "Cluster", *, begins: bool = False) -> Pod:
        """Give the pod as it is now, its container running; raises where it isn't, or isn't the one we knew."""
        from trigger.transport.kubernetes_pod_errors import ended, leaving, no_container, not_running

        self._in_doubt = True
        place, reached = cluster.place, self._reached
        pod = self._seen = (
            self._choose(cluster, begins=begins) if reached is None else self._find_again(cluster, reached)
        )
        if pod.ended:
            raise ended(pod, place) if reached is None else self._gone(pod.name, f"has ended ({pod.ended})")
        if pod.leaving and begins:
            raise leaving(pod, place)
        if pod.container is None:
            raise no_container(pod, place)
        if not pod.container.running:
            raise not_running(pod, pod.container, place)
        self._remark(pod, cluster)
        self._pod, self._in_doubt = pod, False
        return pod

    def _choose(self, cluster: "Cluster", *, begins: bool) -> Pod:
        from trigger.transport.kubernetes_pod_errors import no_match, no_pod, no_successor, several, still_leaving

        target, place = self._target, cluster.place
        if target.pod is not None:
            document = cluster.pod(target.pod)
            found = [] if document is None else [read_pod(document, target.container)]
        else:
            documents = cluster.pods(target.selector or "", _LISTED)
            found = [read_pod(document, target.container) for document in documents]
        # Never whichever is ready: attempts and differentials have to meet the same volume.
        servers = {pod.name: pod for pod in (*found, *(() if self._seen is None else (self._seen,))) if pod.keeps_name}
        if len(servers) > 1:
            raise several(list(servers.values()), target.selector or "", place)
        # What has ended may lie there for long after its successor has come.
        match [pod for pod in found if not pod.ended] or found[:1]:
            case [pod]:
                return pod
            case [] if self._seen is not None:
                raise no_successor(self._seen.name, place)
            case []:
                raise no_pod(target.pod, place) if target.pod is not None else no_match(target.selector or "", place)
            case living:
                going = next((pod for pod in living if pod.leaving), None)
                if begins and going is not None:
                    self._seen = going
                    raise still_leaving(going, target.selector or "", place)
                raise several(living, target.selector or "", place)

    def _find_again(self, cluster: "Cluster", reached: Pod) -> Pod:
        document = cluster.pod(reached.name)
        if document is None:
            raise self._gone(reached.name, "was deleted")
        pod = read_pod(document, self._target.container)
        if pod.uid != reached.uid:
            raise self._gone(reached.name, "was replaced by another of the same name")
        return pod

    def _gone(self, name: str, why: str) -> TransportError:
        """Forget the pod that was reached, and tell that it is gone."""
        from trigger.transport.kubernetes_pod_errors import replaced

        self._reached = self._pod = None
        return replaced(name, why)

    def _remark(self, pod: Pod, cluster: "Cluster") -> None:
        """Say which pod was taken, and that its container was restarted since the last look."""
        from trigger.transport.kubernetes_pod_errors import restarted, taken

        before = self._pod
        if before is None or before.uid != pod.uid:
            if self._target.selector is not None or self._target.namespace is None:
                self._tell(taken(pod, self._target.selector, cluster.place))
        elif pod.container and before.container and pod.container.restarts > before.container.restarts:
            self._warn(restarted(pod, pod.container, cluster.place))
