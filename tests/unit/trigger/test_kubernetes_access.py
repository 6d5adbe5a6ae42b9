"""How the way to a cluster is found: this pod's service account, a kubeconfig, a proxy."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from shared.errors import ConfigurationError
from trigger.transport.kubernetes_access import Access, open_access
from trigger.transport.proxies import environment_proxy, parse_proxy

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a certificate authority's own certificate."""
    folder = tmp_path_factory.mktemp("authority")
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test"]
    subprocess.run(
        ["openssl", *made, "-keyout", str(folder / "key"), "-out", str(folder / "crt")], check=True, capture_output=True
    )
    return folder / "crt"


@pytest.fixture
def account(tmp_path: Path, authority: Path) -> str:
    """Give the folder of a service account, as it lies in a pod."""
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "ca.crt").write_bytes(authority.read_bytes())
    (folder / "namespace").write_text("shop")
    (folder / "token").write_text("first\n")
    return str(folder)


# Any: a document of YAML.
def write_kubeconfig(path: Path, *, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> str:
    server = {"server": "https://cluster.test:6443", **(cluster or {})}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "one", "context": {"cluster": "c", "user": "u"}},
            {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
        ],
        "current-context": "one",
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


def test_in_a_pod_its_service_account_is_used_and_its_token_read_each_time(account: str) -> None:
    access = open_access(None, POD, account)
    before = access.authorization()
    Path(account, "token").write_text("second")

    assert (before, access.authorization()) == ("Bearer first", "Bearer second")
    assert access.server.geturl() == "https://10.96.0.1:443"
    assert (access.namespace, access.server_name, access.context) == ("shop", "10.96.0.1", None)
    assert access.tls is not None
    assert access.tls.check_hostname


def test_a_service_of_ipv6_is_an_address_too(account: str) -> None:
    access = open_access(None, POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"}, account)

    assert (access.server.hostname, access.server.port) == ("fd00::1", 443)


def test_what_is_missing_in_a_pod_is_told(account: str) -> None:
    with pytest.raises(ConfigurationError, match="KUBERNETES_SERVICE_HOST"):
        open_access(None, {}, account)

    Path(account, "namespace").unlink()
    with pytest.raises(ConfigurationError, match=r"can't be used: .*namespace"):
        open_access(None, POD, account)


def test_a_token_that_goes_away_is_told(account: str) -> None:
    access = open_access(None, POD, account)
    Path(account, "token").unlink()

    with pytest.raises(ConfigurationError, match=r"token .* can't be read"):
        access.authorization()


@pytest.mark.parametrize("inline", [True, False])
def test_a_token_that_ends_in_a_newline_is_the_token(tmp_path: Path, inline: bool) -> None:
    Path(tmp_path, "token").write_text("t\n")
    user = {"token": "t\n"} if inline else {"tokenFile": str(tmp_path / "token")}

    access = open_access(None, {"KUBECONFIG": write_kubeconfig(tmp_path / "config", user=user)}, "/none")

    assert access.authorization() == "Bearer t"


@pytest.mark.parametrize("token", ["s3cr3t\ns3cr3t", "s3cr3t\x85s3cr3t", "s3cr3t\N{EURO SIGN}"])
def test_a_token_that_is_no_header_s_value_is_told_without_it(tmp_path: Path, token: str) -> None:
    access = open_access(None, {"KUBECONFIG": write_kubeconfig(tmp_path / "c", user={"token": token})}, "/none")

    with pytest.raises(ConfigurationError, match="is no header's value") as error:
        access.authorization()

    assert "s3cr3t" not in str(error.value) + error.value.hint


def test_an_account_s_token_that_is_no_header_s_value_is_told_without_it(account: str) -> None:
    Path(account, "token").write_text("s3cr3t\ns3cr3t")

    with pytest.raises(ConfigurationError, match="is no header's value") as error:
        open_access(None, POD, account).authorization()

    assert "s3cr3t" not in str(error.value) + error.value.hint


def test_a_kubeconfig_that_is_named_goes_before_the_pod_s_own_account(tmp_path: Path, account: str) -> None:
    path = write_kubeconfig(tmp_path / "config", user={"token": "t"})

    access = open_access(None, POD | {"KUBECONFIG": path}, account)

    assert access.server.geturl() == "https://cluster.test:6443"
    assert (access.authorization(), access.namespace, access.context) == ("Bearer t", "default", "one")


def test_a_context_brings_its_namespace(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", user={"token": "t"})

    access = open_access("two", {"KUBECONFIG": path}, str(tmp_path))

    assert (access.namespace, access.context) == ("shop", "two")
    assert access.source == f"the context two of {path}"


def test_a_password_in_a_server_s_address_is_told_nobody(tmp_path: Path) -> None:
    cluster = {"server": "https://me:secret@cluster:6443", "insecure-skip-tls-verify": True}
    path = write_kubeconfig(tmp_path / "config", user={"token": "x"}, cluster=cluster)

    assert open_access(None, {"KUBECONFIG": path}).server.netloc == "cluster:6443"


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (
            "https://cluster:99999",
            "'https://cluster:99999', from the context one of .*config, is none: Port out of range",
        ),
        ("https://cluster:abc", "'https://cluster:abc', .* is none: Port could not be cast"),
        ("https://cluster:6443 ", "'https://cluster:6443 ', .* is none: Port could not be cast"),
        ("https://me:s3cr3t@cluster:abc", r"'https://me:\*\*\*@cluster:abc', .* is none"),
    ],
)
def test_a_server_whose_address_is_none_is_told_by_it(tmp_path: Path, server: str, words: str) -> None:
    path = write_kubeconfig(tmp_path / "config", user={"token": "t"}, cluster={"server": server})

    with pytest.raises(ConfigurationError, match=words) as error:
        open_access(None, {"KUBECONFIG": path}, "/none")

    assert "s3cr3t" not in str(error.value)
    assert error.value.hint == "It is the cluster's server in the kubeconfig."


def test_a_pod_s_variables_that_are_no_address_are_told(account: str) -> None:
    with pytest.raises(ConfigurationError, match="from KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, is none"):
        open_access(None, POD | {"KUBERNETES_SERVICE_PORT": "tcp://10.96.0.1:443"}, account)


def test_a_certificate_s_name_may_be_another_than_the_server_s(tmp_path: Path, authority: Path) -> None:
    cluster = {"certificate-authority": str(authority), "tls-server-name": "api.internal"}

    access = open_access(None, {"KUBECONFIG": write_kubeconfig(tmp_path / "c", user={}, cluster=cluster)}, "/none")

    assert access.server_name == "api.internal"
    assert access.authorization() == ""


def test_a_server_that_is_not_to_be_verified_is_not(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "c", user={"token": "t"}, cluster={"insecure-skip-tls-verify": True})

    access = open_access(None, {"KUBECONFIG": path}, "/none")

    assert access.tls is not None
    assert not access.tls.check_hostname


def test_a_login_program_is_run_for_its_token(tmp_path: Path) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "from-the-program"},
    }
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", f"print({json.dumps(json.dumps(credential))})"],
        "interactiveMode": "Never",
    }

    access = open_access(None, {"KUBECONFIG": write_kubeconfig(tmp_path / "c", user={"exec": plugin})}, "/none")

    assert access.authorization() == "Bearer from-the-program"


@pytest.mark.parametrize(
    ("content", "context"),
    [
        ("", None),
        ("nonsense", None),
        ("clusters: [", None),
        ("apiVersion: v1\nkind: Config\ncontexts: []\n", None),
        ("apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x}]\nclusters: []\nusers: []\n", None),
        ("apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: []\nclusters: []\nusers: []\n", "y"),
    ],
)
def test_a_kubeconfig_that_is_none_is_told(tmp_path: Path, content: str, context: str | None) -> None:
    path = tmp_path / "config"
    path.write_text(content)

    with pytest.raises(ConfigurationError, match=r"the kubeconfig .*config can't be used") as error:
        open_access(context, {"KUBECONFIG": str(path)}, "/none")

    assert "\n" not in error.value.message
    assert "\\n" not in error.value.message
    assert "`kubectl config get-contexts`" in error.value.hint


def test_a_user_that_can_not_be_used_is_told_without_its_token(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", user={"username": None, "password": "s3cr3t"})

    with pytest.raises(ConfigurationError, match=r"can't be used: .*Expected key username") as error:
        open_access(None, {"KUBECONFIG": path}, "/none")

    assert "s3cr3t" not in str(error.value) + error.value.hint


@pytest.mark.parametrize("other", [{"as": "backup"}, {"as-groups": ["backups"]}, {"as-uid": "7"}])
@pytest.mark.parametrize("known", [{"token": "s3cr3t"}, {"exec": {"command": "/must/not/be/run"}}])
def test_a_user_that_acts_as_another_is_refused_and_not_taken_for_itself(
    tmp_path: Path, known: dict[str, Any], other: dict[str, Any]
) -> None:
    path = write_kubeconfig(tmp_path / "config", user={**known, **other})

    with pytest.raises(ConfigurationError, match=r"the context one of .*config acts as another") as error:
        open_access(None, {"KUBECONFIG": path}, "/none")

    assert "s3cr3t" not in str(error.value) + error.value.hint
    assert "--context" in error.value.hint


def test_a_user_whose_other_name_is_empty_acts_as_itself(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", user={"token": "t", "as": "", "as-groups": []})

    assert open_access(None, {"KUBECONFIG": path}, "/none").authorization() == "Bearer t"


def test_where_there_is_no_kubeconfig_at_all_that_is_told(tmp_path: Path) -> None:
    missing = f"{tmp_path}/config:{tmp_path}/another"

    with pytest.raises(ConfigurationError, match=f"^there is no kubeconfig {missing}") as error:
        open_access(None, {"KUBECONFIG": missing}, "/none")

    assert "KUBECONFIG names another" in error.value.hint
    assert "`kubectl config get-contexts`" in error.value.hint


def test_without_the_library_a_kubeconfig_says_what_to_install(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "config", user={"token": "t"})
    script = (
        "import sys; sys.modules['kubernetes'] = None; sys.modules['websocket'] = None\n"
        "from shared.errors import ConfigurationError\n"
        "from trigger.transport.kubernetes import KubernetesTransport, Target\n"
        "from trigger.transport.kubernetes_access import Access, open_access\n"
        "for work in (lambda: open_access(None, {'KUBECONFIG': sys.argv[1]}, '/none'),\n"
        "             lambda: KubernetesTransport(Target(pod='x')).run(['probe'])):\n"
        "    try:\n"
        "        work()\n"
        "    except ConfigurationError as error:\n"
        "        print(error.hint)\n"
    )

    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == ["In a clone of neo4j-backup: pip install '.[kubernetes]'"] * 2


def test_in_a_pod_the_big_library_stays_out(account: str) -> None:
    script = (
        "import sys\n"
        "from trigger.transport.kubernetes_access import open_access\n"
        f"open_access(None, {POD!r}, sys.argv[1])\n"
        "import trigger.transport.kubernetes_cluster, trigger.transport.kubernetes_exchange\n"
        "print(sorted({'kubernetes', 'yaml', 'requests', 'urllib3'} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", script, account], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("server", "no_proxy", "asked"),
    [
        ("https://cluster.test", "", True),
        ("https://cluster.test", "other.test, ,cluster.test", False),
        ("https://cluster.test", "CLUSTER.test", False),
        ("https://api.cluster.test", "cluster.test", False),
        ("https://mycluster.test", "cluster.test", True),
        ("https://api.cluster.test", ".cluster.test", False),
        ("https://cluster.test", ".cluster.test", True),
        ("https://api.cluster.test", "*.cluster.test", False),
        ("https://cluster.test", "*.cluster.test", True),
        ("https://cluster.test", "*cluster.test", True),
        ("https://cluster.test:6443", "cluster.test:6443", False),
        ("https://cluster.test", "cluster.test:443", False),
        ("https://cluster.test:6443", "cluster.test:443", True),
        ("https://api.cluster.test:6443", "*.cluster.test:6443", False),
        ("https://cluster.test", ":443", True),
        ("https://10.96.0.1:443", "192.168.0.0/16, 10.0.0.0/8", False),
        ("https://10.96.0.1:443", "10.0.0.0/16", True),
        ("https://10.96.0.1:443", "10.0.0.0/x", True),
        ("https://cluster.test", "10.0.0.0/8", True),
        ("https://10.96.0.1:443", "10.96.0.1", False),
        ("https://10.96.0.1:6443", "10.96.0.1:443", True),
        ("https://[::ffff:10.96.0.1]:443", "10.96.0.1", False),
        ("https://110.96.0.1:443", "10.96.0.1", True),
        ("https://[fd00::1]:443", "fd00::/8", False),
        ("https://[fd00::1]:443", "fd00::1", False),
        ("https://[fd00::1]:443", "[fd00::1]:443", False),
        ("https://[fd00::1]:6443", "[fd00::1]:443", True),
        ("https://cluster.test", "*", False),
        ("https://127.0.0.1:6443", "", False),
        ("https://127.8.0.1:6443", "", False),
        ("https://[::1]:6443", "", False),
        ("https://localhost:6443", "", False),
        ("https://my.localhost:6443", "", True),
        ("http://cluster.test", "", False),
    ],
)
def test_the_environment_s_proxy_is_used_where_kubectl_uses_it(server: str, no_proxy: str, asked: bool) -> None:
    found = environment_proxy(urlsplit(server), {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": no_proxy})

    assert found == ("http://proxy:3128" if asked else None)


def test_of_a_variable_in_both_cases_the_upper_one_holds_as_in_kubectl() -> None:
    environment = {"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:2"}

    assert environment_proxy(urlsplit("https://cluster.test"), environment) == "http://upper:1"


def test_a_proxy_is_named_by_its_address_or_its_name_and_port() -> None:
    assert parse_proxy("proxy:3128").port == 3128
    assert parse_proxy("http://me:secret@proxy").hostname == "proxy"


@pytest.mark.parametrize(
    "address", ["socks5://me:secret@proxy:1080", "https://proxy", "http://", "http://proxy:port", "http://[secret"]
)
def test_a_proxy_that_is_no_http_proxy_is_told_without_its_secret(address: str) -> None:
    with pytest.raises(ConfigurationError, match="has to be http://HOST:PORT") as error:
        parse_proxy(address)

    assert "secret" not in error.value.message


def test_a_cluster_s_own_proxy_goes_before_the_environment_s(tmp_path: Path) -> None:
    path = write_kubeconfig(tmp_path / "c", user={"token": "t"}, cluster={"proxy-url": "http://own:1"})

    access = open_access(None, {"KUBECONFIG": path, "HTTPS_PROXY": "http://other:2"}, "/none")

    assert _proxy(access) == "http://own:1"


def test_a_cluster_without_a_proxy_of_its_own_has_the_environment_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_kubeconfig(tmp_path / "c", user={"token": "t"})
    # The library looks there by itself.
    monkeypatch.setenv("HTTPS_PROXY", "http://other:2")
    environment = {"KUBECONFIG": path, "HTTPS_PROXY": "http://other:2"}

    with_proxy = open_access(None, environment, "/none")
    without = open_access(None, environment | {"NO_PROXY": "cluster.test"}, "/none")

    assert _proxy(with_proxy) == "http://other:2"
    assert _proxy(without) is None


def _proxy(access: Access) -> str | None:
    return None if access.proxy is None else access.proxy.geturl()
