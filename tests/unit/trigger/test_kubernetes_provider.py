"""A kubeconfig's auth-provider: its token is used while it lasts, and nobody is asked for another from here."""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.errors import ConfigurationError, TransportError
from tests.fakes.api_server import CLOSE, STDOUT, SUCCESS, Says, api_server, frame, pod, refuses
from tests.fakes.dripping import dripping
from trigger.transport.kubernetes import KubernetesTransport, Target
from trigger.transport.kubernetes_access import Access, open_access
from trigger.transport.protocol import Misdirected

HOUR = 3600
DONE = Says(frames=(frame(STDOUT + b"done\n"), frame(SUCCESS), CLOSE))

# Any, here and below: documents of YAML.
User = dict[str, Any]


def token(*, ends_in: float, name: str = "s3cr3t") -> str:
    """Make a JSON Web Token that ends in so many seconds."""
    parts: list[dict[str, object]] = [{"alg": "none"}, {"sub": name, "exp": int(time.time() + ends_in)}]
    return ".".join([*(_encoded(part) for part in parts), "signature"])


def _encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def oidc(kept: str, **more: str) -> User:
    renewing = {"client-id": "us", "client-secret": "s3cr3t", "refresh-token": "s3cr3t"}
    return {"auth-provider": {"name": "oidc", "config": {"id-token": kept, **renewing, **more}}}


def gcp(kept: str, expiry: object) -> User:
    return {"auth-provider": {"name": "gcp", "config": {"access-token": kept, "expiry": expiry}}}


def written(folder: Path, user: User, server: str = "https://cluster.test:6443") -> str:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "eu west", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "eu west",
    }
    path = folder / "config"
    path.write_text(yaml.safe_dump(config))
    return str(path)


def access(path: str) -> Access:
    return open_access(None, {"KUBECONFIG": path}, "/none")


def test_an_id_token_that_lasts_is_ours(tmp_path: Path) -> None:
    kept = token(ends_in=HOUR)

    assert access(written(tmp_path, oidc(kept))).authorization() == f"Bearer {kept}"


def test_one_that_has_ended_is_told_with_what_renews_it_and_its_issuer_is_not_asked(tmp_path: Path) -> None:
    with dripping(drip=b"HTTP/1.1 200 OK\r\nX-Slow: ") as port:
        issuer = f"http://127.0.0.1:{port}"
        path = written(tmp_path, oidc(token(ends_in=-10), **{"idp-issuer-url": issuer}))
        before, began = Path(path).read_text(), time.monotonic()

        with pytest.raises(Misdirected, match=rf"the id-token of the context eu west of {path} has ended at 20") as no:
            access(path)

    assert time.monotonic() - began < 8
    assert no.value.hint == "`kubectl --context 'eu west' auth whoami` renews it, and has to work first."
    assert "s3cr3t" not in str(no.value)
    assert Path(path).read_text() == before


def test_an_issuer_that_is_not_there_is_no_defect(tmp_path: Path) -> None:
    user = oidc(token(ends_in=-HOUR), **{"idp-issuer-url": "https://nobody.invalid"})

    with pytest.raises(Misdirected, match="has ended"):
        access(written(tmp_path, user))


@pytest.mark.parametrize("config", [None, {}, {"id-token": ""}, {"id-token": None, "refresh-token": "s3cr3t"}], ids=str)
def test_a_provider_without_a_token_is_told(tmp_path: Path, config: object) -> None:
    with pytest.raises(Misdirected, match=r"the id-token of the context eu west of .* isn't there"):
        access(written(tmp_path, {"auth-provider": {"name": "oidc", "config": config}}))


@pytest.mark.parametrize("kept", ["opaque", "a.b.c", "a.bm8=.c", token(ends_in=1e300 - time.time()), "..", "a.e30.c"])
def test_a_token_that_does_not_say_when_it_ends_is_ours_until_the_api_server_refuses_it(
    tmp_path: Path, kept: str
) -> None:
    assert access(written(tmp_path, oidc(kept))).authorization() == f"Bearer {kept}"


@pytest.mark.parametrize("made", [str, lambda moment: moment, lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.123456789Z}"])
def test_an_access_token_of_gcp_is_ours_while_it_lasts(tmp_path: Path, made: Callable[[datetime], object]) -> None:
    now = datetime.now(UTC)

    lasting = access(written(tmp_path, gcp("kept", made(now + timedelta(hours=1)))))

    assert lasting.authorization() == "Bearer kept"
    with pytest.raises(Misdirected, match=r"the access-token of the context eu west of .* has ended at") as error:
        access(written(tmp_path, gcp("kept", made(now - timedelta(seconds=10)))))
    assert "`gcloud container clusters get-credentials`" in error.value.hint


def test_a_program_that_gcp_names_is_not_run(tmp_path: Path) -> None:
    config = {"cmd-path": "/bin/touch", "cmd-args": str(tmp_path / "touched")}

    with pytest.raises(Misdirected, match="isn't there"):
        access(written(tmp_path, {"auth-provider": {"name": "gcp", "config": config}}))

    assert not (tmp_path / "touched").exists()


def test_an_end_that_is_no_time_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"can't be used: .*soon"):
        access(written(tmp_path, gcp("kept", "soon")))


def test_a_token_goes_before_the_provider_as_in_kubectl(tmp_path: Path) -> None:
    user = oidc(token(ends_in=-HOUR)) | {"token": "its-own"}

    assert access(written(tmp_path, user)).authorization() == "Bearer its-own"


def test_a_token_that_ends_while_we_wait_is_taken_once_somebody_renewed_it(tmp_path: Path) -> None:
    ended = refuses(401, "Unauthorized", "no")
    first, second = token(ends_in=2), token(ends_in=HOUR, name="another")
    with api_server(Says(body=pod()), DONE, ended, ended, Says(body=pod()), DONE) as (address, asked):
        path = written(tmp_path, oidc(first), address)
        transport = KubernetesTransport(Target(pod="neo4j-0"), find=lambda: access(path))
        with transport.run(["probe"]) as exchange:
            assert exchange.read_line(10) == b"done"
        time.sleep(2)
        with pytest.raises(TransportError, match="has ended"):
            transport.run(["probe"])

        written(tmp_path, oidc(second), address)
        with transport.run(["probe"]) as exchange:
            assert exchange.read_line(10) == b"done"

    assert asked.authorizations[-1] == f"Bearer {second}"
