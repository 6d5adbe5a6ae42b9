"""Requests to the API server: JSON documents, and the WebSocket of an exec. Imports websocket-client."""

import base64
import json
import ssl
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlencode

from websocket import WebSocket, WebSocketBadStatusException, WebSocketException

from trigger.transport.kubernetes_access import Access
from trigger.transport.until import PlainUntil, TlsUntil, connect, secure

REQUEST_SECONDS = 40.0
"""How long one request may take; admission webhooks may take 30 s, and are asked before an exec begins."""
FAILURES = (OSError, HTTPException, WebSocketException, ValueError)
"""Everything that comes through where there is no answer, or none of an API server; TLS's errors are OSErrors."""
CLOSES_INPUT = "v5.channel.k8s.io"
"""The exec protocol in which standard input can be ended by itself: an API server from 1.30 on has it."""
_PROTOCOLS = (CLOSES_INPUT, "v4.channel.k8s.io")
_ANSWER_LIMIT = 16 * 1024 * 1024

# Any, here and below: a JSON document.
Document = dict[str, Any]
Query = Sequence[tuple[str, str]]


class Refusal(Exception):
    """The API server answered, and not with what was asked for; ``message`` is its own word, not fit to be shown."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(status, reason, message)
        self.status = status
        self.reason = reason
        self.message = message


class ExecStream(WebSocket):
    """The WebSocket of an exec."""

    def within(self, seconds: float) -> None:
        """Have what follows end within so many seconds, however slowly the other side is."""
        if isinstance(self.sock, PlainUntil | TlsUntil):
            self.sock.deadline = time.monotonic() + seconds


class Api:
    """The API server that ``access`` leads to; each request has a connection of its own.

    ``until`` is the moment, of ``time.monotonic``, when all of them have to be over.
    """

    def __init__(self, access: Access, until: float) -> None:
        self.access = access
        self._until = until

    def get(self, path: Sequence[str], query: Query = ()) -> Document:
        """Read the document at ``path``; raises Refusal, and FAILURES."""
        return self._ask("GET", path, query, None)

    def post(self, path: Sequence[str], body: Document) -> Document:
        """Hand over a document and give the one that is answered; raises Refusal, and FAILURES."""
        return self._ask("POST", path, (), body)

    def exec(self, namespace: str, pod: str, container: str, command: Sequence[str]) -> ExecStream:
        """Start ``command`` with its three streams; raises Refusal, and FAILURES."""
        query = [
            ("container", container),
            *((name, "true") for name in ("stdin", "stdout", "stderr")),
            ("tty", "false"),
        ]
        target = self._target(pod_path(namespace, pod, "exec"), [*query, *(("command", word) for word in command)])
        stream = ExecStream(enable_multithread=False, skip_utf8_validation=True)
        scheme = "wss" if self.access.tls is not None else "ws"
        # Before there is a connection to leave open: the token may be one that can't be read.
        header = [f"{name}: {value}" for name, value in self._headers().items()]
        try:
            stream.connect(  # type: ignore[no-untyped-call]  # the one method of it without types
                f"{scheme}://{self.access.server.netloc}{target}",
                socket=self._connect(),
                subprotocols=list(_PROTOCOLS),
                suppress_origin=True,
                # The token goes with it: to nobody but the API server.
                redirect_limit=0,
                header=header,
            )
        except WebSocketBadStatusException as error:
            raise _refusal(error.status_code, error.status_message or "", error.resp_body or b"") from None
        return stream

    def _ask(self, method: str, path: Sequence[str], query: Query, body: Document | None) -> Document:
        server = self.access.server
        # With its brackets: an IPv6 address alone is taken for a name and a port.
        connection = HTTPConnection(server.netloc)
        connection.sock = self._connect()
        try:
            headers = {**self._headers(), "Accept": "application/json", "Connection": "close"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, self._target(path, query), None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read(_ANSWER_LIMIT + 1)
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise _refusal(answer.status, answer.reason, content)
        document = json.loads(content)
        if not isinstance(document, dict):
            raise ValueError("the answer is no JSON object")
        return document

    def _connect(self) -> PlainUntil | TlsUntil:
        server, proxy, tls = self.access.server, self.access.proxy, self.access.tls
        deadline = min(self._until, time.monotonic() + REQUEST_SECONDS)
        host, port = server.hostname or "", server.port or (80 if tls is None else 443)
        if proxy is None:
            found = connect(host, port, deadline)
        else:
            found = connect(proxy.hostname or "", proxy.port or 80, deadline)
        try:
            if proxy is not None:
                _tunnel(found, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            return found if tls is None else secure(found, tls, self.access.server_name, deadline)
        except BaseException:
            found.close()
            raise

    def _headers(self) -> dict[str, str]:
        authorization = self.access.authorization()
        return {"User-Agent": "neo4j-backup", **({"Authorization": authorization} if authorization else {})}

    def _target(self, path: Sequence[str], query: Query) -> str:
        # A server may have a path of its own, as behind Rancher.
        whole = self.access.server.path.rstrip("/") + "".join(f"/{quote(part, safe='')}" for part in path)
        return f"{whole}?{urlencode(query)}" if query else whole


def pod_path(namespace: str, *rest: str) -> tuple[str, ...]:
    """Give the path of a namespace's pods, of one of them, or of what is below it."""
    return ("api", "v1", "namespaces", namespace, "pods", *rest)


def is_unknown_certificate(error: BaseException) -> bool:
    """Say whether the API server showed a certificate that isn't trusted here."""
    return isinstance(error, ssl.SSLCertVerificationError)


def _tunnel(connection: PlainUntil, proxy: SplitResult, place: str) -> None:
    """Ask the proxy for a way to ``place``, HOST:PORT."""
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.username is not None:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}")
    connection.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    answer = HTTPResponse(connection, method="CONNECT")
    try:
        # What it has read beyond the head would be lost: nothing is, since nobody else there speaks first.
        answer.begin()
    finally:
        answer.close()
    if answer.status != 200:
        raise OSError(f"the proxy gives no way there: {answer.status} {answer.reason}")


def _refusal(status: int, phrase: str, content: bytes) -> Refusal:
    try:
        document = json.loads(content)
        return Refusal(status, str(document.get("reason") or phrase), str(document.get("message") or phrase))
    except (ValueError, AttributeError):
        # A proxy's or a load balancer's page, or nothing at all.
        return Refusal(status, phrase, content.decode("utf-8", "replace").strip() or phrase)
