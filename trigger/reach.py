"""Which way to the sidecar the options name; one more transport is one more Way and its options."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from trigger.environment import refuse_empty
from trigger.transport.protocol import Transport

# Any: what click made of the options, each of its own type.
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of transport: the option that asks for it, those that belong to it, and what opens it."""

    option: str
    belonging: tuple[str, ...]
    open: Callable[[Values, list[str]], Transport]


@dataclass(frozen=True, slots=True)
class Reach:
    """The way that was chosen; ``flags`` are the options that choose it again.

    ``befell`` grows by a sentence for each thing that befell the sidecar's place meanwhile.
    """

    transport: Transport
    flags: tuple[str, ...]
    befell: list[str]


def _local(values: Values, befell: list[str]) -> Transport:
    from trigger.transport.local import LocalTransport

    return LocalTransport(values["local"])


def _docker(values: Values, befell: list[str]) -> Transport:
    from trigger.transport.docker import DockerTransport

    return DockerTransport(values["docker"])


def _kubernetes(values: Values, befell: list[str]) -> Transport:
    from trigger.transport.kubernetes import KubernetesTransport, Target

    def warn(sentence: str) -> None:
        befell.append(sentence)
        _tell(sentence)

    target = Target(values["pod"], values["selector"], values["namespace"], values["container"])
    return KubernetesTransport(target, values["context"], tell=_tell, warn=warn)


def _tell(sentence: str) -> None:
    from trigger.terminal import Terminal

    terminal = Terminal(sys.stderr)
    # A live line may be there; an empty one takes its place.
    terminal.rewrite("")
    terminal.line(sentence)


_IN_KUBERNETES = ("namespace", "container", "context")
WAYS = (
    Way("local", (), _local),
    Way("docker", (), _docker),
    Way("pod", _IN_KUBERNETES, _kubernetes),
    Way("selector", _IN_KUBERNETES, _kubernetes),
)


def choose(context: click.Context) -> Reach:
    """Open the one way that the options name; click.UsageError where it isn't one.

    What is typed goes before what the environment says, so that a default there can be departed from. An empty variable
    is no default: it would be another pod's, or another cluster's.
    """
    values = context.params
    named = [way for way in WAYS if values.get(way.option) is not None]
    typed = [way for way in named if context.get_parameter_source(way.option) is ParameterSource.COMMANDLINE]
    if not typed:
        refuse_empty(context, (way.option for way in WAYS))
    found = typed or named
    if len(found) != 1:
        options = " or ".join(f"--{way.option}" for way in WAYS)
        problem = "where the sidecar is has to be said" if not found else "the sidecar is in one place"
        raise click.UsageError(f"{problem}: give one of {options}.", context)
    way = found[0]
    refuse_empty(context, way.belonging)
    flags: list[str] = []
    for name in (way.option, *way.belonging):
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT and values.get(name) is not None:
            flags += [f"--{name.replace('_', '-')}", str(values[name])]
    # Two ways may share what opens them: what the environment says of the other is not meant.
    others = {other.option: None for other in WAYS if other is not way}
    befell: list[str] = []
    return Reach(way.open({**values, **others}, befell), tuple(flags), befell)
