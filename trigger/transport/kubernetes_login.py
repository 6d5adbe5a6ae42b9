"""The login program that a kubeconfig may name for a user: run within a time, and what it gave."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.durations import format_duration
from shared.errors import ConfigurationError, TransportError
from shared.text import MASK, printable, without_passwords

_SAID_LIMIT = 300
# A value that is called a secret, and wherever it is a token of three parts or as many characters as only one has.
_SECRET = re.compile(
    r"(bearer\s+(?=\S{16})|(?:token|secret|password|key)[\"']?\s*[=:]\s*[\"']?)[^\s\"',;]+|eyJ[\w-]{8,}\.[\w.-]+"
    r"|[\w+/=~-]{32,}",
    re.IGNORECASE,
)

# Any, here and below: a document of YAML or JSON.
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Credential:
    """What proves who we are: a token, or a certificate and its key in PEM; what isn't there is ""."""

    token: str
    certificate: str
    key: str


def log_in(program: Document, cluster: Document, folder: str | None, seconds: float) -> Credential:
    """Run ``program``, a user's ``exec`` of a kubeconfig in ``folder``, and give its credential.

    Raises ConfigurationError where it can't be started, and TransportError where it gives none, or not within
    ``seconds``: what it asks may be away for a while.
    """
    name = printable(str(program.get("command") or ""), 200)
    # Closed by who started us, a stream is None.
    attended = all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
    interactive = attended and program.get("interactiveMode") != "Never"
    environment = {
        **os.environ,
        **{str(each["name"]): str(each["value"]) for each in program.get("env") or ()},
        "KUBERNETES_EXEC_INFO": json.dumps(_asked(program, cluster, interactive=interactive)),
    }
    command = [str(program.get("command") or ""), *(str(word) for word in program.get("args") or ())]
    try:
        status, output, errors = _run(command, environment, folder, seconds, interactive=interactive)
    except subprocess.TimeoutExpired:
        raise TransportError(
            f"the kubeconfig's login program {name} has not ended within {format_duration(seconds)}",
            hint=f"Does it wait for somebody? {_BY_HAND} --connect-for is how long it may take here.",
        ) from None
    except OSError as error:
        hint = printable(str(program.get("installHint") or ""), _SAID_LIMIT) or "Install it, or see users in the file."
        raise ConfigurationError(
            f"the kubeconfig's login program {name} can't be started: {error.strerror or error}", hint=hint
        ) from error
    if status != 0:
        raise TransportError(
            f"the kubeconfig's login program {name} ended with {status}{_shown(errors)}", hint=_BY_HAND
        )
    credential = _read(output)
    if credential is None:
        raise TransportError(
            f"the kubeconfig's login program {name} gave neither a token nor a certificate{_shown(errors)}",
            hint=_BY_HAND,
        )
    return credential


def _asked(program: Document, cluster: Document, *, interactive: bool) -> Document:
    asked: dict[str, Any] = {"interactive": interactive}
    if program.get("provideClusterInfo"):
        extensions = cluster.get("extensions") or ()
        own = (each["extension"] for each in extensions if each["name"] == "client.authentication.k8s.io/exec")
        asked["cluster"] = {**cluster, "config": next(own, None)}
    return {"apiVersion": program.get("apiVersion"), "kind": "ExecCredential", "spec": asked}


def _run(
    command: list[str], environment: Mapping[str, str], folder: str | None, seconds: float, *, interactive: bool
) -> tuple[int, bytes, bytes]:
    """Give exit status, standard output and standard error; a program that may ask talks to the terminal itself."""
    with subprocess.Popen(
        command,
        stdin=None if interactive else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if interactive else subprocess.PIPE,
        cwd=folder or None,
        env=environment,
        # A group of its own goes with all that it has started; only the terminal's own group may read from it.
        process_group=None if interactive else 0,
    ) as process:
        try:
            output, errors = process.communicate(timeout=seconds)
        except BaseException:
            if interactive:
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, output, errors or b""


def _read(output: bytes) -> Credential | None:
    try:
        status = json.loads(output)["status"]
        found = [str(status.get(key) or "") for key in ("token", "clientCertificateData", "clientKeyData")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    credential = Credential(*found)
    return credential if credential.token or (credential.certificate and credential.key) else None


def _shown(errors: bytes) -> str:
    """Give the end of what it said, without what looks like a secret; its standard output is one, and never shown."""
    said = " ".join(errors.decode("utf-8", "replace").split())
    masked = _SECRET.sub(lambda found: f"{found[1] or ''}{MASK}", without_passwords(said))
    return f": {printable(masked[-_SAID_LIMIT:])}" if masked else ""


_BY_HAND = "`kubectl auth whoami` runs it too, and has to work first."
