"""A kubeconfig's login program: its credential, and what is told where it gives none."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.errors import ConfigurationError, TransportError
from tests.fakes.api_server import CLOSE, STDOUT, SUCCESS, Says, api_server, frame, pod, refuses
from tests.peers import couriers_here, until_none
from trigger.transport.kubernetes import KubernetesTransport, Target
from trigger.transport.kubernetes_access import Access, open_access
from trigger.transport.protocol import Misdirected

API_VERSION = "client.authentication.k8s.io/v1"
DONE = Says(frames=(frame(STDOUT + b"done\n"), frame(SUCCESS), CLOSE))


# Any: documents of YAML.
def logging_in(folder: Path, program: str, server: str = "https://cluster.test:6443", **changes: Any) -> str:
    """Write a kubeconfig whose user is known by what a program of Python prints, and give its path."""
    plugin = {"apiVersion": API_VERSION, "command": sys.executable, "args": ["-c", program], **changes}
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server, "extensions": _EXTENSIONS}}],
        "users": [{"name": "u", "user": {"exec": plugin}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "c",
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def gives(**status: str) -> str:
    """Give a program that prints a credential."""
    return f"print({json.dumps({'apiVersion': API_VERSION, 'kind': 'ExecCredential', 'status': status})!r})"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Give a certificate and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test"]
    where = ["-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    subprocess.run(["openssl", *made, *where], check=True, capture_output=True)
    return (folder / "crt").read_text(), (folder / "key").read_text()


def access(path: str, seconds: float = 60.0) -> Access:
    return open_access(None, {"KUBECONFIG": path}, "/none", seconds=seconds)


def test_its_token_is_ours(tmp_path: Path) -> None:
    assert access(logging_in(tmp_path, gives(token="t"))).authorization() == "Bearer t"


def test_it_is_told_what_it_is_asked_for_and_runs_with_its_own_variables_in_the_file_s_folder(tmp_path: Path) -> None:
    program = (
        "import json, os; asked = json.loads(os.environ['KUBERNETES_EXEC_INFO']); spec = asked['spec']\n"
        "told = [asked['kind'], spec['interactive'], spec['cluster']['server'], spec['cluster']['config'], "
        "os.environ['REALM'], os.getcwd()]\n"
        "print(json.dumps({'status': {'token': json.dumps(told)}}))"
    )

    found = access(
        logging_in(tmp_path, program, provideClusterInfo=True, env=[{"name": "REALM", "value": "shop"}])
    ).authorization()

    told = json.loads(found.removeprefix("Bearer "))
    assert told == ["ExecCredential", False, "https://cluster.test:6443", {"audience": "x"}, "shop", str(tmp_path)]


def test_its_certificate_is_ours(tmp_path: Path, certificate: tuple[str, str]) -> None:
    pem, key = certificate

    found = access(logging_in(tmp_path, gives(clientCertificateData=pem, clientKeyData=key)))

    assert found.tls is not None
    assert found.authorization() == ""


def test_one_is_run_also_where_standard_input_is_closed(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from trigger.transport.kubernetes_access import open_access\n"
        "print(open_access(None, {'KUBECONFIG': sys.argv[1]}, '/none').authorization())\n"
    )
    command = [sys.executable, "-c", script, logging_in(tmp_path, gives(token="t"))]

    done = subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", *command], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout == "Bearer t\n", done.stderr


def test_a_certificate_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be used"):
        access(logging_in(tmp_path, gives(clientCertificateData="x", clientKeyData="y")))


def test_one_that_fails_is_told_by_its_name_with_what_it_said(tmp_path: Path) -> None:
    program = "import sys; sys.exit('the session has ended\\x1b[2J:\\n log in again')"

    with pytest.raises(TransportError) as error:
        access(logging_in(tmp_path, program))

    told = f"the kubeconfig's login program {sys.executable} ended with 1: the session has ended\\x1b[2J: log in again"
    assert error.value.message == told
    assert "`kubectl auth whoami`" in error.value.hint


def test_what_one_said_is_bounded_and_its_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(TransportError, match=r"the last words$") as error:
        access(logging_in(tmp_path, "import sys; sys.exit('x ' * 100_000 + 'the last words')"))

    assert len(error.value.message) < 600


@pytest.mark.parametrize(
    "said",
    [
        "Authorization: Bearer s3cr3t-s3cr3t-s3cr3t",
        "refresh_token=s3cr3t",
        "client_secret: s3cr3t",
        '{"access_token": "s3cr3t"}',
        "https://me:s3cr3t@login.test/",
        "got eyJhbGciOiJS.eyJzdWIiOiJzM2NyM3Q.s3cr3t",
        "the session s3cr3t/+AAAAAAAAAAAAAAAAAAAAAAA==",
        "the session 0123456789abcdef0123456789-_s3cr3t",
    ],
)
def test_no_secret_that_one_printed_is_told(tmp_path: Path, said: str) -> None:
    program = f"import sys; print('s3cr3t'); sys.exit({said!r} + ' was refused')"

    with pytest.raises(TransportError, match="was refused") as error:
        access(logging_in(tmp_path, program))

    assert "s3cr3t" not in str(error.value)
    assert "s3cr3t" not in error.value.hint


@pytest.mark.parametrize(
    "words",
    [
        "the token has expired",
        "no key was found",
        "bearer of bad news",
        "https://sts.eu-central-1.amazonaws.com/ is slow",
    ],
)
def test_words_that_only_speak_of_secrets_are_told(tmp_path: Path, words: str) -> None:
    with pytest.raises(TransportError, match=words):
        access(logging_in(tmp_path, f"import sys; sys.exit({words!r})"))


@pytest.mark.parametrize(
    "output", ["", "s3cr3t", "[]", '{"status": null}', '{"status": {}}', '{"status": {"clientCertificateData": "s3"}}']
)
def test_one_that_gives_no_credential_is_told_without_its_output(tmp_path: Path, output: str) -> None:
    with pytest.raises(TransportError, match="gave neither a token nor a certificate") as error:
        access(logging_in(tmp_path, f"print({output!r})"))

    assert "s3" not in error.value.message


def test_one_that_is_not_there_is_told_with_how_to_get_it(tmp_path: Path) -> None:
    path = logging_in(tmp_path, "", command="no-such-login", installHint="See https://login.test/install\n")

    with pytest.raises(ConfigurationError, match="login program no-such-login can't be started: No such") as error:
        access(path)

    assert "https://login.test/install" in error.value.hint


def test_one_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    mark = f"sleep-of-{tmp_path}"
    waiting = "import time; time.sleep(300)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {waiting!r}, {mark!r}])"
    began = time.monotonic()

    with pytest.raises(TransportError, match="has not ended within 1s") as error:
        access(logging_in(tmp_path, program), seconds=1.0)

    assert time.monotonic() - began < 10
    assert "--connect-for" in error.value.hint
    assert until_none(lambda: couriers_here(mark)) == []


def test_a_token_that_has_ended_is_asked_for_again_and_a_login_that_fails_then_is_no_end(tmp_path: Path) -> None:
    counting = (
        "import json, pathlib, sys\ncount = pathlib.Path('count')\n"
        "n = len(count.read_text()) if count.exists() else 0\n"
        "count.write_text('x' * (n + 1))\n"
        "if n == 1: sys.exit('the network is down')\n"
        "print(json.dumps({'status': {'token': f'token-{n}'}}))"
    )
    ended = refuses(401, "Unauthorized", "no")
    with api_server(ended, ended, Says(body=pod()), DONE) as (address, asked):
        path = logging_in(tmp_path, counting, address)
        transport = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access(path))

        with pytest.raises(TransportError, match="the network is down"):
            transport.run(["probe"])
        with transport.run(["probe"]) as exchange:
            assert exchange.read_line(10) == b"done"

    assert asked.authorizations == ["Bearer token-0"] * 2 + ["Bearer token-2"] * 2


def test_a_login_that_fails_at_first_is_tried_again_within_connect_for(tmp_path: Path) -> None:
    failing_once = (
        "import pathlib, sys\ncount = pathlib.Path('count')\n"
        "if not count.exists(): count.touch(); sys.exit('STS timed out')\n"
        'print(\'{"status": {"token": "late"}}\')'
    )
    with api_server(Says(body=pod()), DONE) as (address, asked):
        path = logging_in(tmp_path, failing_once, address)
        transport = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access(path))
        with pytest.raises(TransportError, match="STS timed out") as error:
            transport.run(["probe"])

        with transport.run(["probe"]) as exchange:
            assert exchange.read_line(10) == b"done"

    # At the first contact what is misdirected is told at once.
    assert not isinstance(error.value, Misdirected)
    assert asked.authorizations == ["Bearer late"] * 2


def beside(path: str, **known: Any) -> str:
    """Add to the user of a kubeconfig."""
    config = yaml.safe_load(Path(path).read_text())
    config["users"][0]["user"].update(known)
    Path(path).write_text(yaml.safe_dump(config))
    return path


@pytest.mark.parametrize(
    "known",
    [{"token": "its-own"}, {"auth-provider": {"name": "gcp", "config": {"access-token": "its-own"}}}],
    ids=["token", "auth-provider"],
)
def test_beside_a_token_no_login_program_is_run(tmp_path: Path, known: dict[str, Any]) -> None:
    path = beside(logging_in(tmp_path, "raise SystemExit(1)"), **known)

    assert access(path).authorization() == "Bearer its-own"


@pytest.mark.parametrize(
    "known",
    [{"token": ""}, {"token": None}, {"tokenFile": ""}, {"auth-provider": None}, {"auth-provider": {"name": "azure"}}],
    ids=str,
)
def test_beside_what_is_no_token_the_login_program_is_run_within_its_time(
    tmp_path: Path, known: dict[str, Any]
) -> None:
    assert access(beside(logging_in(tmp_path, gives(token="t")), **known)).authorization() == "Bearer t"
    with pytest.raises(TransportError, match="ended with 1"):
        access(beside(logging_in(tmp_path, "raise SystemExit(1)"), **known))


def test_without_a_temporary_folder_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = logging_in(tmp_path, gives(token="t"))
    # What the standard library does where it finds none: no folder of a test's user is like that for root.
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "not-there"))

    with pytest.raises(ConfigurationError, match="need a temporary folder, and there is none: No such file") as error:
        access(path)

    assert "TMPDIR" in error.value.hint


_EXTENSIONS = [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}]
