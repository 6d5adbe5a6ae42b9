"""Reads the arguments of `database backup` as picocli does, and refuses what it refuses in the same words.

What is said here of order and wording was tried with picocli 4.7.6 and the genuine neo4j-admin 5.26.28:
wrong values are told at once, a missing parameter before unknown ones, and --help makes up for both.
"""

from __future__ import annotations

import os

from . import options
from .options import FLAG, LIST, SWITCH, Option
from .servers import complete

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .versions import Version

INVALID = 64
USAGE = 2


class Refused(Exception):
    """Arguments that neo4j-admin takes no further; ``usage`` is whether its usage text follows the message."""

    def __init__(self, message: str, *, usage: bool = True, exit_code: int = INVALID) -> None:
        super().__init__(message)
        self.message = message
        self.usage = usage
        self.exit_code = exit_code


class Request:
    """One `database backup` as understood; values are texts, switches "true" or "false"."""

    __slots__ = ("databases", "servers", "values")

    def __init__(self) -> None:
        self.databases: list[str] = []
        self.servers: list[str] = []
        self.values: dict[str, str] = {}

    def value(self, name: str, default: str = "") -> str:
        return self.values.get(name, default)

    def on(self, name: str, default: str = "false") -> bool:
        return self.values.get(name, default) == "true"

    @property
    def kind(self) -> str:
        return self.value("--type", "AUTO").upper()


def expand(arguments: list[str]) -> list[str]:
    """Replace each ``@file`` that exists by the arguments in it; one that doesn't stays as it is."""
    expanded: list[str] = []
    for argument in arguments:
        if argument.startswith("@@"):
            expanded.append(argument[1:])
        elif argument.startswith("@") and os.path.isfile(argument[1:]):
            import shlex

            with open(argument[1:], encoding="utf-8") as file:
                expanded.extend(expand(shlex.split(file.read(), comments=True)))
        else:
            expanded.append(argument)
    return expanded


def of(arguments: list[str], version: Version, *, offset: int, prefer_diff_value: bool) -> Request:
    """Read what follows `database backup`, ``offset`` being the index of its first; raises ``Refused``."""
    bare = frozenset() if prefer_diff_value else frozenset({"--prefer-diff-as-parent"})
    return _Parser(version, offset, bare).parse(arguments)


class _Parser:
    """One pass over the arguments."""

    def __init__(self, version: Version, offset: int, bare_flags: frozenset[str]) -> None:
        self._version = version
        self._known = options.of(version)
        self._bare_flags = bare_flags
        self._offset = offset
        self._request = Request()
        self._unmatched: list[tuple[int, str]] = []
        self._left: list[str] = []

    def parse(self, arguments: list[str]) -> Request:
        """Raises ``Refused``."""
        self._left = list(arguments)
        only_positionals = False
        while self._left:
            index = self._offset + len(arguments) - len(self._left)
            argument = self._left.pop(0)
            name, equals, value = argument.partition("=")
            if only_positionals:
                self._positional(index, argument)
            elif argument == "--":
                only_positionals = True
            elif option := self._known.get(name):
                self._option(option, value if equals else None)
            elif argument.startswith("-") and argument != "-":
                self._unmatched.append((index, argument))
            else:
                self._positional(index, argument)
        if not self._request.on("--help"):
            self._complete()
        return self._request

    def _option(self, option: Option, attached: str | None) -> None:
        if option.kind == LIST:
            self._request.servers += [word for word in self._value(option, attached).split(",") if word]
            for address in self._request.servers:
                self._check(option, None if _is_address(address) else f"'{address}' is no <host:port>")
            return
        value = self._boolean(option, attached) if option.kind in (FLAG, SWITCH) else self._value(option, attached)
        if option.name in self._request.values:
            label = f" ({option.label})" if option.label else ""
            raise Refused(f"option '{option.name}'{label} should be specified only once")
        self._check(option, self._problem(option, value))
        self._request.values[option.name] = value

    def _value(self, option: Option, attached: str | None) -> str:
        if attached is None and not self._left:
            raise Refused(f"Missing required parameter for option '{option.name}' ({option.label})")
        value = self._left.pop(0) if attached is None else attached
        if value.partition("=")[0] in self._known:
            raise Refused(f"Expected parameter for option '{option.name}' but found '{value}'")
        return value

    def _boolean(self, option: Option, attached: str | None) -> str:
        if attached is None:
            follows = option.kind == SWITCH and self._left and self._left[0].lower() in ("true", "false")
            return self._left.pop(0).lower() if follows else "true"
        if option.name == "--help" or option.name in self._bare_flags:
            raise Refused(f"option '{option.name}' should be specified without '{attached}' parameter")
        self._check(option, None if attached.lower() in ("true", "false") else f"'{attached}' is not a boolean")
        return attached.lower()

    def _problem(self, option: Option, value: str) -> str | None:
        match option.name:
            case "--type" if value.upper() not in options.TYPES:
                return f"expected one of [{', '.join(options.TYPES)}] (case-insensitive) but was '{value}'"
            case "--pagecache":
                return options.size_problem(value)
            case "--include-metadata":
                return options.metadata_problem(value, self._version)
            case _:
                return None

    def _check(self, option: Option, problem: str | None) -> None:
        if problem:
            raise Refused(f"Invalid value for option '{option.name}': {problem}")

    def _positional(self, index: int, argument: str) -> None:
        required = self._version < options.OPTIONAL_DATABASE
        most = 1 if self._version < options.SEVERAL_DATABASES else len(self._request.databases) + 1
        problem = options.name_problem(argument)
        if required and problem and not self._request.databases:
            raise Refused(f"Invalid value for positional parameter at index 0 (<database>): {problem}")
        if problem or len(self._request.databases) >= most:
            self._unmatched.append((index, argument))
        else:
            self._request.databases.append(argument)

    def _complete(self) -> None:
        if not self._request.databases and self._version < options.OPTIONAL_DATABASE:
            raise Refused("Missing required parameter: '<database>'")
        if self._unmatched:
            raise unmatched(self._unmatched, self._known)


def unmatched(found: list[tuple[int, str]], known: dict[str, Option]) -> Refused:
    """What picocli says of arguments that nothing takes: option-like or not is decided by the first of them."""
    index, first = found[0]
    shown = ", ".join(f"'{argument}'" for _, argument in found)
    several = "s" if len(found) > 1 else ""
    if not first.startswith("-"):
        where = f"from index {index}" if several else f"at index {index}"
        return Refused(f"Unmatched argument{several} {where}: {shown}")
    message = f"Unknown option{several}: {shown}"
    start = first.lstrip("-")[:2]
    similar = sorted({option.name for option in known.values() if start and option.name[2:].startswith(start)})
    if not similar:
        return Refused(message)
    return Refused(f"{message}\nPossible solutions: {', '.join(similar)}", usage=False)


def _is_address(text: str) -> bool:
    try:
        complete(text)
    except ValueError:
        return False
    return True
