"""``neo4j-backup trigger``: ask for a backup and wait for its end."""

import click

from trigger.options import (
    RULE,
    TYPES,
    Duration,
    Filled,
    RequestId,
    connect_option,
    option,
    output_option,
    reconnect_option,
    refuse_empty,
    timeout_option,
    transport_options,
)
from trigger.reach import Reach
from trigger.verbs.verb import Verb


@click.command("trigger", cls=Verb, short_help="Ask for a backup and wait for its end.", epilog=RULE)
@transport_options
@option("--path", required=True, type=Filled(), help="The target folder, as the sidecar sees it.")
@option(
    "--type",
    "kind",
    type=click.Choice(TYPES, case_sensitive=False),
    envvar="NEO4J_BACKUP_TRIGGER_TYPE",
    default="AUTO",
    help="AUTO is a differential where one is possible, else a full backup.",
)
@option(
    "--database",
    multiple=True,
    type=Filled(),
    help="A database, or a pattern with *; may be given again. [default: every database]",
)
@option("--id", "id", type=RequestId(new=True), help="The request's id. [default: a random one]")
@option("--wait/--no-wait", default=True, help="Wait for the backup's end, or only until it is accepted.")
@timeout_option
@connect_option("30s")
@reconnect_option
@option("--cancel-on-interrupt", is_flag=True, help="Cancel the backup on Ctrl-C and SIGTERM.")
@output_option
@click.pass_context
def trigger(context: click.Context, /, **_: object) -> int:
    """Ask for a backup, follow it, and exit with a code that says how it ended."""
    raise NotImplementedError
