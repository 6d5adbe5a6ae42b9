"""The stand-in held to a genuine Neo4j: its reader, its picocli and its neo4j-admin."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.genuine import Neo4j, require_neo4j
from tests.standin import installed, parse, server, versions
from tests.standin.installed import Installed
from tests.standin.parse import Refused

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def neo4j_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genuine Community 5.26.28; no server runs."""
    require_neo4j()
    return Neo4j(tmp_path_factory.mktemp("neo4j") / "home").home


@pytest.fixture
def standin(tmp_path: Path) -> Installed:
    found = installed.make(tmp_path / "standin")
    server.create_dbms(found.data, size=300_000)
    return found


def java(home: Path, source: str, *arguments: str | Path, temporary: Path, given: str = "") -> list[str]:
    """What a Java program beside this file prints, with the genuine Neo4j's classes."""
    options = ["-XX:-UsePerfData", f"-Djava.io.tmpdir={temporary}", "-cp", f"{home}/lib/*"]
    ran = subprocess.run(
        ["java", *options, HERE / source, *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def described(line: str) -> dict[str, str]:
    """What it prints of a head: `name=value`, and `DatabaseId{767ec634}`."""
    return dict(re.findall(r"(\w+)=([^,{}]+)", line) + re.findall(r"(\w+)\{([^,{}=]+)}", line))


@pytest.mark.parametrize("layout", [1, 2])
def test_neo4j_s_own_reader_reads_what_the_stand_in_writes(
    neo4j_home: Path, standin: Installed, tmp_path: Path, layout: int
) -> None:
    for at, (kind, commits, more) in enumerate(
        [("FULL", 4, ()), ("DIFF", 3, ()), ("DIFF", 0, ()), ("FULL", 0, ("--compress=false",))]
    ):
        standin.knobs(clock=10 * at, artifact_format=layout)
        if commits:
            server.commit(standin.data, "neo4j", commits)
        assert standin.backup(*more, "neo4j", kind=kind).exit_code == 0

    lines = java(neo4j_home, "ReadArtifact.java", *standin.artifacts(), temporary=tmp_path)

    heads = [described(line) for line in lines if line.startswith("BackupDescription")]
    assert [(head["full"], head["compressed"], head["recovered"]) for head in heads] == [
        ("true", "true", "true"),
        ("false", "true", "false"),
        ("false", "true", "false"),
        ("true", "false", "true"),
    ]
    assert [(head["lowestAppendIndex"], head["highestAppendIndex"]) for head in heads] == [
        ("1", "5"),
        ("6", "8"),
        ("0", "0"),
        ("1", "8"),
    ]
    state = server.show(standin.data, "neo4j")
    for head in heads:
        assert head["databaseName"] == "'neo4j'"
        assert head["creationTime"] == str(state["store_created"])
        assert head["random"] == str(state["store_random"])
        assert head["DatabaseId"] == str(state["database_id"])[:8]
        assert head["metadataScript"] == ("'null'" if layout == 1 else f"'{state['metadata']}'")
    entries = [line.split()[1:] for line in lines if line.startswith("entry")]
    assert entries[:6] == [
        ["./", "0"],
        ["./neostore", "8192"],
        ["./neostore.nodestore.db", "291808"],
        ["./", "0"],
        ["./neostore.transaction.db.0", "1024"],
        ["./", "0"],
    ]


PICOCLI_CASES = [
    "--type=full x",
    "--type=FUL x",
    "--type= x",
    "--type x",
    "--type",
    "--type=FULL --type=DIFF x",
    "--type=FUL --help",
    "--type=full --bogus --help",
    "--from=a,b --from=c x",
    "--from= x",
    "--from a x",
    "--compress x",
    "--compress false x",
    "--compress=FALSE x",
    "--compress=no x",
    "--compress= x",
    "--compress --compress x",
    "--keep-failed=true x",
    "--compr x",
    "--to=/x x",
    "--prefer-diff-as-parent=true x",
    "--prefer-diff-as-parent=x x",
    "--prefer-diff-as-parent true",
    "x --bogus --bogus2",
    "x --bogus y",
    "x -z",
    "--to-path= x",
    "--to-path=--type=x x",
    "--to-path --type=full x",
    "--to-path --unknown x",
    "x -- --y",
    "-- --from=1",
    "--",
    "-",
    "--=x",
    "---x",
    "@nofile",
    "a_b",
    "x a_b c/d",
    "x " + "y" * 64,
    "..",
    '"x"',
    "--pagecache=1x x",
    "--pagecache=512mib x",
    "--pagecache=1.5g x",
    "--pagecache= x",
    "--help=1",
    "--help",
    "x y z",
]


def test_arguments_are_understood_and_refused_as_by_picocli(neo4j_home: Path, tmp_path: Path) -> None:
    version = versions.parse("2026.03.0")
    commands = [["database", "backup", *case.split(" ")] for case in PICOCLI_CASES]

    answers = java(
        neo4j_home,
        "PicocliShape.java",
        temporary=tmp_path,
        given="".join("\t".join(command) + "\n" for command in commands),
    )

    ours = []
    for command in commands:
        try:
            parse.of(command[2:], version, offset=2, prefer_diff_value=True)
        except Refused as refused:
            ours.append((refused.exit_code, refused.message.replace("\n", "¶")))
        else:
            ours.append((0, ""))
    theirs = [(int(status), said) for status, _, said in (line.partition("\t") for line in answers)]
    assert dict(zip(PICOCLI_CASES, ours, strict=True)) == dict(zip(PICOCLI_CASES, theirs, strict=True))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["version"],
        ["version", "foo"],
        [],
        ["--bogus"],
        ["database"],
        ["database", "backup", "neo4j"],
        ["database", "bakcup", "x"],
        ["backup", "foo"],
        ["database", "backup", "--verbose=x"],
    ],
    ids=" ".join,
)
def test_above_the_command_the_stand_in_answers_as_the_genuine_community(
    neo4j_home: Path, tmp_path: Path, arguments: list[str]
) -> None:
    community = installed.make(tmp_path / "standin", edition="community")

    theirs = subprocess.run(
        [neo4j_home / "bin/neo4j-admin", *arguments],
        env=community.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    ours = community.run(*arguments)

    assert ours.exit_code == theirs.returncode
    assert ours.out == theirs.stdout
    assert ours.err.splitlines()[:1] == theirs.stderr.splitlines()[:1]
