"""``neo4j-backup list``: tell the newest requests."""

import click

from shared.text import printable
from trigger.options import connect_option, option, output_option, transport_options
from trigger.reach import Reach
from trigger.verbs.verb import Verb

HEAD = ("ID", "STATE", "TYPE", "DATABASES", "ACCEPTED", "TOOK", "CODE")


@click.command("list", cls=Verb, short_help="Tell the newest requests.")
@transport_options
@option("--limit", type=click.IntRange(1, 1000), default=20, help="How many at most.")
@connect_option("5s")
@output_option
def list_requests(reach: Reach, limit: int, connect_for: float, output: str) -> int:
    """Tell the newest requests, the newest first; as JSON they are one array."""
    from trigger.client import Patience
    from trigger.report import answer, answer_json
    from trigger.summary import databases, duration, kind, moment
    from trigger.terminal import table
    from trigger.verbs.reading import reading

    with reading(reach, Patience(connect_for)) as client:
        found = client.list(limit)
    if output == "json":
        answer_json([told.document for told in found])
        return 0
    rows = [
        (
            told.status.id,
            printable(told.status.state, 20),
            kind(told.status.request),
            databases(told.status.request),
            moment(told.status.accepted_at),
            duration(told.status),
            printable(told.status.code or "", 40),
        )
        for told in found
    ]
    answer(table([HEAD, *rows]))
    return 0
