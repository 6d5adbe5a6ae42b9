"""Before anything is copied neo4j-admin has to be there, and its licence answered."""

from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from sidecar.preflight import check_licence, find_neo4j_admin
from sidecar.settings import Settings, load


def program(folder: Path, mode: int = 0o755) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "neo4j-admin"
    file.write_text("#!/bin/sh\n")
    file.chmod(mode)
    return file


def test_the_setting_goes_before_path(tmp_path: Path) -> None:
    chosen = program(tmp_path / "chosen")
    settings = Settings(neo4j_admin=str(chosen))

    found = find_neo4j_admin(settings, {"PATH": str(program(tmp_path / "path").parent)})

    assert found == chosen


def test_path_goes_before_neo4js_home(tmp_path: Path) -> None:
    on_path = program(tmp_path / "second")
    home = program(tmp_path / "home/bin").parent.parent
    environment = {"PATH": f"{tmp_path}/first:{on_path.parent}", "NEO4J_HOME": str(home)}

    assert find_neo4j_admin(Settings(), environment) == on_path
    assert find_neo4j_admin(Settings(), environment | {"PATH": "/nowhere"}) == home / "bin/neo4j-admin"


def test_a_relative_entry_of_path_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigurationError):
        find_neo4j_admin(Settings(), {"PATH": "bin::.", "NEO4J_HOME": "."})


def test_one_that_may_not_be_executed_is_passed_over_for_one_that_may(tmp_path: Path) -> None:
    dead = program(tmp_path / "dead", 0o644)
    alive = program(tmp_path / "alive")

    assert find_neo4j_admin(Settings(), {"PATH": f"{dead.parent}:{alive.parent}"}) == alive


def test_where_none_may_be_executed_it_is_said(tmp_path: Path) -> None:
    dead = program(tmp_path / "dead", 0o644)

    with pytest.raises(ConfigurationError, match=f"{dead} may not be executed"):
        find_neo4j_admin(Settings(neo4j_admin=str(dead)), {})


def test_where_there_is_none_it_is_said_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "neo4j-admin").mkdir()

    with pytest.raises(ConfigurationError) as nowhere:
        find_neo4j_admin(Settings(), {"PATH": str(tmp_path)})
    with pytest.raises(ConfigurationError) as wrong:
        find_neo4j_admin(Settings(neo4j_admin="/nowhere/neo4j-admin"), {"PATH": str(program(tmp_path / "b").parent)})

    assert str(tmp_path) in nowhere.value.message
    assert "NEO4J_BACKUP_NEO4J_ADMIN" in nowhere.value.hint
    assert "/nowhere/neo4j-admin" in wrong.value.message


@pytest.mark.parametrize("answer", ["yes", "eval"])
def test_an_answered_licence_is_fine(answer: str) -> None:
    check_licence(load({"NEO4J_EDITION": "enterprise", "NEO4J_ACCEPT_LICENSE_AGREEMENT": answer}).settings)


@pytest.mark.parametrize("environment", [{}, {"NEO4J_EDITION": "community"}])
def test_without_enterprise_nobody_is_asked(environment: dict[str, str]) -> None:
    check_licence(load(environment).settings)


@pytest.mark.parametrize("answer", ["", "no", "YES", "true", "yes please"])
def test_enterprise_without_an_answer_runs_no_backup(answer: str) -> None:
    settings = load({"NEO4J_EDITION": "enterprise", "NEO4J_ACCEPT_LICENSE_AGREEMENT": answer}).settings

    with pytest.raises(ConfigurationError, match="neither yes nor eval") as refused:
        check_licence(settings)

    assert "NEO4J_ACCEPT_LICENSE_AGREEMENT" in refused.value.hint
