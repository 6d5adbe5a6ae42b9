"""The containers beside a real Neo4j Community, and with its real neo4j-admin and Java in the sidecar's image."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers import a_sidecar, trigger
from tests.docker_host import discard, docker, require_docker, unique_name
from tests.genuine import SHARED, require_neo4j
from tests.images import BUILD_SECONDS, CLASSIC, Images, build
from tests.integration.compose_stack import a_stack
from tests.rig import wait_for

pytestmark = [pytest.mark.docker, pytest.mark.neo4j, pytest.mark.timeout(900)]
VERSION = "5.26.28"
# Laid out as the official images are: the home may be written by everybody, and the data lies outside it.
DOCKERFILE = """\
FROM debian:bookworm-slim
RUN groupadd --gid 7474 neo4j; useradd --uid 7474 --gid 7474 --no-create-home neo4j; install -d -o 7474 -g 7474 /data
COPY java /opt/java/openjdk
COPY home /var/lib/neo4j
RUN cd /var/lib/neo4j; rm -r data; ln -s /data data; chmod -R 777 .
ENV NEO4J_HOME=/var/lib/neo4j JAVA_HOME=/opt/java/openjdk NEO4J_EDITION=community
ENV PATH=/var/lib/neo4j/bin:/opt/java/openjdk/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 7474:7474
CMD ["neo4j", "console"]
"""
LEFT_OUT = ("lib/src.zip", "jmods", "demo", "man", "include")


@pytest.fixture(scope="module")
def community(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image of a real Neo4j Community, made of its published jars and of this machine's Java."""
    require_docker()
    require_neo4j()
    folder = tmp_path_factory.mktemp("community")
    subprocess.run([SHARED / "neo4j-home", folder / "home"], check=True, capture_output=True)
    settings = folder / "home/conf/neo4j.conf"
    settings.write_text(settings.read_text().replace("listen_address=127.0.0.1", "listen_address=0.0.0.0"))
    (folder / "Dockerfile").write_text(DOCKERFILE)
    context = folder / "context.tar"
    java = Path(shutil.which("java") or "").resolve().parents[1]
    left_out = [f"--exclude=./{name}" for name in LEFT_OUT]
    pack = ["tar", "--dereference", f"--file={context}"]
    subprocess.run([*pack, "--create", *left_out, "--transform=s,^[.],java,", f"--directory={java}", "."], check=True)
    subprocess.run([*pack, "--append", f"--directory={folder}", "Dockerfile", "home"], check=True)
    tag = unique_name()
    try:
        docker(
            *("build", "--force-rm", f"--tag={tag}", "-"),
            given=context.read_bytes(),
            environment=CLASSIC,
            seconds=BUILD_SECONDS,
        )
        context.unlink()
        yield tag
    finally:
        discard("image", "rm", tag)


def test_beside_a_real_server_the_stand_in_backs_up_every_database_that_it_holds(
    images: Images, community: str, tmp_path: Path
) -> None:
    with a_stack(tmp_path, NEO4J_BACKUP_STANDIN=images.standin, NEO4J_SERVER_IMAGE=community) as stack:
        server = f"{stack.project}-neo4j-1"
        wait_for(lambda: "Started." in docker("logs", server), 90, lambda: docker("logs", server))

        ran = trigger("trigger", stack.sidecar.name, "--path", "/backups/all")

    assert ran.exit_code == 0, ran.said
    assert [result["database"] for result in ran.status["results"]] == ["neo4j", "system"]


def test_the_real_neo4j_admin_runs_in_the_image_and_its_answer_is_understood(
    images: Images, community: str, tmp_path: Path
) -> None:
    """Of the edition that lacks `database backup`; all before that command is as in the other."""
    tag = unique_name()
    try:
        build(tag, "images/sidecar/Dockerfile", NEO4J_IMAGE=community)
        with a_sidecar(tag, images.standin, tmp_path, "--memory=1g") as sidecar:
            checks = trigger("check", sidecar.name, "--path", "/backups")
            ran = trigger("trigger", sidecar.name, "--path", "/backups/nightly", "--database", "neo4j")
    finally:
        discard("image", "rm", tag)

    found = {check["name"]: check["message"] for check in checks.status["checks"]}
    assert found["neo4j-admin"].startswith(f"{VERSION} Community, /var/lib/neo4j/bin/neo4j-admin")
    assert (ran.exit_code, ran.status["code"]) == (5, "configuration_error"), ran.said
    assert "Neo4j Enterprise only" in ran.status["message"]
    assert any("Unmatched argument" in line for line in ran.status["output_tail"])
