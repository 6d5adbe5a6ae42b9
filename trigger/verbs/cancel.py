"""``neo4j-backup cancel``: cancel a request."""

import click

from trigger.options import RequestId, connect_option, output_option, transport_options
from trigger.reach import Reach
from trigger.verbs.verb import Verb


@click.command("cancel", cls=Verb, short_help="Cancel a request.")
@click.argument("id", type=RequestId(new=False))
@transport_options
@connect_option("30s")
@output_option
def cancel(
    reach: Reach,
    id: str,  # noqa: A002
    connect_for: float,
    output: str,
) -> int:
    """Cancel the request ID, and exit with 0 once the cancel is on the sidecar's disk."""
    from trigger.client import Patience
    from trigger.commands import Commands
    from trigger.report import answer, answer_json, say
    from trigger.summary import headline
    from trigger.verbs.reading import reading

    with reading(reach, Patience(connect_for)) as client:
        told = client.cancel(id)
    if output == "json":
        answer_json(told.document)
        return 0
    answer([headline(told.status)])
    if told.status.ended and not told.status.cancel_requested:
        say("It had ended before: nothing was cancelled.")
    elif not told.status.ended:
        say(f"  See it end: {Commands(reach.flags).follow(told.status.id)}")
    return 0
