"""Whatever is in the environment and in what others say, no log line and no answer gives a password away."""

import logging
import sys
from random import Random
from urllib.parse import urlsplit

from hypothesis import strategies as st

from shared.errors import ConfigurationError
from sidecar.console import FactsFormatter
from sidecar.neo4j_admin.command import environment, secrets
from sidecar.settings import VARIABLES, describe, load
from tests.fuzz.cases import BATCH, fuzzed
from tests.fuzz.mutation import STRINGS, batches
from tests.fuzz.shown import drives
from trigger.transport.proxies import environment_proxy, parse_proxy

SECRET = "hunter2hunter2"
HOLDERS = (
    "bolt://neo4j:{}@db:6362",
    "neo4j:{}@db:6362",
    "neo4j:{},{}@db:6362",
    "db:6362,neo4j:{}@other:6362",
    "https://user:{}@proxy.example:8080/x",
    "password={}",
    "-Djavax.net.ssl.trustStorePassword={}",
    "AccountKey={};x=1",
    "Authorization: Bearer {}",
    '{{"password": "{}"}}',
)
SPOILERS = ("", " ", ",", ";", "\t", "\n", "\x1b[2J", "\u202e", "/", ":", "--from=evil", "\0")


def holding(holder: str, seed: int) -> tuple[str, ...]:
    """Make values that hold the secret where secrets stand, with something else around it."""
    random = Random(seed)
    return tuple(
        f"{random.choice(SPOILERS)}{holder.replace('{}', SECRET).replace('{{', '{').replace('}}', '}')}"
        f"{random.choice(SPOILERS)}"
        for _ in range(BATCH)
    )


SHORT = (*SPOILERS, *(string for string in STRINGS if len(string) < 1000))
HELD = st.builds(holding, st.sampled_from(HOLDERS), st.integers(0, 1 << 64))


def words(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(SHORT) + text[at:]


@fuzzed(2_000, batches(st.text(max_size=40), words))
def test_whatever_is_logged_each_line_of_it_is_one_and_drives_nothing(case: str) -> None:
    try:
        raise ValueError(case)
    except ValueError:
        raised = sys.exc_info()
    facts = {"id": case, "error": ValueError(case), "msg": case, "args": ()}

    plain, traced = (
        FactsFormatter().format(logging.makeLogRecord(facts | {"levelname": "INFO", "exc_info": error}))
        for error in (None, raised)
    )

    assert drives(plain) == set()
    assert all(drives(line) == set() for line in traced.split("\n"))
    # However many lines it has, an exception's text is one of them for each of its own.
    assert traced.count("\n") <= 4 + case.count("\n")


@fuzzed(3_000, HELD)
def test_no_secret_is_logged(case: str) -> None:
    given = {"AWS_SECRET_ACCESS_KEY": SECRET, "AZURE_STORAGE_KEY": "", "AWS_REGION": "eu-central-1", "HOME": "/root"}
    known = secrets(given)
    record = logging.makeLogRecord({"msg": case, "levelname": "INFO", "reason": case, "error": OSError(5, case)})

    assert known == (SECRET,)
    assert SECRET not in FactsFormatter(known).format(record)
    if any(word in case for word in ("://", "assword", "AccountKey", "Bearer")):
        # Also where nobody knows it, by what stands before it.
        assert SECRET not in FactsFormatter().format(record)
    assert "HOME" not in environment(given, home=None, heap="64m", word="w")


@fuzzed(2_000, HELD)
def test_no_setting_that_is_wrong_repeats_a_password(case: str) -> None:
    for name in ("NEO4J_BACKUP_FROM", "NEO4J_BACKUP_JAVA_TOOL_OPTIONS", "NEO4J_BACKUP_PASSWORD", "NEO4J_BACKUP_FORM"):
        loaded = load({name: case})

        told = "\n".join((*loaded.problems, *loaded.warnings, repr(loaded)))
        assert SECRET not in told
        assert all(drives(line) == set() for line in (*loaded.problems, *loaded.warnings))
        assert name != "NEO4J_BACKUP_FROM" or SECRET not in "".join(describe(loaded))


@fuzzed(3_000, batches(st.text(max_size=30), words))
def test_any_value_of_a_setting_is_read_or_refused_in_words(case: str) -> None:
    variables = [variable.name for variable in VARIABLES.values()]
    # Each length of a case is another setting's.
    loaded = load({variables[len(case) % len(variables)]: case})

    for line in (*loaded.problems, *loaded.warnings, *describe(loaded)):
        assert drives(line) == set()
        assert len(line) < 2000
    assert all(address[0] not in "-@" for address in loaded.settings.from_)
    assert all(root.startswith("/") and root != "/" for root in loaded.settings.allowed_roots)


@fuzzed(2_000, HELD)
def test_no_proxy_that_is_wrong_repeats_its_password(case: str) -> None:
    found = environment_proxy(urlsplit("https://cluster:6443"), {"HTTPS_PROXY": case}) or ""
    try:
        parse_proxy(found)
    except ConfigurationError as refusal:
        said = f"{refusal.message} {refusal.hint}"
    else:
        return
    assert SECRET not in said
    assert drives(said) == set()
