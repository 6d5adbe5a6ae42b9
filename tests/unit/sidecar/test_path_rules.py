"""A backup is written to an absolute, plain path that is an allowed root or lies below one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import RequestRejected
from sidecar.path_rules import below_root, check_target, lexical_problem

ROOTS = ("/data/backups", "/backups")


@pytest.mark.parametrize(
    "path",
    [
        "/backups",
        "/backups/",
        "/backups//nightly/",
        "/data/backups/nightly/neo4j",
        "/backups/a b",
        "/backups/--from=x",
        "/backups/@file",
        "/backups/$(reboot)",
        "/backups/täglich",
        "/backups/a..b",
        "/backups/" + "x" * 255,
    ],
)
def test_what_is_below_a_root_is_a_target(path: str) -> None:
    assert lexical_problem(path, ROOTS) is None


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("", "absolute"),
        ("backups", "absolute"),
        ("~/backups", "absolute"),
        ("s3://bucket/backups/", "absolute"),
        ("--to-path=/backups", "absolute"),
        ("/", "allowed root"),
        ("/data", "allowed root"),
        ("/etc", "allowed root"),
        ("/backups2", "allowed root"),
        ("/backup", "allowed root"),
        ("/other/backups", "allowed root"),
        ("/backups/..", "'..'"),
        ("/backups/../etc", "'..'"),
        ("/backups/./x", "'.'"),
        ("/data/backups/../../etc", "'..'"),
        ("/backups/a\0b", "control"),
        ("/backups/a\nb", "control"),
        ("/backups/\x7f", "control"),
        ("/backups/\x85", "control"),
        ("/backups/\u2028", "control"),
        ("/backups/\ud800", "broken"),
        ("/backups/" + "x" * 256, "255 bytes"),
        ("/backups/" + "ä" * 128, "255 bytes"),
        ("/backups" + "/x" * 2045, "4096 bytes"),
        ("/backups" + "/ä" * 1400, "4096 bytes"),
        ("/backups/.failed", "sidecar's own"),
        ("/backups/nightly/.failed/x", "sidecar's own"),
        ("/backups/.hidden", "sidecar's own"),
    ],
)
def test_anything_else_is_refused_by_what_is_wrong_with_it(path: str, word: str) -> None:
    assert word in (lexical_problem(path, ROOTS) or "")


@given(st.text(max_size=60), st.sampled_from(["", "/", "/backups/", "/backups/x/"]))
def test_whatever_is_accepted_stays_below_a_root(text: str, front: str) -> None:
    path = front + text

    if lexical_problem(path, ROOTS) is None:
        assert Path(path).resolve().is_relative_to("/backups")
        path.encode()
    else:
        with pytest.raises(RequestRejected):
            check_target(path, ROOTS)


def test_the_innermost_root_holds_a_path() -> None:
    roots = ("/data", "/data/backups/", "/data/backups/nightly/x", "/")

    assert below_root("/data/backups/nightly", roots) == ("/data/backups/", ("nightly",))
    assert below_root("/data/backups", roots) == ("/data/backups/", ())
    assert below_root("/etc/x", roots) == ("/", ("etc", "x"))
    assert below_root("/etc", roots[:1]) is None


def test_a_refusal_says_where_a_target_may_lie(tmp_path: Path) -> None:
    with pytest.raises(RequestRejected) as caught:
        check_target("/etc\n", ROOTS)

    assert "'/etc\\n'" in caught.value.message
    assert "/data/backups, /backups" in caught.value.hint


def test_what_is_missing_or_a_folder_passes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()

    for path in ("", "/a", "/a/b/c", "/b"):
        check_target(f"{tmp_path}{path}", (str(tmp_path), str(tmp_path / "missing")))


def test_links_and_files_below_a_root_are_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "root/file").write_text("x")

    for path, word in {
        "link": "link",
        "link/x": "link",
        "dangling/x": "link",
        "file": "folder",
        "file/x": "folder",
    }.items():
        with pytest.raises(RequestRejected, match=f"is (a|not a) {word}"):
            check_target(f"{tmp_path}/root/{path}", (f"{tmp_path}/root",))


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere/x").mkdir(parents=True)
    (tmp_path / "root").symlink_to("elsewhere")

    check_target(f"{tmp_path}/root/x", (f"{tmp_path}/root",))
