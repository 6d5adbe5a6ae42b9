"""``neo4j-backup status``: tell how a request is, or wait for its end."""

import click

from trigger.environment import refuse_empty
from trigger.options import (
    RULE,
    RequestId,
    connect_option,
    option,
    output_option,
    reconnect_option,
    timeout_option,
    transport_options,
)
from trigger.reach import Reach
from trigger.verbs.verb import Verb


@click.command("status", cls=Verb, short_help="Tell how a request is, or wait for its end.", epilog=RULE)
@click.argument("id", required=False, type=RequestId(new=False))
@transport_options
@option("--follow", "--wait", "follow", is_flag=True, help="Wait for its end, and exit with the code of the backup.")
@timeout_option
@connect_option("5s")
@reconnect_option
@output_option
def status(
    reach: Reach,
    id: str | None,  # noqa: A002
    follow: bool,
    timeout: float | None,
    connect_for: float,
    reconnect_for: float,
    output: str,
) -> int:
    """Tell how the request ID is; without one, the newest.

    Exits with 0 once that is told, however the backup ended; with --follow, with the backup's own code.
    """
    refuse_empty(click.get_current_context(), ("timeout",))
    from trigger.client import Patience
    from trigger.clock import SystemClock
    from trigger.report import tell_status
    from trigger.verbs.reading import newest
    from trigger.watching import Watch

    patience = Patience(connect_for, reconnect_for, timeout, SystemClock().now())
    if id is None:
        id = newest(reach, patience)  # noqa: A001
    watch = Watch(reach, patience, id, output)
    told = watch.through(lambda: watch.client.follow(id) if follow else watch.client.get(id))
    if isinstance(told, int):
        return told
    if follow:
        return watch.end(told)
    tell_status(told, output)
    return 0
