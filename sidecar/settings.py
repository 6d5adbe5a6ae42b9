"""The sidecar's settings: one frozen model, read from environment variables."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, ValidationError

from shared.durations import parse_duration
from shared.errors import ConfigurationError
from shared.text import printable
from sidecar.addresses import parse_addresses
from sidecar.environment import PREFIX, unknown_variables
from sidecar.folder_setting import DEFAULT_REQUESTS, REQUESTS, folder
from sidecar.memory import LEAST_HEAP, LEAST_PAGECACHE
from sidecar.neo4j_admin.cleaning import clean
from sidecar.neo4j_admin.options import TABLE, Options, Value, parse
from sidecar.setting_values import (
    duration_text,
    folders,
    masked_arguments,
    size_of_at_least,
    switch,
    switch_text,
)
from sidecar.sizes import jvm_size, parse_size

_VALUE_LIMIT = 512


@dataclass(frozen=True, slots=True)
class Variable:
    """The environment variable of a field.

    ``unset`` says what holds where the default is None; ``show`` writes a value as the variable takes it.
    """

    name: str
    unset: str = ""
    show: Callable[[Any], str] = str  # Any: each field's own type


def _read(read: Callable[[str], object]) -> BeforeValidator:
    return BeforeValidator(lambda value: read(value.strip()) if isinstance(value, str) else value)


class Settings(BaseModel):
    """What the sidecar is set up as. Folders are absolute and normalised, sizes bytes, durations seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: Annotated[str, _read(folder), Variable(REQUESTS)] = Field(
        default=DEFAULT_REQUESTS, description="the request folder, where the request volume is mounted"
    )
    allowed_roots: Annotated[tuple[str, ...], _read(folders), Variable(f"{PREFIX}ALLOWED_ROOTS", show=":".join)] = (
        Field(default=("/data/backups", "/backups"), description="where targets may lie")
    )
    neo4j_admin: Annotated[
        str | None,
        _read(folder),
        Variable(f"{PREFIX}NEO4J_ADMIN", "`neo4j-admin` on PATH, else `$NEO4J_HOME/bin/neo4j-admin`"),
    ] = Field(default=None, description="the program")
    from_: Annotated[tuple[str, ...], _read(parse_addresses), Variable(f"{PREFIX}FROM", show=",".join)] = Field(
        default=("localhost:6362",), description="the servers to back up from, `--from`, tried in this order"
    )
    data: Annotated[str, _read(folder), Variable(f"{PREFIX}DATA")] = Field(
        default="/data", description="where the databases lie: names and sizes"
    )
    temp: Annotated[
        str | None, _read(folder), Variable(f"{PREFIX}TEMP", "a hidden folder in the allowed root of the target")
    ] = Field(default=None, description="where `--temp-path` is made, fresh for each run")
    timeout: Annotated[int, _read(parse_duration), Variable(f"{PREFIX}TIMEOUT", show=duration_text)] = Field(
        default=24 * 3600, description="how long one run may take"
    )
    grace: Annotated[int, _read(parse_duration), Variable(f"{PREFIX}GRACE", show=duration_text)] = Field(
        default=5, description="how long a run that is ended has from SIGTERM to SIGKILL"
    )
    server_wait: Annotated[int, _read(parse_duration), Variable(f"{PREFIX}SERVER_WAIT", show=duration_text)] = Field(
        default=900, description="how long a Job's retry waits for a server that the attempt before found closed"
    )
    heap: Annotated[
        int | None,
        _read(size_of_at_least(LEAST_HEAP)),
        Variable(f"{PREFIX}HEAP", "from the container's memory", jvm_size),
    ] = Field(default=None, description="neo4j-admin's heap, `HEAP_SIZE`")
    pagecache: Annotated[
        int | None,
        _read(size_of_at_least(LEAST_PAGECACHE)),
        Variable(f"{PREFIX}PAGECACHE", "from the container's memory", jvm_size),
    ] = Field(default=None, description="neo4j-admin's page cache, `--pagecache`")
    reserve: Annotated[
        int | None,
        _read(parse_size),
        Variable(f"{PREFIX}RESERVE", "`1GiB` or 5 % of the file system, the larger", jvm_size),
    ] = Field(default=None, description="free space that stays; a value replaces both")
    memory_check: Annotated[bool, _read(switch), Variable(f"{PREFIX}MEMORY_CHECK", show=switch_text)] = Field(
        default=True, description="refuse a run that the container's memory can't hold"
    )
    java_tool_options: Annotated[
        str | None, _read(str), Variable(f"{PREFIX}JAVA_TOOL_OPTIONS", "none", masked_arguments)
    ] = Field(
        default=None,
        repr=False,
        description="`JAVA_TOOL_OPTIONS` for neo4j-admin, which never sees the container's own",
    )
    options: InstanceOf[Options] = Field(
        default=Options(), description="further options of `neo4j-admin database backup`"
    )
    edition: Annotated[str | None, _read(str.lower), Variable("NEO4J_EDITION", "not told")] = Field(
        default=None, description="the edition of the image's Neo4j; the image sets it"
    )
    licence: Annotated[str | None, _read(str), Variable("NEO4J_ACCEPT_LICENSE_AGREEMENT", "not answered")] = Field(
        default=None, description="the answer to Neo4j Enterprise's licence: `yes` or `eval`"
    )


VARIABLES: Mapping[str, Variable] = {
    field: variable
    for field, info in Settings.model_fields.items()
    for variable in info.metadata
    if isinstance(variable, Variable)
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings as they hold, and what there is to say about them.

    ``problems`` forbid a backup: values that are wrong, in whose place the default holds.
    ``warnings`` forbid nothing. ``from_environment`` are the variables whose value holds.
    """

    settings: Settings
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    from_environment: frozenset[str] = frozenset()

    def problem(self) -> ConfigurationError | None:
        """Give the problems as the answer to every request; None if there is none."""
        if not self.problems:
            return None
        return ConfigurationError(
            f"the sidecar's settings are wrong: {'; '.join(self.problems)}",
            hint="Mend these environment variables of the sidecar's container; "
            "`neo4j-backup-sidecar settings` shows what holds.",
        )


def load(environment: Mapping[str, str]) -> Loaded:
    """Read the settings; never raises. A variable that is empty counts as one that isn't set."""
    given = {name: text for name, text in environment.items() if text.strip()}
    options, problems = _options(given)
    values: dict[str, object] = {
        field: given[variable.name] for field, variable in VARIABLES.items() if variable.name in given
    }
    try:
        settings = Settings.model_validate(values | {"options": options})
    except ValidationError as error:
        for wrong in error.errors(include_url=False):
            field = str(wrong["loc"][0])
            del values[field]
            problems.append(f"{VARIABLES[field].name}: {wrong['msg'].removeprefix('Value error, ')}")
        settings = Settings.model_validate(values | {"options": options})
    holds = {VARIABLES[field].name for field in values} | {row.setting for row, _ in options.chosen}
    known = {variable.name for variable in VARIABLES.values()} | {row.setting for row in TABLE}
    bounded = tuple(clean(problem, limit=_VALUE_LIMIT) for problem in problems)
    return Loaded(settings, bounded, unknown_variables(given, known), frozenset(holds))


def _options(given: Mapping[str, str]) -> tuple[Options, list[str]]:
    values: dict[str, Value | None] = {}
    problems = []
    for row in TABLE:
        if row.setting in given:
            try:
                values[row.name] = parse(row, given[row.setting])
            except ValueError as error:
                problems.append(str(error))
    return Options.of(values), problems


@dataclass(frozen=True, slots=True)
class Documented:
    """A setting as documents tell it: its variable, what holds without it, and what it is for."""

    variable: str
    default: str
    description: str


def documented() -> tuple[Documented, ...]:
    """Give every setting, in the order of the model, then those of the option table."""
    own = [
        Documented(variable.name, _default(field, variable), Settings.model_fields[field].description or "")
        for field, variable in VARIABLES.items()
    ]
    return (*own, *(Documented(row.setting, _OPTION_UNSET, row.description) for row in TABLE))


def describe(loaded: Loaded) -> tuple[str, ...]:
    """Say what holds and where from, a line for each setting; secrets are masked."""
    options = dict(loaded.settings.options.chosen)
    shown = [
        (variable.name, _shown(getattr(loaded.settings, field), variable)) for field, variable in VARIABLES.items()
    ]
    shown += [(row.setting, _option(options.get(row))) for row in TABLE]
    width = max(len(name) for name, _ in shown)
    return tuple(
        f"{name:<{width}}  {printable(text, _VALUE_LIMIT)}  "
        f"({'environment' if name in loaded.from_environment else 'default'})"
        for name, text in shown
    )


def print_settings(environment: Mapping[str, str]) -> int:
    """Print what holds on standard output, what is wrong with it on standard error; give the exit code."""
    loaded = load(environment)
    for line in describe(loaded):
        sys.stdout.write(f"{line}\n")
    for problem in loaded.problems:
        sys.stderr.write(f"wrong: {problem}\n")
    for warning in loaded.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    return ConfigurationError.exit_code if loaded.problems else 0


_OPTION_UNSET = "not passed"


def _default(field: str, variable: Variable) -> str:
    value = Settings.model_fields[field].default
    return variable.unset if value is None else f"`{variable.show(value)}`"


def _shown(value: object, variable: Variable) -> str:
    return variable.unset.replace("`", "") if value is None else variable.show(value)


def _option(value: Value | None) -> str:
    if value is None:
        return _OPTION_UNSET
    return value if isinstance(value, str) else str(value).lower()
