"""The stand-in reads arguments as picocli does, release by release; the wording is the genuine 5.26.28's."""

from pathlib import Path

import pytest

from tests.standin import parse, usage, versions
from tests.standin.parse import Refused, Request


def read(*arguments: str, version: str = "2026.03.0", prefer_diff_value: bool = False) -> Request:
    known = versions.parse(version)
    return parse.of(list(arguments), known, offset=2, prefer_diff_value=prefer_diff_value)


def refusal(*arguments: str, version: str = "2026.03.0") -> Refused:
    with pytest.raises(Refused) as caught:
        read(*arguments, version=version)
    return caught.value


GATES = [
    ("--temp-path=/t", "5.23.0", "5.24.0"),
    ("--prefer-diff-as-parent", "2025.03.0", "2025.04.0"),
    ("--remote-address-resolution", "2025.08.0", "2025.09.0"),
    ("--remote-address-resolution=true", "5.26.28", "2025.09.0"),
    ("--parallel-download", "2025.10.1", "2025.11.0"),
    ("--skip-recovery=true", "2025.10.0", "2025.11.0"),
    ("--include-metadata=none", "5.5.0", "5.6.0"),
    ("--include-metadata=users=a,b", "2025.09.0", "2025.10.0"),
]


@pytest.mark.parametrize(("option", "before", "since"), GATES)
def test_an_option_is_refused_before_the_release_that_brought_it(option: str, before: str, since: str) -> None:
    assert refusal(option, "x", version=before).exit_code == 64
    read(option, "x", version=since)


@pytest.mark.parametrize("version", ["5.0.0", "5.26.28", "2025.01.0", "2026.08.0"])
def test_the_options_of_5_0_are_known_ever_since(version: str) -> None:
    request = read(
        "--from=a:1,b",
        "--to-path=/x",
        "--type=full",
        "--compress=FALSE",
        "--keep-failed",
        "--parallel-recovery=true",
        "--include-metadata=all",
        "--pagecache=8m",
        "--additional-config=/f",
        "--expand-commands",
        "--verbose",
        "x",
        version=version,
    )

    assert request.servers == ["a:1", "b"]
    assert request.kind == "FULL"
    assert not request.on("--compress", "true")
    assert request.on("--keep-failed")
    assert request.databases == ["x"]


def test_an_option_that_was_documented_for_two_days_is_unknown() -> None:
    assert refusal("--skip-producing-empty-diff", "x").message.startswith(
        "Unknown option: '--skip-producing-empty-diff'"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bogus=1", "x"], "Unknown option: '--bogus=1'"),
        (["x", "--bogus", "--bogus2"], "Unknown options: '--bogus', '--bogus2'"),
        (["x", "-z"], "Unknown option: '-z'"),
        (["--compr", "x"], "Unknown option: '--compr'\nPossible solutions: --compress"),
        (["--to=/x", "x"], "Unknown option: '--to=/x'\nPossible solutions: --to-path"),
        (["--", "--from=1"], "Unknown option: '--from=1'\nPossible solutions: --from"),
        (["--type=FUL", "x"], "Invalid value for option '--type': expected one of [FULL, DIFF, AUTO] (case-insensitive) but was 'FUL'"),  # noqa: E501
        (["--type=", "x"], "Invalid value for option '--type': expected one of [FULL, DIFF, AUTO] (case-insensitive) but was ''"),  # noqa: E501
        (["--type"], "Missing required parameter for option '--type' (<type>)"),
        (["--type=FULL", "--type=DIFF", "x"], "option '--type' (<type>) should be specified only once"),
        (["--compress=no", "x"], "Invalid value for option '--compress': 'no' is not a boolean"),
        (["--compress=", "x"], "Invalid value for option '--compress': '' is not a boolean"),
        (["--compress", "--compress", "x"], "option '--compress' (true|false) should be specified only once"),
        (["--to-path", "--type=full", "x"], "Expected parameter for option '--to-path' but found '--type=full'"),
        (["--to-path=--type=x", "x"], "Expected parameter for option '--to-path' but found '--type=x'"),
        (["--help=1"], "option '--help' should be specified without '1' parameter"),
        (["--prefer-diff-as-parent=true", "x"], "option '--prefer-diff-as-parent' should be specified without 'true' parameter"),  # noqa: E501
        (["@nofile"], "Unmatched argument at index 2: '@nofile'"),
        (["x", "a_b", "c/d"], "Unmatched arguments from index 3: 'a_b', 'c/d'"),
        ([""], "Unmatched argument at index 2: ''"),
        (["x" * 64], f"Unmatched argument at index 2: '{'x' * 64}'"),
    ],
)  # fmt: skip
def test_what_picocli_refuses_is_refused_with_64_in_its_words(arguments: list[str], message: str) -> None:
    refused = refusal(*arguments)

    assert refused.message == message
    assert refused.exit_code == 64
    assert refused.usage == ("Possible solutions" not in message)


@pytest.mark.parametrize("size", ["", "k", "-1", "10b", "1t", "512mib", "8 q", "1.2.3m"])
def test_a_page_cache_that_is_no_size_is_refused(size: str) -> None:
    assert refusal(f"--pagecache={size}", "x").message.startswith("Invalid value for option '--pagecache'")


@pytest.mark.parametrize("size", ["512", "512m", "512M", "512MiB", "512MB", "1g", "1.5g", "10kb", "1TiB"])
def test_a_page_cache_of_any_size_is_taken(size: str) -> None:
    assert read(f"--pagecache={size}", "x").value("--pagecache") == size


@pytest.mark.parametrize("address", ["localhost", "db:6362", "[::1]:6362", "a:1,b:2"])
def test_a_server_is_a_host_with_or_without_a_port(address: str) -> None:
    assert read(f"--from={address}", "x").servers == address.split(",")


@pytest.mark.parametrize("address", [":6362", "a:b", "a:0", "a:70000", "http://a"])
def test_what_is_no_server_is_refused(address: str) -> None:
    assert refusal(f"--from={address}", "x").exit_code == 64


def test_a_boolean_may_stand_apart_and_a_name_behind_it_stays_a_name() -> None:
    assert not read("--compress", "false", "x").on("--compress", "true")
    assert read("--compress", "x").databases == ["x"]


def test_behind_two_dashes_there_are_only_names() -> None:
    assert read("x", "--", "--y").databases == ["x", "--y"]


def test_help_makes_up_for_what_is_unknown_but_not_for_wrong_values() -> None:
    assert read("--bogus", "--help").on("--help")
    assert refusal("--type=x", "--help").exit_code == 64


def test_prefer_diff_as_parent_takes_a_value_where_the_knob_says_so() -> None:
    assert read("--prefer-diff-as-parent=true", "x", prefer_diff_value=True).on("--prefer-diff-as-parent")


def test_several_databases_are_taken_from_5_16_on() -> None:
    assert refusal("x", "y", version="5.15.0").message == "Unmatched argument at index 3: 'y'"
    assert read("x", "y", version="5.16.0").databases == ["x", "y"]


def test_the_database_is_required_before_5_6() -> None:
    refused = refusal("--bogus", version="5.5.0")

    assert refused.message == "Missing required parameter: '<database>'"
    assert read(version="5.6.0").databases == []


def test_a_required_name_that_is_none_is_told_as_such() -> None:
    refused = refusal("a_b", version="5.5.0")

    assert refused.message.startswith(
        "Invalid value for positional parameter at index 0 (<database>): Invalid database name 'a_b'."
    )


def test_a_file_of_arguments_is_read_in_place(tmp_path: Path) -> None:
    (tmp_path / "args").write_text("--type=full # a comment\n'x'\n")

    assert parse.expand([f"@{tmp_path}/args", "@@y", "@none"]) == ["--type=full", "x", "@y", "@none"]


def test_the_help_names_every_option_of_its_release_and_no_other() -> None:
    old, new = usage.backup(versions.parse("5.26.28")), usage.backup(versions.parse("2026.08.0"))

    for option in ("--prefer-diff-as-parent", "--parallel-download", "--remote-address-resolution", "--skip-recovery"):
        assert option not in old
        assert option in new
    for option in ("--temp-path", "--inspect-path", "--include-metadata", "[<database>...]"):
        assert option in old


@pytest.mark.parametrize("text", ["", "5", "5.26.x", "latest", "5.26.28.1"])
def test_what_is_no_version_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="is no Neo4j version"):
        versions.parse(text)
