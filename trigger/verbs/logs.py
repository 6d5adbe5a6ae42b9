"""``neo4j-backup logs``: print what neo4j-admin printed for a request."""

import click

from trigger.options import RequestId, connect_option, output_option, transport_options
from trigger.reach import Reach
from trigger.verbs.verb import Verb


@click.command("logs", cls=Verb, short_help="Print what neo4j-admin printed.")
@click.argument("id", required=False, type=RequestId(new=False))
@transport_options
@connect_option("5s")
@output_option
def logs(
    reach: Reach,
    id: str | None,  # noqa: A002
    connect_for: float,
    output: str,
) -> int:
    """Print what neo4j-admin printed for the request ID; without one, for the newest."""
    from trigger.client import Patience
    from trigger.report import answer, answer_json
    from trigger.verbs.reading import newest, reading

    asked = newest(reach, Patience(connect_for)) if id is None else id
    with reading(reach, Patience(connect_for)) as client:
        lines = client.log(asked)
    if output == "json":
        answer_json({"id": asked, "lines": list(lines)})
    else:
        answer(lines)
    return 0
