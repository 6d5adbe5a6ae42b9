"""What the API server says no with, in the user's words, each with the command that shows or mends it."""

import re
import shlex
import socket

from shared.errors import TransportError
from shared.text import printable
from trigger.transport.kubernetes_access import Access
from trigger.transport.kubernetes_api import Refusal, is_unknown_certificate
from trigger.transport.kubernetes_place import Place, kubectl
from trigger.transport.protocol import Misdirected

_SAID_LIMIT = 400
_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)' with binding '[^']*' denied request")
_WEBHOOK = re.compile(r'admission webhook "([^"]*)" denied the request')
_POD = re.compile(r'pods "([^"]+)" is forbidden: ')
_USER = re.compile(r'User "([^"]+)"')
_BUSY = 429
_BROKEN = 500


class NotAllowed(Misdirected):
    """Who we are may not do this: by its rights, by a webhook, or by an admission policy, whose name is ``policy``."""

    def __init__(self, message: str, *, hint: str = "", policy: str = "") -> None:
        super().__init__(message, hint=hint)
        self.policy = policy


def unreachable(error: BaseException, access: Access) -> TransportError:
    """Tell why the API server gives no answer."""
    server = printable(f"{access.server.scheme}://{access.server.netloc}", 200)
    if access.proxy is not None:
        server += f" (by the proxy {printable(f'{access.proxy.hostname}:{access.proxy.port}', 200)})"
    by = printable(access.source, 200)
    if is_unknown_certificate(error):
        said = printable(str(getattr(error, "verify_message", error)), _SAID_LIMIT)
        return Misdirected(
            f"the API server {server} shows a certificate that {by} doesn't trust: {said}",
            hint="Is it another cluster's address, or has its authority been replaced? "
            f"`openssl s_client -connect {_host_and_port(access)} -showcerts` shows the certificate.",
        )
    if isinstance(error, socket.gaierror) and access.proxy is not None:
        return TransportError(
            f"the name of the proxy {printable(access.proxy.hostname or '', 200)}, by which the API server "
            f"{printable(access.server.netloc, 200)} is reached, is not known here",
            hint="HTTPS_PROXY, or the cluster's proxy-url in the kubeconfig, names it; NO_PROXY takes what is reached "
            "without one.",
        )
    if isinstance(error, socket.gaierror):
        return TransportError(
            f"the API server's name {printable(access.server.hostname or '', 200)}, from {by}, is not known here",
            hint=_works_first(access),
        )
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return TransportError(
            f"the API server {server} did not answer in time",
            hint=f"Does a NetworkPolicy or a firewall hold it back? {_works_first(access)}",
        )
    said = printable(getattr(error, "strerror", None) or str(error) or type(error).__name__, _SAID_LIMIT)
    if said.startswith("Invalid header value"):
        # http.client's words end with the value, and that is the token.
        said = "a header's value is none"
    return TransportError(f"the API server {server} can't be reached: {said}", hint=_works_first(access))


def refused(refusal: Refusal, place: Place, what: str, selector: str = "") -> TransportError:
    """Tell why the API server doesn't do ``what``, as in "list the pods"; one that isn't there is told elsewhere.

    ``selector`` are the labels that were asked for.
    """
    said = printable(refusal.message, _SAID_LIMIT)
    found = _POLICY.search(refusal.message)
    policy = "" if found is None else found[1]
    match refusal.status:
        case 401:
            return Misdirected(
                f"the API server doesn't know who we are: it takes no credentials of {printable(place.access.source)}",
                hint=f"They may have ended. {_who_we_are(place)}",
            )
        case status if status < _BROKEN and status != _BUSY and _WEBHOOK.search(refusal.message):
            # With any status that it likes: 400 where it names none.
            return NotAllowed(
                f"a webhook of the cluster doesn't let us {what}: {said}",
                hint=f"{kubectl(place.access, 'get', 'validatingwebhookconfigurations')} shows whose it is.",
            )
        case 400 if selector and refusal.reason == "BadRequest":
            return Misdirected(
                f"the API server can't read the labels {printable(selector, 200)}: {said}",
                hint="--selector takes KEY=VALUE, with a comma between two: "
                f"{place.kubectl('get', 'pods', '-l', selector)} has to work first.",
            )
        case 403 if not policy:
            return NotAllowed(f"Kubernetes doesn't let us {what}: {said}", hint=_rights(refusal.message, place))
        case 403 | 422:
            return NotAllowed(
                f"a policy of the cluster doesn't let us {what}: {said}",
                hint=f"{place.kubectl('get', 'validatingadmissionpolicybindings')} shows who has one.",
                policy=policy,
            )
        case status if status == _BUSY or status >= _BROKEN:
            return TransportError(
                f"the API server could not {what} now ({status}): {said}",
                hint=f"{kubectl(place.access, 'get', '--raw', '/readyz?verbose')} shows how it is.",
            )
        case status:
            return TransportError(
                f"the API server doesn't {what} ({status}): {said}",
                hint=f"Is it an API server? {_works_first(place.access)}",
            )


def rights(verb: str, subresource: str, pod: str, who: str, place: Place) -> str:
    """Say which rights there have to be, and which command shows whether ``who`` has the one that is missing."""
    shown = place.can_i(verb, subresource, pod, who)
    return f"A Role has to give get and list on pods, get and create on pods/exec. {shown} shows whether it does."


def _host_and_port(access: Access) -> str:
    """Give the API server's, the port always: without one openssl takes 4433."""
    host = access.server.hostname or ""
    return printable(shlex.quote(f"{f'[{host}]' if ':' in host else host}:{access.server.port or 443}"), 200)


def _works_first(access: Access) -> str:
    """Say what has to work before anything of ours can; of a pod, where nobody types, what shows why it doesn't."""
    if access.context is not None:
        return f"{kubectl(access, 'cluster-info')} has to work first."
    policies = kubectl(access, "-n", access.namespace, "get", "networkpolicies")
    label = "kubernetes.io/service-name=kubernetes"
    addresses = kubectl(access, "-n", "default", "get", "endpointslices", "-l", label)
    return f"{policies} shows what may hold this pod back, {addresses} where the API server is."


def _who_we_are(place: Place) -> str:
    """Say what shows whether our credentials are good; a pod's own are nobody else's."""
    if place.access.context is not None:
        return f"{place.kubectl('auth', 'whoami')} has to work first."
    accounts = kubectl(place.access, "-n", place.access.namespace, "get", "serviceaccounts")
    return f"{accounts} shows whether this pod's account is there, and not younger than the pod."


def _rights(message: str, place: Place) -> str:
    found = _USER.search(message)
    verb = next((word for word in ("create", "list") if f"cannot {word} " in message), "get")
    named = None if verb == "list" else _POD.match(message)
    who, pod = ("" if each is None else each[1] for each in (found, named))
    return rights(verb, "exec" if "pods/exec" in message else "", pod, who, place)
