"""Understands which command of neo4j-admin is meant, and answers or refuses all but `database backup`."""

from __future__ import annotations

from . import usage
from .parse import USAGE, Refused, unmatched
from .versions import COMMUNITY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .versions import Version

_VERSION = ("--version", "-V")
_HELP = ("help", "--help", "-h")
_GLOBAL = ("--verbose", "--expand-commands")


class Answer:
    """A command that only prints ``text``; ``version`` is whether it is the version that is told."""

    __slots__ = ("text", "version")

    def __init__(self, text: str, *, version: bool = False) -> None:
        self.text = text
        self.version = version


class Backup:
    """`database backup`, with what follows it and the index of the first of that."""

    __slots__ = ("offset", "rest")

    def __init__(self, rest: list[str], offset: int) -> None:
        self.rest = rest
        self.offset = offset


def understand(arguments: list[str], version_text: str, version: Version, edition: str) -> Answer | Backup:
    """Raises ``Refused``, as the genuine one does, and for each command that the stand-in doesn't imitate."""
    _check_globals(arguments)
    at = next((index for index, word in enumerate(arguments) if word.partition("=")[0] not in _GLOBAL), len(arguments))
    words = arguments[at:]
    if not words:
        raise _refused(usage.root())
    first = words[0]
    if first in _VERSION:
        return Answer(version_text, version=True)
    if first in _HELP:
        return Answer(usage.root())
    if first == "version":
        if words[1:]:
            raise _nothing_takes(words, at, 1, "Usage: neo4j-admin version\nPrint version information and exit.")
        return Answer(f"neo4j {version_text}", version=True)
    if first not in usage.GROUPS:
        raise _nothing_takes(words, at, 0, usage.root())
    return _in_group(first, words, at, version, edition)


def _in_group(group: str, words: list[str], at: int, version: Version, edition: str) -> Answer | Backup:
    text = usage.group(group, version, edition)
    if len(words) == 1:
        raise _refused(f"Missing required subcommand\n{text}")
    name = words[1]
    if name in _HELP:
        return Answer(text)
    if name not in usage.commands(group, version, edition):
        # The words of the genuine Community 5.26.28.
        known_elsewhere = edition == COMMUNITY and (group, name) == ("database", "backup")
        raise _nothing_takes(words, at, 1, "Did you mean: database check?" if known_elsewhere else text)
    if (group, name) != ("database", "backup"):
        raise _refused(f"FAKE: '{group} {name}' is a command of neo4j-admin that this stand-in does not imitate")
    return Backup(words[2:], at + 2)


def _check_globals(arguments: list[str]) -> None:
    """The launcher itself looks at two flags, wherever they stand, and refuses them with 2 and not with 64."""
    for flag in _GLOBAL:
        given = [word for word in arguments if word.partition("=")[0] == flag]
        for word in given:
            _, equals, value = word.partition("=")
            if equals and value.lower() not in ("true", "false"):
                raise _refused(f"Invalid value for option '{flag}': '{value}' is not a boolean\n{usage.LAUNCHER}")
        if len(given) > 1:
            raise _refused(f"option '{flag}' should be specified only once\n{usage.LAUNCHER}")


def _nothing_takes(words: list[str], at: int, since: int, text: str) -> Refused:
    found = [(at + index, word) for index, word in enumerate(words)][since:]
    return _refused(f"{unmatched(found, {}).message}\n{text}")


def _refused(message: str) -> Refused:
    return Refused(message, usage=False, exit_code=USAGE)
