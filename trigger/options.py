"""The options that verbs share, and what their values have to be."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from shared.durations import DURATION_RULE, parse_duration
from shared.wire import ID_RULE, is_id, is_request_name
from trigger.reach import WAYS, choose

PREFIX = "NEO4J_BACKUP"
# The values of shared.protocol.BackupType, which would bring pydantic into every --help; a test compares them.
TYPES = ("FULL", "DIFF", "AUTO")

# Any: a verb takes the options that are put on it, by their names.
Verb = Callable[..., int]


if TYPE_CHECKING:
    _NumberType = click.ParamType[float]
    _TextType = click.ParamType[str]
else:
    # Older releases of click have a class here that takes no type.
    _NumberType = _TextType = click.ParamType


class Duration(_NumberType):
    """Seconds, written as ``90``, ``90s``, ``15m`` or ``24h``."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a duration."""
        if isinstance(value, int | float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Filled(_TextType):
    """Text that isn't empty: an empty one is a variable that was never set."""

    name = "text"

    def __init__(self, name: str = "text") -> None:
        self.name = name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take the text as it is."""
        text = str(value)
        if not text:
            self.fail("it is empty; is a variable unset?", param, ctx)
        return text


class RequestId(Filled):
    """A request's id; of one that exists, an attempt's name too."""

    def __init__(self, *, new: bool) -> None:
        super().__init__("id")
        self._is_right = is_id if new else is_request_name

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take an id that can be one."""
        text = super().convert(value, param, ctx)
        if not self._is_right(text):
            self.fail(f"{text!r} can't be an id: it takes {ID_RULE}", param, ctx)
        return text


# Any: click's own decorators take and give whatever they decorate.
def option(*names: str, **settings: Any) -> Callable[[Verb], Verb]:  # noqa: ANN401
    """Make an option whose help tells its environment variable and its default."""
    return click.option(*names, **{"show_envvar": True, "show_default": True, **settings})


TRANSPORT_OPTIONS = (
    option(
        "--local",
        metavar="FOLDER",
        type=Filled(),
        help="The sidecar watches this folder on this machine.",
    ),
    option("--docker", metavar="CONTAINER", type=Filled(), help="The sidecar runs in this Docker container."),
    option("--pod", metavar="NAME", type=Filled(), help="The sidecar runs in this Kubernetes pod."),
    option(
        "--selector",
        metavar="LABELS",
        type=Filled(),
        help="The sidecar runs in the only Kubernetes pod with these labels.",
    ),
    option(
        "--namespace",
        metavar="NAME",
        type=Filled(),
        show_default="the context's, in a pod its own",
        help="The pod's namespace.",
    ),
    option(
        "--container", metavar="NAME", type=Filled(), default="neo4j-backup-sidecar", help="The sidecar in the pod."
    ),
    option(
        "--context",
        metavar="NAME",
        type=Filled(),
        show_default="in a pod its service account, else the current one",
        help="The kubeconfig's context.",
    ),
)
"""What is in ``trigger.reach.WAYS``, for the command line."""


def transport_options(verb: Verb) -> Verb:
    """Put the options of every way to the sidecar on a verb, which is handed ``reach`` instead of them."""
    names = {name for way in WAYS for name in (way.option, *way.belonging)}

    @functools.wraps(verb)
    def reaching(**values: Any) -> int:  # noqa: ANN401
        rest = {name: value for name, value in values.items() if name not in names}
        return verb(reach=choose(click.get_current_context()), **rest)

    decorated: Verb = reaching
    for add in reversed(TRANSPORT_OPTIONS):
        decorated = add(decorated)
    return decorated


output_option = option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="What comes on standard output: lines to read, or one JSON object.",
)
timeout_option = option(
    "--timeout",
    type=Duration(),
    show_default="no end",
    help="How long to wait in all; the backup goes on when it is over.",
)
reconnect_option = option(
    "--reconnect-for",
    type=Duration(),
    default="10m",
    help="How long to try again while a sidecar that was there can't be reached.",
)


def connect_option(default: str) -> Callable[[Verb], Verb]:
    """Make the option that bounds the first contact."""
    return option(
        "--connect-for", type=Duration(), default=default, help="How long to try until the sidecar answers at all."
    )


RULE = f"A duration is {DURATION_RULE}."
