"""Each option of `database backup` that a person may set comes from one table, and is passed only where it is known."""

import pytest

from shared.errors import ConfigurationError
from sidecar.neo4j_admin.options import BY_NAME, TABLE, Kind, Options, Row, Value, parse, source_of
from sidecar.neo4j_admin.version import Version

LTS = Version.parse("5.26.28")


@pytest.mark.parametrize(
    ("setting", "option", "since"),
    [
        ("NEO4J_BACKUP_COMPRESS", "--compress", "5.0"),
        ("NEO4J_BACKUP_PARALLEL_RECOVERY", "--parallel-recovery", "5.0"),
        ("NEO4J_BACKUP_INCLUDE_METADATA", "--include-metadata", "5.0"),
        ("NEO4J_BACKUP_ADDITIONAL_CONFIG", "--additional-config", "5.0"),
        ("NEO4J_BACKUP_KEEP_FAILED", "--keep-failed", "5.0"),
        ("NEO4J_BACKUP_VERBOSE", "--verbose", "5.0"),
        ("NEO4J_BACKUP_PREFER_DIFF_AS_PARENT", "--prefer-diff-as-parent", "2025.04"),
        ("NEO4J_BACKUP_REMOTE_ADDRESS_RESOLUTION", "--remote-address-resolution", "2025.09"),
        ("NEO4J_BACKUP_PARALLEL_DOWNLOAD", "--parallel-download", "2025.11"),
    ],
)
def test_the_promised_settings_are_in_the_table(setting: str, option: str, since: str) -> None:
    row = next(row for row in TABLE if row.setting == setting)

    assert row.option == option
    assert row.since == Version.parse(since)
    assert row.description
    assert source_of(option) == setting


def test_the_table_holds_no_option_twice() -> None:
    assert len({row.option for row in TABLE}) == len(TABLE) == len(BY_NAME)


@pytest.mark.parametrize("row", [row for row in TABLE if row.kind is not Kind.VALUE], ids=lambda row: row.name)
@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("FALSE", False), (" on ", True), ("no", False), ("1", True), ("0", False)]
)
def test_switches_take_the_usual_words(row: Row, text: str, value: bool) -> None:
    assert parse(row, text) is value


@pytest.mark.parametrize("row", [row for row in TABLE if row.kind is not Kind.VALUE], ids=lambda row: row.name)
@pytest.mark.parametrize("text", ["", "maybe", "true --from=evil", "=true"])
def test_a_wrong_switch_is_refused_by_its_settings_name(row: Row, text: str) -> None:
    with pytest.raises(ValueError, match=rf"^{row.setting} .*true or false"):
        parse(row, text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("all", "all"), ("NONE", "none"), ("users", "users"), ("roles", "roles"), ("users=Ann,bob", "users=Ann,bob")],
)
def test_metadata_is_one_of_four_words_or_a_list_of_users(text: str, value: str) -> None:
    assert parse(BY_NAME["include_metadata"], text) == value


@pytest.mark.parametrize(
    "text", ["", "everything", "users=", "users=a,,b", "users=a b", "users=a\x1b", "roles=x", "all\n--x"]
)
def test_other_metadata_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match=r"NEO4J_BACKUP_INCLUDE_METADATA .*none, all, users, roles"):
        parse(BY_NAME["include_metadata"], text)


def test_the_additional_configuration_is_an_absolute_path() -> None:
    row = BY_NAME["additional_config"]

    assert parse(row, "/conf/backup.conf") == "/conf/backup.conf"
    for text in ("backup.conf", "", "/conf/\nx", "~/x"):
        with pytest.raises(ValueError, match="absolute path"):
            parse(row, text)


@pytest.mark.parametrize(
    ("name", "value", "arguments"),
    [
        ("compress", False, ("--compress=false",)),
        ("compress", True, ("--compress=true",)),
        ("verbose", True, ("--verbose",)),
        ("verbose", False, ()),
        ("prefer_diff_as_parent", True, ("--prefer-diff-as-parent",)),
        ("parallel_download", True, ("--parallel-download=true",)),
        ("include_metadata", "users=a,b", ("--include-metadata=users=a,b",)),
        ("additional_config", "/c", ("--additional-config=/c",)),
    ],
)
def test_each_kind_is_written_as_one_argument(name: str, value: Value, arguments: tuple[str, ...]) -> None:
    assert Options.of({name: value}).arguments() == arguments


def test_what_is_not_set_is_not_passed() -> None:
    assert Options.of(dict.fromkeys(BY_NAME)).arguments() == ()
    assert Options().arguments() == ()


def test_a_name_that_is_not_in_the_table_is_a_defect() -> None:
    with pytest.raises(KeyError):
        Options.of({"skip_recovery": True})


@pytest.mark.parametrize(
    ("name", "value", "first"),
    [
        ("prefer_diff_as_parent", True, "2025.04"),
        ("remote_address_resolution", True, "2025.09"),
        ("remote_address_resolution", False, "2025.09"),
        ("include_metadata", "users=a,b", "2025.10"),
        ("parallel_download", True, "2025.11"),
    ],
)
def test_an_option_is_refused_below_its_first_version_and_not_from_it_on(name: str, value: Value, first: str) -> None:
    options = Options.of({name: value})
    since = Version.parse(first)
    month_before = Version(since.major, since.minor - 1, 99)

    error = options.lacking(month_before)

    assert isinstance(error, ConfigurationError)
    for part in (BY_NAME[name].setting, BY_NAME[name].option, first, str(month_before)):
        assert part in error.message
    assert options.lacking(LTS) is not None
    assert options.lacking(since) is None
    assert options.lacking(Version(2027, 1)) is None


def test_several_that_are_lacking_are_named_at_once() -> None:
    error = Options.of({"prefer_diff_as_parent": True, "parallel_download": True}).lacking(LTS)

    assert error is not None
    assert "NEO4J_BACKUP_PREFER_DIFF_AS_PARENT" in error.message
    assert "NEO4J_BACKUP_PARALLEL_DOWNLOAD" in error.message


def test_what_5_26_has_is_not_refused_nor_a_flag_that_is_off() -> None:
    settings: dict[str, Value | None] = {
        "compress": True,
        "parallel_recovery": True,
        "include_metadata": "users",
        "additional_config": "/c",
        "keep_failed": True,
        "verbose": True,
        "prefer_diff_as_parent": False,
    }

    assert Options.of(settings).lacking(LTS) is None


def test_options_that_are_always_passed_name_their_source_too() -> None:
    assert source_of("--from") == "NEO4J_BACKUP_FROM"
    assert source_of("--skip-recovery") is None
