"""What a pod's document says of the sidecar's container: there, running, how its last run ended."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.text import printable

OUT_OF_MEMORY = "OOMKilled"
_ENDED = frozenset({"Succeeded", "Failed"})
_SAID_LIMIT = 300

# Any: a JSON document.
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run of the container ended; ``reason`` is Kubernetes' own word."""

    reason: str
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Container:
    """The container that was asked for.

    ``waits_for`` says in Kubernetes' own words why it doesn't run, "" where nothing is said. ``last`` is
    how the run before ended, None before there was one. ``memory`` is its limit as the pod has it.
    """

    running: bool
    waits_for: str
    restarts: int
    last: Ending | None
    memory: str


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod; ``container`` is None where it has none of that name, ``others`` are those that could be meant.

    ``ended`` says why it will never run again, "" while it may; ``leaving`` that it is being deleted, in which its
    containers may go on for as long as its grace period is. ``keeps_name`` says that a StatefulSet made it: its
    successor will have its name, so that a pod of another name is another server.
    """

    name: str
    uid: str
    container: Container | None
    others: tuple[str, ...]
    ended: str
    leaving: bool
    keeps_name: bool


def read_pod(document: Document, container: str) -> Pod:
    """Read a pod's document as the API server gives it, for the container of that name."""
    metadata, spec, status = (_part(document, key) for key in ("metadata", "spec", "status"))
    lasting = [
        *(one for one in _parts(spec, "initContainers") if one.get("restartPolicy") == "Always"),
        *_parts(spec, "containers"),
    ]
    wanted = next((one for one in lasting if one.get("name") == container), None)
    return Pod(
        name=str(metadata.get("name")),
        uid=str(metadata.get("uid")),
        container=None if wanted is None else _container(wanted, status),
        others=tuple(str(one.get("name")) for one in lasting),
        ended=_said(status) if status.get("phase") in _ENDED else "",
        leaving=bool(metadata.get("deletionTimestamp")),
        keeps_name=any(owner.get("kind") == "StatefulSet" for owner in _parts(metadata, "ownerReferences")),
    )


def _container(spec: Document, status: Document) -> Container:
    # A native sidecar is an init container, and so is its status.
    statuses = [*_parts(status, "initContainerStatuses"), *_parts(status, "containerStatuses")]
    found = next((one for one in statuses if one.get("name") == spec.get("name")), {})
    state = _part(found, "state")
    ended = _ending(_part(state, "terminated"))
    return Container(
        running=bool(state.get("running") is not None),
        waits_for=_waits_for(state, status, ended),
        restarts=_number(found.get("restartCount")) or 0,
        last=ended or _ending(_part(_part(found, "lastState"), "terminated")),
        memory=printable(str(_part(_part(spec, "resources"), "limits").get("memory") or ""), 40),
    )


def _waits_for(state: Document, status: Document, ended: Ending | None) -> str:
    if waiting := _part(state, "waiting"):
        return _said(waiting)
    if ended is not None:
        return f"it ended: {ended.reason}"
    unmet = (one for one in _parts(status, "conditions") if one.get("status") == "False" and one.get("message"))
    return next((_said(one) for one in unmet if one.get("type") == "PodScheduled"), "")


def _ending(terminated: Document) -> Ending | None:
    if not terminated:
        return None
    return Ending(
        printable(str(terminated.get("reason") or "no reason given"), 60), _number(terminated.get("exitCode"))
    )


def _said(part: Document) -> str:
    words = [str(part[key]) for key in ("reason", "message") if part.get(key)]
    return printable(": ".join(words) or str(part.get("phase") or ""), _SAID_LIMIT)


def _part(document: Document, key: str) -> Document:
    part = document.get(key)
    return part if isinstance(part, dict) else {}


def _parts(document: Document, key: str) -> Iterator[Document]:
    parts = document.get(key)
    return (part for part in (parts if isinstance(parts, list) else ()) if isinstance(part, dict))


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
