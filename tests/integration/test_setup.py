"""A sidecar that is set up wrong lives, says what is wrong, and answers every request with it."""

import os
from pathlib import Path

from tests.integration.serving import serving
from tests.rig import Rig, wait_for
from tests.standin.install import install


def ask(rig: Rig, name: str = "any") -> dict[str, object]:
    """Submit a request that would be right and give its document; the daemon lives on."""
    rig.submit(name)
    document = rig.wait_for_end(name)
    assert rig.daemons[-1].poll() is None
    return document


WRONG = {
    "NEO4J_BACKUP_TIMEOUT": "soon",
    "NEO4J_BACKUP_ALLOWED_ROOTS": "backups",
    "NEO4J_BACKUP_FROM": "@file",
    "NEO4J_BACKUP_HEAP": "much",
    "NEO4J_BACKUP_COMPRESS": "perhaps",
    "NEO4J_BACKUP_INCLUDE_METADATA": "--help",
    "NEO4J_BACKUP_ADDITIONAL_CONFIG": "conf/x",
}


def test_wrong_settings_are_the_answer_to_every_request(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j", settings=WRONG) as rig:
        document = ask(rig)

        assert (document["state"], document["code"], document["exit_code"]) == ("failed", "configuration_error", 5)
        assert "neo4j-backup-sidecar settings" in str(document["hint"])
        for variable in WRONG:
            assert variable in str(document["message"])
            assert variable in rig.log.read_text()
        assert rig.invocations() == []
        assert rig.lines("facts")[-1] == {"end": {"exit_code": 0}}


def test_wrong_roots_are_told_as_that_and_not_as_a_wrong_path(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j", settings={"NEO4J_BACKUP_ALLOWED_ROOTS": "backups"}) as rig:
        assert "NEO4J_BACKUP_ALLOWED_ROOTS" in str(ask(rig)["message"])


def test_the_licence_has_to_be_answered_where_it_is_enterprise(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j", settings={"NEO4J_EDITION": "enterprise"}) as rig:
        unanswered = ask(rig, "unanswered")
        rig.stop(rig.daemons[-1])
        rig.environment["NEO4J_ACCEPT_LICENSE_AGREEMENT"] = "eval"
        rig.start()
        answered = ask(rig, "answered")

        assert (unanswered["code"], unanswered["exit_code"]) == ("configuration_error", 5)
        assert "NEO4J_ACCEPT_LICENSE_AGREEMENT" in str(unanswered["message"])
        assert answered["state"] == "succeeded"


def test_a_neo4j_admin_that_is_not_there_or_cannot_run_is_told(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        program = rig.home / "bin/neo4j-admin"
        text = program.read_bytes()
        said = {}

        program.unlink()
        said["missing"] = ask(rig, "missing")
        program.write_bytes(text)
        said["not executable"] = ask(rig, "unfit")
        program.chmod(0o755)
        program.write_text("#!/no/such/interpreter\n")
        said["without its interpreter"] = ask(rig, "interpreter")
        install(rig.home)

        assert {document["code"] for document in said.values()} == {"configuration_error"}
        assert "there is no neo4j-admin" in str(said["missing"]["message"])
        assert "may not be executed" in str(said["not executable"]["message"])
        assert "interpreter" in str(said["without its interpreter"]["message"])
        assert ask(rig, "mended")["state"] == "succeeded"
        wait_for(lambda: rig.leftovers() == [], 3)


def test_a_community_neo4j_admin_is_told(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        install(rig.home, edition="community")

        document = ask(rig)

        assert (document["code"], document["exit_code"]) == ("configuration_error", 5)
        assert "Enterprise only" in str(document["message"])


def test_a_server_that_takes_no_connection_is_worth_a_retry(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j", settings={"NEO4J_BACKUP_FROM": "127.0.0.1:1"}) as rig:
        rig.set_knobs(connect="tcp")

        document = ask(rig)

        assert (document["code"], document["exit_code"], document["retryable"]) == ("server_unavailable", 14, True)
        assert "127.0.0.1:1" in str(document["message"])


def test_temporary_files_lie_where_the_setting_says(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    with serving(tmp_path / "rig", "neo4j", settings={"NEO4J_BACKUP_TEMP": str(temporary)}) as rig:
        assert ask(rig)["state"] == "succeeded"

        assert rig.invocations()[0]["cwd"].startswith(f"{temporary}/.run-")
        wait_for(lambda: os.listdir(temporary) == [], 3)
