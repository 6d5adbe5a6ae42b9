"""What the README promises is what the code does: exit codes, settings, options, keys."""

import re

from shared.errors import ERRORS
from shared.protocol import Result, Status
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
    params = cli.commands["trigger"].params
    options = {name for each in params for name in (*each.opts, *each.secondary_opts) if name.startswith("--")}
    told = set(re.findall(r"`(--[a-z-]+)", README.section("Options")))

    assert told - {"--help"} == options - {"--help"}


def test_every_key_of_a_status_is_told() -> None:
    told = set(re.findall(r"`([a-z_]+)`", README.section("The status document")))

    assert {field.alias or name for name, field in Status.model_fields.items()} <= told
    assert set(Result.model_fields) <= told
