"""``neo4j-backup check``: walk from here to neo4j-admin and tell what is in the way."""

import sys

import click

from trigger.options import Filled, option, output_option, transport_options
from trigger.reach import Reach
from trigger.verbs.verb import Verb


@click.command("check", cls=Verb, short_help="Walk from here to neo4j-admin and tell what is in the way.")
@transport_options
@option("--path", type=Filled(), help="A target folder to look at too, as the sidecar sees it.")
@output_option
def check(reach: Reach, path: str | None, output: str) -> int:
    """Tell a line for each thing that a backup needs, and what to do about those that are not as they should be.

    Exits with 0 where none failed, 12 where the sidecar can't be reached, else with 5.
    """
    from shared.protocol import Check
    from trigger.client import Client, Patience
    from trigger.clock import SystemClock
    from trigger.progress import Asking
    from trigger.report import answer, answer_json
    from trigger.terminal import Terminal, can_show
    from trigger.walk import Inspectable, shown, verdict, walk

    signs = can_show(sys.stdout, "✓✗")
    clock = SystemClock()
    asking = Asking(Terminal(sys.stderr), clock)
    client = Client(reach.transport, asking, Patience(), clock)
    done: list[Check] = []
    ahead = reach.transport.inspect() if isinstance(reach.transport, Inspectable) else ()
    for check in walk(client, path, reach.transport.describe, ahead):
        asking.close()
        done.append(check)
        if output == "text":
            answer(shown(check, signs=signs))
    if output == "json":
        answer_json({"checks": [check.model_dump(mode="json") for check in done], "exit_code": verdict(done)})
    return verdict(done)
