"""What docs/kubernetes.md tells is what there is: files, commands, options, settings, codes, objects, figures."""

import re
from pathlib import Path

import click
import pytest
import yaml

from shared.errors import ERRORS
from sidecar.memory import choose_memory
from sidecar.settings import documented
from sidecar.sizes import parse_size
from tests import neo4j_chart
from tests.manifests import MANIFESTS, Document, containers, kustomize, names, of_kind, overlay, variables
from tests.pages import ROOT, Command, Page, rows
from trigger.cli import cli
from trigger.reach import choose
from trigger.transport.kubernetes import CONTAINER, KubernetesTransport
from trigger.transport.kubernetes_inspection import API_SERVER, POD, POLICY, RIGHTS

PAGE = Page(ROOT / "docs" / "kubernetes.md")
README = Page(ROOT / "README.md")
PAGES = (PAGE, README, Page(MANIFESTS / "README.md"))
VALUES: Document = yaml.safe_load((MANIFESTS / "helm-values.yaml").read_text())
DOCUMENTS = [yaml.safe_load(block) for block in PAGE.blocks("yaml")]


@pytest.fixture
def applied(tmp_path: Path) -> list[Document]:
    """Give what the overlay of step 8 makes."""
    (own,) = (each for each in DOCUMENTS if each.get("kind") == "Kustomization")
    return built(tmp_path, own)


def built(folder: Path, kustomization: Document) -> list[Document]:
    """Build a kustomization whose resources are of this repository, from a folder beside it."""
    above = "../" * len(folder.parts[1:]) + str(ROOT).lstrip("/")
    resources = [each.replace("../manifests", f"{above}/manifests") for each in kustomization["resources"]]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({**kustomization, "resources": resources}))
    return kustomize(folder)


def our_words(command: Command) -> tuple[str, ...]:
    """Give what a command hands to ours, which may run as a container of kubectl's."""
    words = command.words
    return words[1:] if words[0] == "neo4j-backup" else words[words.index("--") + 1 :]


def ours() -> list[tuple[str, ...]]:
    in_pods = [each for each in PAGE.commands("kubectl") if "run" in each.words]
    return [our_words(each) for page in PAGES for each in page.commands("neo4j-backup")] + [
        our_words(each) for each in in_pods
    ]


@pytest.mark.parametrize("words", ours(), ids=" ".join)
def test_every_command_of_ours_is_one_that_the_program_takes(words: tuple[str, ...]) -> None:
    verb, *rest = words

    context = cli.commands[verb].make_context(verb, list(rest), parent=click.Context(cli))

    with context:
        reach = choose(context)
    kubernetes = {"--pod", "--selector"} & set(rest)
    assert isinstance(reach.transport, KubernetesTransport) == bool(kubernetes)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Page) -> None:
    assert page.links()
    for path, heading in page.links():
        assert path.exists(), path
        assert not heading or heading in Page(path).headings(), (path, heading)


def test_every_file_that_is_named_is_there() -> None:
    files = set(re.findall(r"\b(?:manifests|images|docs)/[\w./-]*\w", PAGE.text))
    short = set(re.findall(r"`((?:components|overlays)/[\w/-]+)`", PAGE.text))

    assert len(files) > 3
    assert len(short) > 2
    assert all((ROOT / each).exists() for each in files), files
    assert all((MANIFESTS / each / "kustomization.yaml").exists() for each in short), short


def test_every_setting_and_variable_is_one_of_ours() -> None:
    trigger = {f"NEO4J_BACKUP_TRIGGER_{param.name}".upper() for param in cli.commands["trigger"].params}
    settings = {each.variable for each in documented()}

    assert set(re.findall(r"NEO4J_BACKUP_[A-Z_]+", PAGE.text)) <= trigger | settings


def test_every_code_and_exit_code_is_one_of_ours() -> None:
    codes = {error.code: error.exit_code for error in ERRORS}
    told = {word for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE.prose) if not word.startswith("kube_")}

    assert told
    assert told <= set(codes)
    assert codes["configuration_error"] == 5  # where a selector matches more than one pod
    assert codes["wait_timed_out"] == 6  # where the Job's own wait is over
    assert set(re.findall(r"(?:exit code|fails with) (\d+)", PAGE.text)) == {"5", "6"}


def test_the_rights_that_the_readme_explains_are_those_of_the_role(applied: list[Document]) -> None:
    [role] = of_kind(applied, "Role")

    told = {
        (row[0].strip("`"), frozenset(re.findall(r"\w+", row[1]))) for row in rows(README.section("Kubernetes"))[1:]
    }

    assert told == {(resource, frozenset(rule["verbs"])) for rule in role["rules"] for resource in rule["resources"]}


def test_what_apply_prints_is_what_the_overlay_makes(applied: list[Document]) -> None:
    [apply] = [each for each in PAGE.commands("kubectl") if "apply" in each.words]

    printed = {tuple(line.split()[0].partition("/")[::2]) for line in apply.printed}

    assert {(kind.split(".")[0], name) for kind, name in printed} == {
        (each["kind"].lower(), each["metadata"]["name"]) for each in applied
    }


def test_the_overlay_takes_the_trigger_from_the_registry(applied: list[Document]) -> None:
    [pushed] = {
        word for each in PAGE.commands("docker") for word in each.words if "registry" in word and "trig" in word
    }

    for each in of_kind(applied, "CronJob"):
        [container] = each["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        assert container["image"] == pushed


def test_kubectl_is_told_of_objects_and_containers_that_there_are(applied: list[Document]) -> None:
    made = {
        f"job/{each.words[each.words.index('job') + 1]}"
        for each in PAGE.commands("kubectl")
        if "create" in each.words and "job" in each.words
    }
    there = {f"cronjob/{name}" for name in names(applied, "CronJob")} | made | {"statefulset/neo4j"}
    told = {word.removeprefix("--from=") for each in PAGE.commands("kubectl") for word in each.words}
    release = neo4j_chart.stateful_set("neo4j", DOCUMENTS[0], VALUES)

    assert {word for word in told if re.match(r"(job|cronjob|statefulset)/", word)} <= there
    assert set(re.findall(r"--from=(cronjob/[\w-]+)", PAGE.text)) <= there
    assert set(re.findall(r" -c ([\w-]+)", PAGE.text)) <= {
        each["name"] for each in containers(release["spec"]["template"]["spec"])
    }
    assert f"{release['metadata']['name']}-0" == "neo4j-0"


def test_helm_sets_the_sidecar_s_image_and_the_licence() -> None:
    [install] = [each.words for each in PAGE.commands("helm") if "upgrade" in each.words]
    given = dict(word.split("=", 1) for word in install if word.startswith("podSpec."))
    [sidecar] = VALUES["podSpec"]["initContainers"]

    assert set(given) == {"podSpec.initContainers[0].image", "podSpec.initContainers[0].env[0].value"}
    assert sidecar["name"] == CONTAINER
    assert given["podSpec.initContainers[0].image"].endswith(f"/{sidecar['image']}")
    assert sidecar["env"][0]["name"] == "NEO4J_ACCEPT_LICENSE_AGREEMENT"


def test_the_lines_of_check_are_those_of_the_program() -> None:
    [from_here] = PAGE.commands("neo4j-backup")[:1]
    [from_a_pod] = [each for each in PAGE.commands("kubectl") if "run" in each.words]
    outside = [API_SERVER, POD, RIGHTS, "transport", "daemon"]
    inside = ["sidecar", "request volume", "neo4j-admin", "licence", "server", "databases", "memory", "target"]

    told, told_in_pod = ([line for line in each.printed if line.startswith("✓")] for each in (from_here, from_a_pod))

    for lines, checks in ((told, [*outside, *inside]), (told_in_pod, [API_SERVER, POD, RIGHTS, POLICY])):
        assert len(lines) == len(checks)
        assert all(line.startswith(f"✓ {check}: ") for line, check in zip(lines, checks, strict=True))


def test_the_table_of_limits_is_what_is_chosen() -> None:
    table = rows(PAGE.section("Requests and limits"))[1:]

    for limit, heap, pagecache in table:
        size = parse_size(re.sub(r"(\d+[MG]i).*", r"\1B", limit))
        chosen = choose_memory(size, heap=None, pagecache=None, check=True)
        assert (chosen.heap, chosen.pagecache) == (heap, pagecache), limit
    choose_memory(parse_size("500MiB"), heap=None, pagecache=None, check=True)
    assert "500Mi." in PAGE.section("Requests and limits")


def test_the_alert_looks_at_our_cronjobs(applied: list[Document]) -> None:
    [rule] = [each for each in DOCUMENTS if each.get("kind") == "PrometheusRule"]
    told = {
        name for each in rule["spec"]["groups"][0]["rules"] for name in re.findall(r'cronjob=~?"([^"]+)"', each["expr"])
    }

    assert all(any(re.fullmatch(name, each) for each in names(applied, "CronJob")) for name in told)
    assert names(applied, "CronJob") <= told, "each is missed by its name"
    assert {each["metadata"]["namespace"] for each in of_kind(applied, "CronJob")} == {rule["metadata"]["namespace"]}


def test_the_patch_for_tls_gives_the_sidecar_its_file(tmp_path: Path) -> None:
    [patch] = [each for each in DOCUMENTS if each.get("kind") == "StatefulSet"]
    (tmp_path / "tls.yaml").write_text(yaml.safe_dump(patch))
    overlaid = {"resources": ["../manifests/overlays/single"], "patches": [{"path": "tls.yaml"}]}

    [server] = of_kind(built(tmp_path, overlaid), "StatefulSet")

    pod = server["spec"]["template"]["spec"]
    [sidecar] = [each for each in containers(pod) if each["name"] == CONTAINER]
    mounts = {each["mountPath"]: each["name"] for each in sidecar["volumeMounts"]}
    file = variables(sidecar)["NEO4J_BACKUP_ADDITIONAL_CONFIG"]
    [configuration] = [block for block in PAGE.blocks("") if block.startswith("dbms.")]
    given = dict(line.split("=") for line in configuration.splitlines())
    assert file.startswith(f"{given['dbms.ssl.policy.backup.base_directory']}/")
    assert {given["dbms.ssl.policy.backup.base_directory"], given["dbms.ssl.policy.backup.revoked_dir"]} <= set(mounts)
    assert set(mounts.values()) <= {each["name"] for each in pod["volumes"]} | {"data"}
    [tls] = [each["projected"] for each in pod["volumes"] if each["name"] == mounts["/tls"]]
    assert {"private.key", "public.crt", "trusted/ca.crt"} <= {
        item["path"] for source in tls["sources"] for item in source.get("secret", {}).get("items", [])
    }


def test_the_volumes_that_hold_a_drain_up_are_those_that_the_sidecar_brings() -> None:
    [server] = of_kind(overlay("single"), "StatefulSet")
    brought = {each["name"] for each in server["spec"]["template"]["spec"]["volumes"] if "emptyDir" in each}

    [told] = re.findall(r"safe-to-evict-local-volumes: ([\w,-]+)", PAGE.text)

    assert set(told.split(",")) == brought
    assert brought == {each["name"] for each in VALUES["additionalVolumes"] if "emptyDir" in each}
    assert "--delete-emptydir-data" in PAGE.section("When the pod goes")


def test_a_mesh_is_kept_away_by_what_the_jobs_carry() -> None:
    told = set(re.findall(r"`((?:sidecar\.istio|linkerd)\.io/[^`]+)`", PAGE.text))

    for each in of_kind(overlay("chart"), "CronJob"):
        found = each["spec"]["jobTemplate"]["spec"]["template"]["metadata"]
        carried = {f'{key}: "{value}"' for key, value in found["labels"].items()}
        carried |= {f"{key}: {value}" for key, value in found["annotations"].items()}
        assert told <= carried
    assert len(told) == 2


def test_the_pod_that_checks_is_to_policies_and_meshes_what_a_job_s_is() -> None:
    [run] = [each.words for each in PAGE.commands("kubectl") if "run" in each.words]
    given = {kind: _pairs(run, f"--{kind}=") for kind in ("labels", "annotations")}
    [policy] = of_kind(overlay("restricted"), "NetworkPolicy")

    assert policy["spec"]["podSelector"]["matchLabels"].items() <= given["labels"].items()
    for each in of_kind(overlay("chart"), "CronJob"):
        carried = each["spec"]["jobTemplate"]["spec"]["template"]["metadata"]
        assert given == {kind: carried[kind] for kind in given}


def _pairs(words: tuple[str, ...], option: str) -> dict[str, str]:
    [given] = [word.removeprefix(option) for word in words if word.startswith(option)]
    return dict(pair.split("=") for pair in given.split(","))


def test_nobody_is_sent_to_what_only_the_tests_have() -> None:
    assert "shared/" not in PAGE.text
