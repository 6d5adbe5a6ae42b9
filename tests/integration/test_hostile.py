"""Hostile values, through the mailbox and through submit: none reaches neo4j-admin, an option or a path outside."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving import asked, lent, serving, talk
from tests.rig import Rig, wait_for

WORD = "0123456789abcdef"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with serving(tmp_path_factory.mktemp("hostile") / "rig", "neo4j") as rig:
        (rig.folder / "outside").mkdir()
        (rig.backups / "link").symlink_to(rig.folder / "outside")
        (rig.backups / "file").touch()
        (rig.folder / "backups-beside").mkdir()
        (rig.folder / "options").write_text("--from=evil:6362\n")
        yield rig


@pytest.fixture
def rig(served: Rig) -> Iterator[Rig]:
    """A rig that holds a test to what nothing hostile may do."""
    before = outside(served)
    with lent(served) as rig:
        yield rig
        assert rig.journal.read_text() == "", "neo4j-admin was started"
    assert outside(served) == before
    assert sorted(os.listdir(served.backups)) == ["file", "link"]


def outside(rig: Rig) -> list[str]:
    """Give all names that a rig has outside its roots and its request volume, and in what they lie."""
    own = [rig.backups, rig.requests]
    found = [path for path in rig.folder.rglob("*") if not any(path.is_relative_to(folder) for folder in own)]
    return sorted(str(path) for path in found if not path.name.startswith("journal-")) + os.listdir(rig.folder.parent)


def paths(rig: Rig) -> dict[str, str]:
    root = str(rig.backups)
    return {
        "nothing": "",
        "a blank": " ",
        "relative": "backups/nightly",
        "a dot": ".",
        "up": f"{root}/..",
        "up and down": f"{root}/../backups",
        "up to another": f"{root}/../outside",
        "up in the middle": f"{root}/a/../../outside",
        "a dot in it": f"{root}/./nightly",
        "the file system's root": "/",
        "twice the root": "//",
        "elsewhere": "/etc",
        "another folder of ours": str(rig.requests),
        "a name that only begins as the root": f"{root}-beside",
        "the root in capitals": root.upper(),
        "above the root": str(rig.folder),
        "a link": f"{root}/link",
        "below a link": f"{root}/link/below",
        "below a file": f"{root}/file/below",
        "a file": f"{root}/file",
        "what was set aside": f"{root}/.failed",
        "below what was set aside": f"{root}/nightly/.failed",
        "temporary files": f"{root}/.neo4j-backup-tmp/x",
        "hidden": f"{root}/.hidden",
        "a newline": f"{root}/night\nly",
        "a newline at the end": f"{root}/nightly\n",
        "a NUL": f"{root}/night\0ly",
        "an escape sequence": f"{root}/\x1b[31mred",
        "a line separator": f"{root}/night\u2028ly",
        "half a character": f"{root}/night\ud800ly",
        "an option": "--from=evil:6362",
        "an option below": f"--to-path={root}",
        "a file of options": f"@{rig.folder}/options",
        "a URI": f"file://{root}/nightly",
        "cloud storage": "s3://bucket/backups/",
        "home": "~/backups",
        "a variable": "$HOME/backups",
        "a command": "$(touch /tmp/hostile)",
        "long": f"{root}/" + "a" * 5000,
        "many components": f"{root}" + "/a" * 5000,
        "a long component": f"{root}/" + "a" * 256,
        "a long component in bytes": f"{root}/" + "\N{EURO SIGN}" * 100,
    }


DATABASES = {
    "an option": "--from=evil:6362",
    "help": "-h",
    "an option with a pattern": "--to-path=*",
    "a file of options": "@/etc/passwd",
    "two words": "neo4j --from=evil",
    "a path": "a/b",
    "up": "../neo4j",
    "dots": "...",
    "a command": "$(id)",
    "backquotes": "`id`",
    "the next command": "neo4j;id",
    "a pipe": "neo4j|id",
    "a quote": "neo4j'",
    "a newline": "neo4j\n",
    "a NUL": "neo4j\0",
    "an escape sequence": "neo4j\x1b[2J",
    "half a character": "neo4j\udc80",
    "nothing": "",
    "a blank": " ",
    "two letters": "ab",
    "too long": "a" * 64,
    "very long": "a" * 60_000,
    "a Cyrillic o": "ne\N{CYRILLIC SMALL LETTER O}4j",
    "wide": "\N{FULLWIDTH LATIN SMALL LETTER N}eo4j",
    "a ligature": "\N{LATIN SMALL LIGATURE FI}les",
    "an Arabic digit": "neo\N{ARABIC-INDIC DIGIT FOUR}j",
    "a soft hyphen": "neo\N{SOFT HYPHEN}4j",
    "right to left": "\N{RIGHT-TO-LEFT OVERRIDE}j4oen",
    "an underscore": "neo_4j",
    "a reserved name": "system2",
    "a pattern with a slash": "*/..",
    "a pattern with an option": "-*",
    "brackets": "[a-z]*",
    "a comma": "neo4j,system",
}

IDS = {
    "up": "..",
    "a path": "../status/x",
    "absolute": "/etc/passwd",
    "a dot": ".hidden",
    "an option": "--help",
    "an attempt": "nightly~2",
    "a NUL": "a\0b",
    "a newline": "nightly\n",
    "a blank": "nightly 1",
    "nothing": "",
    "too long": "a" * 129,
    "very long": "a" * 4096,
    "half a character": "a\ud800",
    "a letter that isn't ASCII": "n\N{LATIN SMALL LETTER A WITH DIAERESIS}chtlich",
    "a percent sign": "a%2e",
    "a backslash": "a\\b",
}


def check_refusal(said: dict[str, Any], what: str) -> None:
    assert (said["code"], said["exit_code"]) == ("request_rejected", 4), what
    for text in (said["message"], said["hint"]):
        assert text.isprintable(), what
        assert len(text) < 2000, what
    assert said["message"], what


def refused_by_submit(rig: Rig, name: str, request: dict[str, object], what: str) -> None:
    answer = talk(rig, asked("submit", name, {"request": request, "word": WORD}))

    check_refusal(answer[-1]["error"], what)
    assert len(answer) == 1, what


def refused_by_the_mailbox(rig: Rig, request: dict[str, object], what: str) -> None:
    before = refusals(rig)
    (rig.requests / "mine").write_text(json.dumps(request))
    (rig.requests / "mine").rename(rig.requests / "backup.request")
    wait_for(lambda: refusals(rig) > before, 5, lambda: f"{what}: {rig.log.read_text()[-2000:]}")
    newest = max(before_after(rig, before))

    document = json.loads((rig.requests / "status" / newest).read_bytes())
    check_refusal(document, what)
    assert document["state"] == "rejected"
    assert len(json.dumps(document)) < 8192, what


def refusals(rig: Rig) -> set[str]:
    return {name for name in os.listdir(rig.requests / "status") if name.startswith("refused-")}


def before_after(rig: Rig, before: set[str]) -> set[str]:
    return refusals(rig) - before


def no_document_but_refusals(rig: Rig) -> None:
    assert all(document["state"] == "rejected" for document in rig.documents())


def test_hostile_paths_are_refused(rig: Rig) -> None:
    for what, path in paths(rig).items():
        request: dict[str, object] = {"path": path, "type": "FULL", "database": "neo4j"}
        refused_by_submit(rig, "hostile", request, what)
        if "half" not in what:  # which is no JSON text, and waited for
            refused_by_the_mailbox(rig, request, what)
    no_document_but_refusals(rig)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a good one"])
def test_hostile_databases_are_refused(rig: Rig, beside: bool) -> None:
    for what, database in DATABASES.items():
        named = ["neo4j", database] if beside else database
        request: dict[str, object] = {"path": str(rig.target), "type": "FULL", "database": named}
        refused_by_submit(rig, "hostile", request, what)
        if "half" not in what and not beside:
            refused_by_the_mailbox(rig, request, what)
    no_document_but_refusals(rig)


def test_hostile_ids_are_refused(rig: Rig) -> None:
    for what, name in IDS.items():
        request: dict[str, object] = {"path": str(rig.target), "type": "FULL", "database": "neo4j"}
        refused_by_submit(rig, name, request, what)
        if "half" not in what:
            refused_by_the_mailbox(rig, request | {"id": name}, what)
        for verb in ("get", "cancel", "follow", "log"):
            check_refusal(talk(rig, asked(verb, name))[-1]["error"], f"{verb} {what}")
    no_document_but_refusals(rig)


def test_hostile_types_are_refused(rig: Rig) -> None:
    for type_ in (
        "",
        "FULL ",
        "FULL --from=evil",
        "--help",
        "FULL\n",
        "\N{FULLWIDTH LATIN CAPITAL LETTER F}ULL",
        7,
        None,
    ):
        request: dict[str, object] = {"path": str(rig.target), "type": type_, "database": "neo4j"}
        refused_by_submit(rig, "hostile", request, repr(type_))
        refused_by_the_mailbox(rig, request, repr(type_))
    no_document_but_refusals(rig)


def test_a_target_of_cloud_storage_is_neither_written_nor_made(rig: Rig) -> None:
    refused_by_submit(rig, "cloud", {"path": "s3://bucket/", "type": "FULL"}, "cloud")


FORGED = {
    "up": ({"path": "{root}/../outside", "type": "FULL", "database": ["neo4j"]}, "'.' or '..'"),
    "link": ({"path": "{root}/link", "type": "FULL", "database": ["neo4j"]}, "is a link"),
    "elsewhere": ({"path": "/etc", "type": "FULL", "database": ["neo4j"]}, "neither an allowed root"),
    "option": ({"path": "{root}/x", "type": "FULL", "database": ["--from=evil"]}, "names no database"),
}


def test_a_document_that_somebody_else_put_on_the_volume_reaches_no_further_than_a_request(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        (rig.folder / "outside").mkdir()
        (rig.backups / "link").symlink_to(rig.folder / "outside")
        rig.submit("real")
        document = rig.wait_for_end("real") | {"state": "queued", "results": [], "ended_at": None, "exit_code": None}
        rig.stop(rig.daemons[-1])
        rig.journal.unlink()
        for number, (name, (asked_for, _)) in enumerate(FORGED.items(), 99):
            request = json.loads(json.dumps(asked_for).replace("{root}", str(rig.backups)))
            forged = document | {"id": name, "number": number, "request": request}
            (rig.requests / f"status/{name}.json").write_text(json.dumps(forged))

        rig.start()

        for name, (_, says) in FORGED.items():
            ended = rig.wait_for_end(name)
            assert (ended["state"], ended["code"]) == ("failed", "configuration_error"), name
            assert says in ended["message"]
        assert rig.invocations() == []
        assert os.listdir(rig.folder / "outside") == []


def test_a_password_that_neo4j_admin_prints_is_in_no_log_also_where_there_are_no_credentials(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        rig.set_knobs(
            faults=[{"fault": "fail", "message": "FAKE: -Djavax.net.ssl.trustStorePassword=hunter2222 is bad"}]
        )
        rig.submit("fails")
        document = rig.wait_for_end("fails")

        kept = (rig.requests / "logs/fails.log").read_text()
        told = rig.ask("log", "fails").stdout.decode()

        assert "trustStorePassword=" in kept
        assert "hunter2222" not in kept + told + rig.log.read_text() + json.dumps(document)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_success_that_another_user_wrote_is_told_to_nobody(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        rig.submit("nightly", job=True)
        forged = rig.wait_for_end("nightly")
        rig.stop(rig.daemons[-1])
        for path in (rig.requests / "status", rig.requests / "status/nightly.json"):
            os.chown(path, 12345, -1)
        assert forged["state"] == "succeeded"

        rig.start()
        told = rig.submit("nightly", job=True)

        assert told["error"]["code"] == "id_taken"
        assert rig.lines("get", "nightly")[0]["error"]["code"] == "request_rejected"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_run_that_another_user_wrote_down_sets_nothing_aside(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        rig.submit("full")
        done = rig.wait_for_end("full")
        good = rig.artifacts()
        rig.stop(rig.daemons[-1])
        running = done | {"state": "running", "ended_at": None, "exit_code": None}
        running["results"] = [done["results"][0] | {"state": "running"}]
        record = {"id": "full", "database": "neo4j", "target": str(rig.target), "listing": [], "word": "f" * 32}
        record["temporary"] = str(rig.backups / ".neo4j-backup-tmp" / f".run-{'0' * 32}")
        for name, content in (("run.json", record), ("status/full.json", running)):
            (rig.requests / name).write_text(json.dumps(content))
            os.chown(rig.requests / name, 12345, -1)

        rig.start()

        assert rig.artifacts() == good
        rig.stop(rig.daemons[-1])


def test_a_check_of_a_path_that_leads_out_of_the_roots_reads_nothing_there(tmp_path: Path) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        outside = rig.folder / "outside"
        rig.submit("full")
        rig.wait_for_end("full")
        rig.target.rename(outside)

        told = rig.lines("facts", given={"path": f"{rig.backups}/../outside"})

        checks = {line["check"]["name"]: line["check"]["state"] for line in told[:-1]}
        assert checks["target"] == "failed"
        assert "artifacts" not in checks


@pytest.mark.parametrize("word", ["", "f" * 32])
def test_a_record_of_a_run_that_somebody_else_put_on_the_volume_does_no_harm(tmp_path: Path, word: str) -> None:
    with serving(tmp_path / "rig", "neo4j") as rig:
        rig.submit("real")
        kept = rig.wait_for_end("real")["results"][0]["artifact"]
        rig.stop(rig.daemons[-1])
        elsewhere = rig.folder / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / kept).touch()
        record = {"id": "real", "database": "neo4j", "listing": [], "word": word}
        record |= {"target": f"{rig.backups}/../elsewhere", "temporary": str(rig.target)}
        (rig.requests / "run.json").write_text(json.dumps(record))

        rig.start()
        rig.submit("after")

        assert rig.wait_for_end("after")["state"] == "succeeded"
        assert os.listdir(elsewhere) == [kept]
        assert kept in rig.artifacts()
        wait_for(lambda: not (rig.requests / "run.json").exists(), 5)
