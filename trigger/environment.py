"""Environment variables of options that are there and empty: refused, where click takes them for ones that aren't."""

import os
from collections.abc import Iterable

import click
from click.core import ParameterSource


def refuse_empty(context: click.Context, names: Iterable[str]) -> None:
    """Refuse an empty variable of each option in ``names`` that isn't typed; click.BadParameter names it."""
    for name in names:
        variable = f"{context.auto_envvar_prefix}_{name.upper()}"
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        # A list of nothing but spaces is one of nothing too.
        if not typed and os.environ.get(variable, variable).strip() == "":
            raise click.BadParameter(
                f"the environment variable {variable} is empty; set it, or take it away.",
                ctx=context,
                param_hint=f"--{name.replace('_', '-')}",
            )
