"""``neo4j-backup trigger``: ask for a backup and wait for its end."""

from typing import TYPE_CHECKING, Any

import click

from shared.wire import ID_RULE, is_id
from trigger.environment import refuse_empty
from trigger.options import (
    RULE,
    TYPES,
    Filled,
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

if TYPE_CHECKING:
    from trigger.watching import Watch


@click.command("trigger", cls=Verb, short_help="Ask for a backup and wait for its end.", epilog=RULE)
@transport_options
@option("--path", required=True, type=Filled(), help="The target folder, as the sidecar sees it.")
@option(
    "--type",
    type=click.Choice(TYPES, case_sensitive=False),
    metavar="[FULL|DIFF|AUTO]",
    default="AUTO",
    help="AUTO is a differential where one is possible, else a full backup.",
)
@option(
    "--database",
    multiple=True,
    type=Filled(),
    show_default="every database",
    help="A database, or a pattern with *; may be given again.",
)
@option("--id", type=RequestId(new=True), show_default="a random one", help="The request's id.")
@option(
    "--job-name",
    type=Filled(),
    help="In a Kubernetes Job its name; with --job-uid it makes the id, so that a retry goes on with the same backup.",
)
@option("--job-uid", type=Filled(), help="The Job's UID, from its pod's label batch.kubernetes.io/controller-uid.")
@option("--wait/--no-wait", default=True, help="Wait for the backup's end, or only until it is accepted.")
@timeout_option
@connect_option("30s")
@reconnect_option
@option("--cancel-on-interrupt", is_flag=True, help="Cancel the backup on Ctrl-C and SIGTERM.")
@output_option
def trigger(
    reach: Reach,
    path: str,
    type: str,  # noqa: A002  # an option's name is also its variable's: NEO4J_BACKUP_TRIGGER_TYPE
    database: tuple[str, ...],
    id: str | None,  # noqa: A002
    job_name: str | None,
    job_uid: str | None,
    wait: bool,
    timeout: float | None,
    connect_for: float,
    reconnect_for: float,
    cancel_on_interrupt: bool,
    output: str,
) -> int:
    """Ask for a backup, follow it, and exit with a code that says how it ended.

    On Ctrl-C and SIGTERM the backup goes on, and what follows it is told.
    """
    context = click.get_current_context()
    refuse_empty(context, ("database", "id", "job_name", "job_uid", "timeout"))
    of_job = job_id(context, job_name, job_uid)
    from trigger.client import Patience
    from trigger.watching import Watch

    # Any: a JSON document.
    request: dict[str, Any] = {"path": path, "type": type}
    if database:
        request["database"] = list(database)
    watch = Watch(reach, Patience(connect_for, reconnect_for, timeout), of_job or id or random_id(), output)
    return _ask(watch, request, job=of_job is not None, wait=wait, cancels=cancel_on_interrupt)


def _ask(watch: "Watch", request: dict[str, Any], *, job: bool, wait: bool, cancels: bool) -> int:
    """Ask for the backup, see it through where that is wanted, and give the exit code."""
    from trigger.answers import Told
    from trigger.report import answer, say, tell_status

    def ask() -> Told:
        submitted = watch.client.submit(watch.request_id, request, job=job)
        if submitted.attached:
            say(f"The request {watch.request_id} was there already: following it.")
        told = submitted.told
        return watch.client.follow(told.status.id) if wait and not told.status.ended else told

    told = watch.through(ask, cancels=cancels)
    if isinstance(told, int):
        return told
    if told.status.ended:
        return watch.end(told)
    if watch.output == "json":
        tell_status(told, watch.output)
    else:
        answer([told.status.id])
        say("Accepted.", *watch.next_steps)
    return 0


def job_id(context: click.Context, name: str | None, uid: str | None) -> str | None:
    """Give the id that every pod of a Job makes, None outside of one; click.UsageError for half a Job."""
    if name is None and uid is None:
        return None
    if name is None or uid is None:
        raise click.UsageError("--job-name and --job-uid belong together: one of them is missing.", context)
    if context.params["id"] is not None:
        raise click.UsageError("--id and --job-uid both name the request: give one of them.", context)
    made = f"{name}-{uid}"
    if not is_id(made):
        raise click.UsageError(
            f"{made!r}, made of --job-name and --job-uid, can't be an id: it takes {ID_RULE}", context
        )
    return made


def random_id() -> str:
    """Make an id that nobody else makes, with the time in it for people."""
    import secrets
    from datetime import UTC, datetime

    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
