"""What is amiss with the pod, its container or our program in it, in the user's words, with what shows or mends it."""

import shlex
from collections.abc import Sequence

from shared.errors import ConfigurationError, TransportError
from shared.text import printable
from trigger.transport.kubernetes_place import Place, kubectl
from trigger.transport.kubernetes_pod import OUT_OF_MEMORY, Container, Pod
from trigger.transport.protocol import Leaving, Misdirected, Replaced
from trigger.transport.runtime_words import lacks_command

_SAID_LIMIT = 400
_PODS_LISTED = 20


def no_pod(name: str, place: Place) -> TransportError:
    """Tell that there is no pod of that name."""
    return Misdirected(
        f"there is no pod {printable(name, 200)} in the namespace {printable(place.namespace, 200)}",
        hint=f"{place.kubectl('get', 'pods')} shows those that are there, "
        f"{kubectl(place.access, 'get', 'pods', '-A', '--field-selector', f'metadata.name={name}')} those elsewhere.",
    )


def no_match(selector: str, place: Place) -> TransportError:
    """Tell that no pod has the labels."""
    return Misdirected(
        f"no pod in the namespace {printable(place.namespace, 200)} matches {printable(selector, 200)}",
        hint=f"{place.kubectl('get', 'pods', '--show-labels')} shows those that are there, "
        f"{kubectl(place.access, 'get', 'pods', '-A', '-l', selector)} those elsewhere.",
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


def _going(pod: Pod) -> str:
    if pod.ended:
        return " (has ended)"
    return " (being deleted)" if pod.leaving else ""


def _until_gone(pod: Pod, place: Place) -> str:
    return f"{place.kubectl('get', 'pod', pod.name)} shows how it goes; --connect-for is how long to wait."


def _limit(container: Container) -> str:
    return f" (its limit is {container.memory})" if container.memory else ""


_GIVE_MEMORY = (
    "Raise resources.limits.memory of that container; NEO4J_BACKUP_HEAP and NEO4J_BACKUP_PAGECACHE say how much "
    "of it neo4j-admin takes."
)
