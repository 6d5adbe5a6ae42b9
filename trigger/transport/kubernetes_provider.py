"""The token that a kubeconfig's auth-provider keeps: taken as it lies there, and never renewed from here."""

import base64
import json
import shlex
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.text import printable
from trigger.transport.protocol import Misdirected

PROVIDERS = ("gcp", "oidc")
"""Those whose token is known to lie in the file; of any other name the user is one without a provider."""
_KEYS = {"gcp": "access-token", "oidc": "id-token"}

# Any, here and below: a document of YAML.
Document = Mapping[str, Any]


def kept_token(provider: Document, context: str, path: str) -> str:
    """Give the token that ``provider``, one of PROVIDERS, keeps for the user of ``context`` in ``path``.

    Raises Misdirected where there is none, or where it has ended: another program may have renewed it by the next time.
    """
    name, config = str(provider["name"]), provider.get("config") or {}
    token = str(config.get(_KEYS[name]) or "").strip()
    ends = _ends(token) if name == "oidc" else _moment(config.get("expiry"))
    if token and (ends is None or ends > time.time()):
        return token
    when = "" if ends is None else f" at {datetime.fromtimestamp(ends, UTC):%Y-%m-%d %H:%M:%SZ}"
    amiss = f"has ended{when}" if token else "isn't there"
    raise Misdirected(
        f"the {_KEYS[name]} of the context {printable(context, 100)} of {path} {amiss}, and none is asked for here",
        hint=_RENEWED[name].format(kubectl=printable(shlex.join(["kubectl", "--context", context]), 200)),
    )


def _ends(token: str) -> float | None:
    """Give when a JSON Web Token ends, None where it doesn't say: then whoever it is for has to say so."""
    _, _, rest = token.partition(".")
    part = rest.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["exp"]
        return datetime.fromtimestamp(found, UTC).timestamp()
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None


def _moment(written: object) -> float | None:
    """Give a time as YAML has it, or as text; ValueError for one that is none."""
    if not written:
        return None
    found = written if isinstance(written, datetime) else datetime.fromisoformat(str(written))
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


_RENEWED = {
    "gcp": "`gcloud container clusters get-credentials` writes a user with a login program: kubectl has no such "
    "provider any more.",
    "oidc": "`{kubectl} auth whoami` renews it, and has to work first.",
}
