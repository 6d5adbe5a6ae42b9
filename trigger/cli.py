"""neo4j-backup: its verbs, and the only place in the package that exits."""

import contextlib
import io
import os
import sys
from collections.abc import Sequence

import click

from trigger.options import PREFIX
from trigger.verbs.cancel import cancel
from trigger.verbs.check import check
from trigger.verbs.completion import PROGRAM, completion
from trigger.verbs.list import list_requests
from trigger.verbs.logs import logs
from trigger.verbs.status import status
from trigger.verbs.trigger import trigger

VERBS = (trigger, status, list_requests, logs, cancel, check, completion)


class _InOrder(click.Group):
    """A group that lists its verbs as they were added: the most wanted first."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the verbs' names."""
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": PREFIX})
@click.version_option(package_name=PROGRAM, prog_name=PROGRAM)
def cli() -> None:
    """Back up Neo4j through the sidecar that runs beside it.

    Every option has an environment variable, which its verb's --help tells.
    """


for _verb in VERBS:
    cli.add_command(_verb)


def main() -> None:
    """Run the program and exit."""
    _replace_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks must not end the wait for a backup.
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stderr.flush()
    except OSError:
        # Python flushes once more as it ends, and would exit with a code of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.exit(code)


def _replace_closed() -> None:
    """Open what whoever started us has closed: Python has None there, and the next file would take its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  # for as long as we live


def run(arguments: Sequence[str]) -> int:
    """Run the verb that ``arguments`` begin with, and give the exit code."""
    try:
        return int(cli.main(list(arguments), prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        return error.exit_code
    except click.Abort:
        return 130
