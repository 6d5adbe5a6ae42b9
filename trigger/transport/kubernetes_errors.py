"""What Kubernetes says no with, in the user's words, each with the command that shows or mends it."""

import re
import shlex
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import ConfigurationError, TransportError
from shared.text import printable
from trigger.transport.kubernetes_access import Access
from trigger.transport.kubernetes_api import Refusal, is_unknown_certificate
from trigger.transport.kubernetes_pod import OUT_OF_MEMORY, Container, Pod
from trigger.transport.protocol import Leaving, Misdirected, Replaced
from trigger.transport.runtime_words import lacks_command

_SAID_LIMIT = 400
_PODS_LISTED = 20
_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)' with binding '[^']*' denied request")
_USER = re.compile(r'User "([^"]+)"')
_BUSY = 429
_BROKEN = 500


class NotAllowed(Misdirected):
    """Who we are may not do this: by its rights, or by an admission policy, whose name is ``policy``, "" for none."""

    def __init__(self, message: str, *, hint: str = "", policy: str = "") -> None:
        super().__init__(message, hint=hint)
        self.policy = policy


@dataclass(frozen=True, slots=True)
class Place:
    """Where we look: the names for a message, and how kubectl is told of them."""

    access: Access
    namespace: str
    container: str

    def kubectl(self, *words: str, pod: str | None = None) -> str:
        """Give a command to be typed; ``pod`` adds it and the container."""
        which = [] if pod is None else [pod, "-c", self.container]
        return _kubectl(self.access, "-n", self.namespace, *words, *which)

    def can_i(self, verb: str, subresource: str, who: str) -> str:
        """Give the command that asks for a right on pods.

        Of a pod's account, ``who``, somebody else will ask; a kubeconfig's context is who we are, and may
        seldom say so by ``--as``.
        """
        words = [f"--subresource={subresource}"] if subresource else []
        other = ["--as", who] if who and self.access.context is None else []
        return self.kubectl("auth", "can-i", verb, "pods", *words, *other)


def unreachable(error: BaseException, access: Access) -> TransportError:
    """Tell why the API server gives no answer."""
    server = printable(f"{access.server.scheme}://{access.server.netloc}", 200)
    if access.proxy is not None:
        server += f" (by the proxy {printable(f'{access.proxy.hostname}:{access.proxy.port}', 200)})"
    by = printable(access.source, 200)
    if is_unknown_certificate(error):
        said = printable(str(getattr(error, "verify_message", error)), _SAID_LIMIT)
        return Misdirected(
            f"the API server {server} shows a certificate that {by} doesn't trust: {said}",
            hint="Is it another cluster's address, or has its authority been replaced? "
            f"`openssl s_client -connect {printable(access.server.netloc, 200)} -showcerts` shows the certificate.",
        )
    if isinstance(error, socket.gaierror):
        return TransportError(
            f"the API server's name {printable(access.server.hostname or '', 200)}, from {by}, is not known here",
            hint=_works_first(access),
        )
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return TransportError(
            f"the API server {server} did not answer in time",
            hint=f"Does a NetworkPolicy or a firewall hold it back? {_works_first(access)}",
        )
    said = printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, _SAID_LIMIT)
    if said.startswith("Invalid header value"):
        # http.client's words end with the value, and that is the token.
        said = "a header's value is none"
    return TransportError(f"the API server {server} can't be reached: {said}", hint=_works_first(access))


def refused(refusal: Refusal, place: Place, what: str) -> TransportError:
    """Tell why the API server doesn't do ``what``, as in "list the pods"; one that isn't there is told elsewhere."""
    said = printable(refusal.message, _SAID_LIMIT)
    found = _POLICY.search(refusal.message)
    policy = "" if found is None else found[1]
    match refusal.status:
        case 401:
            return Misdirected(
                f"the API server doesn't know who we are: it takes no credentials of {printable(place.access.source)}",
                hint=f"They may have ended. {_who_we_are(place)}",
            )
        case 403 if not policy:
            return NotAllowed(f"Kubernetes doesn't let us {what}: {said}", hint=_rights(refusal.message, place))
        case 403 | 422:
            return NotAllowed(
                f"a policy of the cluster doesn't let us {what}: {said}",
                hint=f"{place.kubectl('get', 'validatingadmissionpolicybindings')} shows who has one.",
                policy=policy,
            )
        case status if status == _BUSY or status >= _BROKEN:
            return TransportError(
                f"the API server could not {what} now ({status}): {said}",
                hint=f"{_kubectl(place.access, 'get', '--raw', '/readyz?verbose')} shows how it is.",
            )
        case status:
            return TransportError(
                f"the API server doesn't {what} ({status}): {said}",
                hint=f"Is it an API server? {_works_first(place.access)}",
            )


def no_pod(name: str, place: Place) -> TransportError:
    """Tell that there is no pod of that name."""
    return Misdirected(
        f"there is no pod {printable(name, 200)} in the namespace {printable(place.namespace, 200)}",
        hint=f"{place.kubectl('get', 'pods')} shows those that are there, "
        f"{_kubectl(place.access, 'get', 'pods', '-A', '--field-selector', f'metadata.name={name}')} those elsewhere.",
    )


def no_match(selector: str, place: Place) -> TransportError:
    """Tell that no pod has the labels."""
    return Misdirected(
        f"no pod in the namespace {printable(place.namespace, 200)} matches {printable(selector, 200)}",
        hint=f"{place.kubectl('get', 'pods', '--show-labels')} shows those that are there, "
        f"{_kubectl(place.access, 'get', 'pods', '-A', '-l', selector)} those elsewhere.",
    )


def several(pods: Sequence[Pod], selector: str, place: Place) -> ConfigurationError:
    """Refuse to choose among pods: attempts and differentials have to meet the same volume."""
    names = [f"{printable(pod.name, 200)}{_going(pod)}" for pod in pods]
    more = len(names) - _PODS_LISTED
    listed = ", ".join(names[:_PODS_LISTED]) + (f" and {more} more" if more > 0 else "")
    lasting = next((shlex.quote(printable(pod.name, 200)) for pod in pods if not pod.leaving), "takes its name")
    return ConfigurationError(
        f"{printable(selector, 200)} matches more than one pod in the namespace {printable(place.namespace, 200)}: "
        f"{listed}",
        hint=f"Name one, and the same each time: --pod {lasting}",
    )


def no_container(pod: Pod, place: Place) -> TransportError:
    """Tell that the pod has no such container."""
    listed = ", ".join(printable(name, 100) for name in pod.others) or "none"
    return Misdirected(
        f"the pod {printable(pod.name, 200)} has no container {printable(place.container, 200)}; it has {listed}",
        hint="Is the sidecar a part of the pod, and is it called so? --container takes its name; "
        f"{place.kubectl('describe', 'pod', pod.name)} shows its containers.",
    )


def not_running(pod: Pod, container: Container, place: Place) -> TransportError:
    """Tell that the container doesn't run, and what it waits for."""
    message = f"the container {place.container} of the pod {pod.name} is not running"
    if container.waits_for:
        message += f": {container.waits_for}"
    if container.last is None:
        return TransportError(message, hint=f"{place.kubectl('describe', 'pod', pod.name)} shows what it waits for.")
    if container.last.reason == OUT_OF_MEMORY:
        return TransportError(f"{message}; it was killed for want of memory{_limit(container)}", hint=_GIVE_MEMORY)
    code = "" if container.last.exit_code is None else f" with {container.last.exit_code}"
    return TransportError(
        f"{message}; its last run ended{code} ({container.last.reason})",
        hint=f"{place.kubectl('logs', '--previous', pod=pod.name)} shows what it said.",
    )


def ended(pod: Pod, place: Place) -> TransportError:
    """Tell that the pod has ended; what made it may make another."""
    return TransportError(
        f"the pod {printable(pod.name, 200)} has ended: {pod.ended}",
        hint=f"{place.kubectl('describe', 'pod', pod.name)} shows why.",
    )


def leaving(pod: Pod, place: Place) -> Leaving:
    """Tell that the pod is being deleted, so that nothing is begun in it any more."""
    return Leaving(
        f"the pod {printable(pod.name, 200)} is being deleted, and a new request waits for its successor",
        hint=_until_gone(pod, place),
    )


def still_leaving(pod: Pod, selector: str, place: Place) -> Leaving:
    """Tell that a pod is being deleted beside others with the same labels, its successor mostly."""
    return Leaving(
        f"the pod {printable(pod.name, 200)} is still being deleted beside others that match "
        f"{printable(selector, 200)}, and a new request waits until it is gone",
        hint=_until_gone(pod, place),
    )


def no_successor(name: str, place: Place) -> TransportError:
    """Tell that a pod that was there is gone, and none has come in its place so far."""
    return TransportError(
        f"the pod {printable(name, 200)} is gone, and its successor is not there yet",
        hint=f"{place.kubectl('get', 'pods')} shows those that are there.",
    )


def replaced(name: str, why: str) -> Replaced:
    """Tell that the pod that was reached is gone, and its request volume with it."""
    return Replaced(
        f"the pod {printable(name, 200)} {why}, and its request volume went with it",
        hint="Ask for the backup again. What this one had finished is still in its target.",
    )


def taken(pod: Pod, selector: str | None, place: Place) -> str:
    """Say which pod was taken, and by which labels it was found, if by any."""
    where = f"the pod {printable(pod.name, 200)} of the namespace {printable(place.namespace, 200)}"
    return f"The sidecar is in {where}" + ("" if selector is None else f", found by {printable(selector, 200)}")


def restarted(pod: Pod, container: Container, place: Place) -> str:
    """Say that the container was restarted, and for want of memory what to set."""
    name = f"The container {place.container} of the pod {pod.name}"
    last = container.last
    if last is not None and last.reason == OUT_OF_MEMORY:
        return f"{name} was killed for want of memory{_limit(container)} and started again. {_GIVE_MEMORY}"
    how = "" if last is None else f" ({last.reason}{'' if last.exit_code is None else f', {last.exit_code}'})"
    return f"{name} ended{how} and was started again: {place.kubectl('logs', '--previous', pod=pod.name)} shows why"


def not_started(said: str, command: str, pod: str, place: Place) -> TransportError:
    """Tell why ``command`` didn't start: ``said`` came from the node."""
    where = f"the container {place.container} of the pod {pod}"
    if "container not found" in said:
        return TransportError(f"{where} is not running", hint=f"{place.kubectl('describe', 'pod', pod)} shows why.")
    if lacks_command(said, command):
        return no_command(command, pod, place)
    by_hand = place.kubectl("exec", pod, "-c", place.container, "--", command, "version")
    return TransportError(
        f"{command} can't be started in {where}: {printable(said, _SAID_LIMIT)}",
        hint=f"The container, or its node, may be short of memory or of processes. By hand: {by_hand}",
    )


def no_command(command: str, pod: str, place: Place, said: str = "") -> TransportError:
    """Tell that ``command`` isn't there or can't be executed; ``said`` is what a shell in its place said."""
    shown = f": {printable(said, _SAID_LIMIT)}" if said else ""
    return Misdirected(
        f"the container {place.container} of the pod {pod} has no {command} that can be executed{shown}",
        hint="--container takes the sidecar's container, not Neo4j's own; "
        f"{place.kubectl('describe', 'pod', pod)} shows which image each has.",
    )


def rights(verb: str, subresource: str, who: str, place: Place) -> str:
    """Say which rights there have to be, and which command shows whether ``who`` has the one that is missing."""
    shown = place.can_i(verb, subresource, who)
    return f"A Role has to give get and list on pods, get and create on pods/exec. {shown} shows whether it does."


def _going(pod: Pod) -> str:
    if pod.ended:
        return " (has ended)"
    return " (being deleted)" if pod.leaving else ""


def _until_gone(pod: Pod, place: Place) -> str:
    return f"{place.kubectl('get', 'pod', pod.name)} shows how it goes; --connect-for is how long to wait."


def _works_first(access: Access) -> str:
    """Say what has to work before anything of ours can; of a pod, where nobody types, what shows why it doesn't."""
    if access.context is not None:
        return f"{_kubectl(access, 'cluster-info')} has to work first."
    policies = _kubectl(access, "-n", access.namespace, "get", "networkpolicies")
    label = "kubernetes.io/service-name=kubernetes"
    addresses = _kubectl(access, "-n", "default", "get", "endpointslices", "-l", label)
    return f"{policies} shows what may hold this pod back, {addresses} where the API server is."


def _who_we_are(place: Place) -> str:
    """Say what shows whether our credentials are good; a pod's own are nobody else's."""
    if place.access.context is not None:
        return f"{place.kubectl('auth', 'whoami')} has to work first."
    accounts = _kubectl(place.access, "-n", place.access.namespace, "get", "serviceaccounts")
    return f"{accounts} shows whether this pod's account is there, and not younger than the pod."


def _rights(message: str, place: Place) -> str:
    found = _USER.search(message)
    verb = next((word for word in ("create", "list") if f"cannot {word} " in message), "get")
    return rights(verb, "exec" if "pods/exec" in message else "", "" if found is None else found[1], place)


def _kubectl(access: Access, *words: str) -> str:
    where = [] if access.context is None else ["--context", access.context]
    return printable(f"`{shlex.join(['kubectl', *where, *words])}`")


def _limit(container: Container) -> str:
    return f" (its limit is {container.memory})" if container.memory else ""


_GIVE_MEMORY = (
    "Raise resources.limits.memory of that container; NEO4J_BACKUP_HEAP and NEO4J_BACKUP_PAGECACHE say how much "
    "of it neo4j-admin takes."
)
