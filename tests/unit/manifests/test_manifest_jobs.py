"""The trigger's Jobs and CronJobs: their settings, their ends, and which pod they mean."""

from pathlib import Path

import click
import pytest
import yaml

from shared.durations import parse_duration
from shared.errors import ERRORS
from sidecar.settings import documented
from tests.manifests import (
    MANIFESTS,
    Document,
    job_specs,
    kustomize,
    labels_match,
    names,
    of_kind,
    overlay,
    settings,
    variables,
)
from tests.pages import Page
from trigger.cli import cli

WRONG_USAGE = 2
CHART_GRACE_SECONDS = 3600
"""The official chart's terminationGracePeriodSeconds, as tests/neo4j_chart.py has it."""
STARTS_WITHIN = 15 * 60


def test_a_job_s_settings_are_there_by_the_name_it_asks_for(objects: list[Document]) -> None:
    asked = {
        source["configMapRef"]["name"]
        for spec in job_specs(objects).values()
        for source in spec["template"]["spec"]["containers"][0]["envFrom"]
    }

    assert asked == names(objects, "ConfigMap")


def test_what_a_job_sets_is_what_the_command_takes(objects: list[Document], monkeypatch: pytest.MonkeyPatch) -> None:
    for spec in job_specs(objects).values():
        environment = settings(objects, spec)
        taken = {f"NEO4J_BACKUP_TRIGGER_{str(each.name).upper()}" for each in cli.commands["trigger"].params}
        assert set(environment) <= taken

        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            context = cli.commands["trigger"].make_context(
                "trigger", [], auto_envvar_prefix="NEO4J_BACKUP_TRIGGER", parent=click.Context(cli)
            )
        assert context.params["path"]
        assert spec["activeDeadlineSeconds"] > context.params["timeout"]


def test_by_the_readme_s_patches_a_job_waits_as_long_as_the_sidecar_lets_a_backup_run(tmp_path: Path) -> None:
    [shown] = [block for block in Page(MANIFESTS / "README.md").blocks("yaml") if "activeDeadlineSeconds" in block]
    above = "../" * len(tmp_path.parts[1:]) + str(MANIFESTS).lstrip("/")
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{above}/overlays/single]\n{shown}")
    [longest] = [each.default.strip("`") for each in documented() if each.variable == "NEO4J_BACKUP_TIMEOUT"]

    objects = kustomize(tmp_path)

    assert len(job_specs(objects)) == 3
    for spec in job_specs(objects).values():
        waits = parse_duration(settings(objects, spec)["NEO4J_BACKUP_TRIGGER_TIMEOUT"])
        assert parse_duration(longest) <= waits < spec["activeDeadlineSeconds"]


def test_a_job_s_tries_outlast_a_pod_that_takes_its_whole_grace_period_to_go(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        waits = parse_duration(settings(objects, spec)["NEO4J_BACKUP_TRIGGER_CONNECT_FOR"])

        in_all = waits * (spec["backoffLimit"] + 1)

        assert CHART_GRACE_SECONDS + STARTS_WITHIN <= in_all < spec["activeDeadlineSeconds"]


def test_a_job_says_which_pod_and_one_way_alone(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        environment = settings(objects, spec)
        assert len({"NEO4J_BACKUP_TRIGGER_POD", "NEO4J_BACKUP_TRIGGER_SELECTOR"} & set(environment)) == 1


def test_a_job_s_id_comes_from_its_pod_s_labels(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        found = variables(spec["template"]["spec"]["containers"][0])
        path = "metadata.labels['batch.kubernetes.io/{}']"
        assert found["NEO4J_BACKUP_TRIGGER_JOB_UID"] == {"fieldRef": {"fieldPath": path.format("controller-uid")}}
        assert found["NEO4J_BACKUP_TRIGGER_JOB_NAME"] == {"fieldRef": {"fieldPath": path.format("job-name")}}


def test_disruptions_are_ignored_first_and_codes_that_no_retry_mends_fail_the_job_at_once(
    objects: list[Document],
) -> None:
    # Those below 10 that no release has yet, too: a newer sidecar may answer with one.
    fatal = set(range(1, 10))
    assert fatal >= {error.exit_code for error in ERRORS if not error.retryable} | {WRONG_USAGE}

    for spec in job_specs(objects).values():
        disrupted, failed = spec["podFailurePolicy"]["rules"]
        assert disrupted == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
        assert failed["action"] == "FailJob"
        assert set(failed["onExitCodes"]["values"]) == fatal
        assert failed["onExitCodes"]["operator"] == "In"
        assert failed["onExitCodes"]["containerName"] == spec["template"]["spec"]["containers"][0]["name"]
        assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_jobs_leave_nothing_behind_for_ever_and_get_no_service_links(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        assert spec["ttlSecondsAfterFinished"] > 0
        assert spec["template"]["spec"]["enableServiceLinks"] is False


def test_a_mesh_puts_no_proxy_beside_the_trigger(objects: list[Document]) -> None:
    for spec in job_specs(objects).values():
        metadata = spec["template"]["metadata"]
        assert metadata["labels"]["sidecar.istio.io/inject"] == "false"
        assert metadata["annotations"]["linkerd.io/inject"] == "disabled"


def test_all_jobs_are_the_same_but_for_the_type(objects: list[Document]) -> None:
    pods = []
    for spec in job_specs(objects).values():
        pod = yaml.safe_load(yaml.safe_dump(spec["template"]["spec"]))
        [container] = pod["containers"]
        container["env"] = sorted(
            (each for each in container["env"] if each["name"] != "NEO4J_BACKUP_TRIGGER_TYPE"), key=str
        )
        # Of three servers each has settings and an account of its own.
        del container["envFrom"], pod["serviceAccountName"]
        rest = {key: value for key, value in spec.items() if key not in ("template", "suspend")}
        pods.append({**rest, "pod": pod})

    assert all(each == pods[0] for each in pods)


@pytest.mark.parametrize("name", ["three-servers", "resource-names"])
def test_pods_that_are_named_are_those_of_the_server(name: str) -> None:
    assert pods_named(overlay(name)) <= pods_of_servers(overlay(name))


def test_under_a_prefix_the_readme_s_patches_name_the_pods_that_there_are(tmp_path: Path) -> None:
    [shown] = [block for block in Page(MANIFESTS / "README.md").blocks("yaml") if block.startswith("namePrefix:")]
    above = "../" * len(tmp_path.parts[1:]) + str(MANIFESTS).lstrip("/")
    written = yaml.safe_load(shown)
    built = {**written, "resources": [f"{above}/{each.removeprefix('manifests/')}" for each in written["resources"]]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(built))

    objects = kustomize(tmp_path)

    assert pods_named(objects) == pods_of_servers(objects)


def pods_named(objects: list[Document]) -> set[str]:
    """Give the pods that Jobs are for, and that rights are held to."""
    jobs = {settings(objects, spec)["NEO4J_BACKUP_TRIGGER_POD"] for spec in job_specs(objects).values()}
    return jobs | {
        pod for each in of_kind(objects, "Role") for rule in each["rules"] for pod in rule.get("resourceNames", ())
    }


def pods_of_servers(objects: list[Document]) -> set[str]:
    return {
        f"{each['metadata']['name']}-{ordinal}"
        for each in of_kind(objects, "StatefulSet")
        for ordinal in range(each["spec"]["replicas"])
    }


def test_applying_starts_no_backup(objects: list[Document]) -> None:
    assert all(job["spec"]["suspend"] is True for job in of_kind(objects, "Job"))


def test_the_readme_s_patch_leaves_the_job_out_and_nothing_else(tmp_path: Path) -> None:
    [patch] = [block for block in Page(MANIFESTS / "README.md").blocks("yaml") if "$patch" in block]
    above = "../" * len(tmp_path.parts[1:]) + str(MANIFESTS).lstrip("/")
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{above}/overlays/chart]\n{patch}")

    left = kustomize(tmp_path)

    assert left == [each for each in overlay("chart") if each["kind"] != "Job"]


def test_schedules_have_a_time_zone_and_never_overlap(objects: list[Document]) -> None:
    for each in of_kind(objects, "CronJob"):
        spec = each["spec"]
        assert spec["timeZone"] == "Etc/UTC"
        assert spec["concurrencyPolicy"] == "Forbid"
        assert spec["startingDeadlineSeconds"] > 0
        assert spec["successfulJobsHistoryLimit"] > 0
        assert spec["failedJobsHistoryLimit"] > 0


def test_there_is_a_full_backup_a_week_and_a_differential_every_other_day() -> None:
    found = {
        each["spec"]["schedule"]: variables(each["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0])
        for each in of_kind(overlay("single"), "CronJob")
    }

    assert {when: each["NEO4J_BACKUP_TRIGGER_TYPE"] for when, each in found.items()} == {
        "15 2 * * 0": "FULL",
        # AUTO: a database that is new since Sunday gets a full one.
        "15 2 * * 1-6": "AUTO",
    }


@pytest.mark.parametrize("name", ["single", "restricted"])
def test_the_labels_that_are_looked_for_are_those_of_one_pod_and_not_of_the_jobs_own(name: str) -> None:
    objects = overlay(name)
    [server] = of_kind(objects, "StatefulSet")
    for spec in job_specs(objects).values():
        selector = settings(objects, spec)["NEO4J_BACKUP_TRIGGER_SELECTOR"]
        assert labels_match(selector, server["spec"]["template"]["metadata"]["labels"])
        assert not labels_match(selector, spec["template"]["metadata"]["labels"])
    assert server["spec"]["replicas"] == 1


def test_each_of_three_servers_has_jobs_that_name_it() -> None:
    objects = overlay("three-servers")
    [server] = of_kind(objects, "StatefulSet")
    made: dict[str, int] = {}
    for spec in job_specs(objects).values():
        pod = settings(objects, spec)["NEO4J_BACKUP_TRIGGER_POD"]
        made[pod] = made.get(pod, 0) + 1

    pods = {f"{server['metadata']['name']}-{ordinal}" for ordinal in range(server["spec"]["replicas"])}
    assert made == dict.fromkeys(pods, 3)
