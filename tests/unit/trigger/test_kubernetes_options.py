"""How the command line says which pod is meant, and what a Job's own id is made of."""

import click
import pytest
from click.testing import CliRunner, Result

from tests.fakes.api_server import CLOSE, STDOUT, SUCCESS, Says, api_server, frame, pod, refuses
from trigger.cli import cli
from trigger.reach import choose
from trigger.transport.kubernetes import KubernetesTransport

ASK = ("trigger", "--path", "/backups/nightly")
UID = "7d4c0f9e-94d5-4e6f-9b0d-0c7a6a3d2f11"


def call(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, arguments, env=environment, standalone_mode=False)


def refusal(*arguments: str, **environment: str) -> str:
    error = call(*arguments, **environment).exception
    assert isinstance(error, click.UsageError)
    return error.format_message()


def chosen(*arguments: str, **environment: str) -> tuple[KubernetesTransport, tuple[str, ...]]:
    found = []

    @click.command("trigger", params=cli.commands["trigger"].params, context_settings={"auto_envvar_prefix": "X"})
    @click.pass_context
    def look(context: click.Context, /, **_: object) -> None:
        found.append(choose(context))

    CliRunner().invoke(look, ["--path", "/x", *arguments], env=environment, catch_exceptions=False)
    [reach] = found
    assert isinstance(reach.transport, KubernetesTransport)
    return reach.transport, reach.flags


def test_a_pod_is_named_or_looked_for_and_not_both() -> None:
    assert "--local or --docker or --pod or --selector" in refusal(*ASK)
    assert "the sidecar is in one place" in refusal(*ASK, "--pod", "neo4j-0", "--selector", "app=neo4j")


def test_what_reaches_the_pod_is_repeated_in_the_commands_that_are_shown() -> None:
    _, flags = chosen("--selector", "app=neo4j", "--context", "eu", X_NAMESPACE="shop")

    assert flags == ("--selector", "app=neo4j", "--namespace", "shop", "--context", "eu")


def test_a_pod_that_is_typed_goes_before_the_labels_of_the_environment() -> None:
    transport, flags = chosen("--pod", "neo4j-1", X_SELECTOR="app=neo4j")

    assert transport.describe() == "the pod neo4j-1"
    assert flags == ("--pod", "neo4j-1")


def test_labels_that_are_typed_go_before_the_pod_of_the_environment() -> None:
    transport, flags = chosen("--selector", "app=neo4j", X_POD="neo4j-1")

    assert transport.describe() == "the pod with app=neo4j"
    assert flags == ("--selector", "app=neo4j")


def test_half_a_job_is_no_id() -> None:
    assert "belong together" in refusal(*ASK, "--pod", "x", "--job-name", "nightly")
    assert "belong together" in refusal(*ASK, "--pod", "x", "--job-uid", UID)


def test_a_job_whose_uid_is_empty_is_told_where_it_comes_from() -> None:
    told = refusal(*ASK, "--pod", "x", NEO4J_BACKUP_TRIGGER_JOB_NAME="nightly", NEO4J_BACKUP_TRIGGER_JOB_UID="")

    assert "the environment variable NEO4J_BACKUP_TRIGGER_JOB_UID is empty" in told
    assert "--job-uid" in told


def test_a_job_s_id_and_another_are_one_too_many() -> None:
    assert "both name the request" in refusal(*ASK, "--pod", "x", "--job-name", "n", "--job-uid", UID, "--id", "mine")


def test_a_job_whose_name_and_uid_make_no_id_is_told() -> None:
    assert "1 to 128 letters" in refusal(*ASK, "--pod", "x", "--job-name", "n" * 100, "--job-uid", UID)
    assert "1 to 128 letters" in refusal(*ASK, "--pod", "x", "--job-name", "n", "--job-uid", "a b")


def test_a_job_s_request_has_its_id_and_says_that_it_is_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    accepted = b'{"status":{"id":"nightly-%s","state":"queued"}}\n{"end":{"exit_code":0}}\n' % UID.encode()
    with api_server(Says(body=pod()), Says(frames=(frame(STDOUT + accepted), frame(SUCCESS), CLOSE))) as (
        address,
        asked,
    ):
        config = tmp_path_factory.mktemp("config") / "config"
        config.write_text(KUBECONFIG.format(address=address))
        result = call(
            *ASK, "--pod", "neo4j-0", "--no-wait", "--job-name", "nightly", "--job-uid", UID, KUBECONFIG=str(config)
        )

    assert result.return_value == 0
    assert result.stdout == f"nightly-{UID}\n"
    assert asked.paths[1].endswith(f"&command=submit&command=nightly-{UID}")
    assert b'"job":true' in asked.sent


def test_refused_rights_end_with_12_and_the_command_that_asks_for_them(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with api_server(refuses(403, "Forbidden", 'User "me" cannot get resource "pods"')) as (address, _):
        config = tmp_path_factory.mktemp("config") / "config"
        config.write_text(KUBECONFIG.format(address=address))
        result = call(*ASK, "--pod", "neo4j-0", KUBECONFIG=str(config))

    assert result.return_value == 12
    # The context is who we are: it may not say so by --as.
    assert "`kubectl --context c -n default auth can-i get pods`" in result.stderr


KUBECONFIG = """\
clusters: [{{name: c, cluster: {{server: "{address}"}}}}]
users: []
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
current-context: c
"""
