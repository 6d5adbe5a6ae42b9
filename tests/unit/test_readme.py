"""What the README promises is what the code does: exit codes, settings, options, the keys of all documents."""

import json
import re

import click
import yaml

from shared.errors import ERRORS, InternalError, error_line
from shared.lifecycle import ResultState, State
from shared.protocol import Check, Progress, Result, Status
from sidecar.document import Document
from sidecar.settings import documented
from tests.pages import ROOT, Page, rows
from trigger.cli import cli

README = Page(ROOT / "README.md")


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    told = {(row[1].strip("`"), int(row[0])) for row in rows(README.section("Exit codes")) if row[1].startswith("`")}

    assert told == {(error.code, error.exit_code) for error in ERRORS}


def test_a_retry_is_safe_from_ten_on_and_never_below() -> None:
    assert all(error.retryable == (error.exit_code >= 10) for error in ERRORS)


def test_the_table_of_settings_is_that_of_the_code() -> None:
    told = [tuple(row) for row in rows(README.section("Settings"))[1:]]

    assert told == [(f"`{each.variable}`", each.default, each.description) for each in documented()]


def test_every_option_of_trigger_is_told_with_its_default() -> None:
    options = [each for each in cli.commands["trigger"].params if isinstance(each, click.Option)]
    defaults = {name: default(each) for each in options for name in (*each.opts, *each.secondary_opts)}

    told = {name: row[1] for row in rows(README.section("Options"))[1:] for name in re.findall(r"`(--[a-z-]+)", row[0])}

    assert told == defaults


def test_the_container_that_is_named_is_the_one_that_compose_makes() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    pages = (README, Page(ROOT / "docs" / "compose.md"))

    named = {name for page in pages for name in re.findall(r"neo4j-backup \w+ +--docker ([\w-]+)", page.text)}

    assert "sidecar" in compose["services"]
    assert named == {f"{compose['name']}-sidecar-1"}


def default(option: click.Option) -> str:
    """Give an option's default as the page tells it."""
    context = click.Context(cli.commands["trigger"])
    said = option.get_help_extra(context)
    if "required" in said:
        return "required"
    if option.is_flag and not option.secondary_opts:
        return "on" if option.get_default(context) is True else "off"
    shown = said.get("default", "")
    if shown.startswith("("):
        return shown.strip("()")
    return f"`{'--' if option.is_flag else ''}{shown}`" if shown else ""


STATUS = README.section("The status document")
KEYS = {key for row in rows(STATUS)[1:] for key in re.findall(r"`([a-z_]+)`", row[0])}
SOMETIMES = {"progress", "cancel_requested", "warnings"}
PROTOCOL = Page(ROOT / "docs" / "protocol.md")
QUEUED = Document(
    id="tuesday", state=State.QUEUED, number=1, revision=1, word="w", taken="t", accepted_boot="b", accepted_seconds=1.5
)


def keys(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_]+)`", text))


def row_of(key: str) -> str:
    (found,) = (row[1] for row in rows(STATUS) if row[0] == f"`{key}`")
    return found


def test_the_keys_of_a_status_are_those_of_the_code() -> None:
    assert {field.alias or name for name, field in Status.model_fields.items()} == KEYS
    assert keys(row_of("results")) == {*Result.model_fields, *ResultState}
    assert keys(row_of("progress")) == set(Progress.model_fields)
    assert keys(row_of("state")) == set(State)


def test_a_file_has_every_key_of_a_status_and_those_of_the_protocol_page() -> None:
    own = {key for row in rows(PROTOCOL.section("A document"))[1:] for key in keys(row[0])}

    written = json.loads(QUEUED.to_json())

    assert set(written) == KEYS | own
    assert not KEYS & own
    assert written["progress"] is None


def test_an_answer_leaves_out_what_has_nothing_to_say_and_what_is_the_daemon_s() -> None:
    warned = QUEUED.changed(warnings=("x",), cancel_requested=True)

    assert set(QUEUED.public()) == KEYS - SOMETIMES
    assert set(warned.public()) == KEYS - {"progress"}
    assert "leaves out `progress`, `cancel_requested` and `warnings`" in STATUS


def test_the_keys_of_an_error_and_of_a_check_are_told() -> None:
    [error] = re.findall(r"the key `error`, .*?: (.*?)\. Its", STATUS, re.DOTALL)
    [check] = re.findall(r"`checks` \((.*?)\)", STATUS)

    assert keys(error) == set(error_line(InternalError("x"))["error"])
    assert keys(check) == set(Check.model_fields)
