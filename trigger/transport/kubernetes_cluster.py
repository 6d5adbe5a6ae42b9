"""Asks the API server for what the transport needs, as whoever we are. Imports websocket-client."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from shared.errors import ConfigurationError
from shared.text import printable
from trigger.transport.kubernetes_access import Access
from trigger.transport.kubernetes_api import (
    FAILURES,
    Api,
    Document,
    ExecStream,
    Refusal,
    is_unknown_certificate,
    pod_path,
)
from trigger.transport.kubernetes_errors import refused, unreachable
from trigger.transport.kubernetes_place import Place
from trigger.transport.protocol import Misdirected

_UNAUTHORIZED = 401
_NOT_FOUND = 404
_GOES_ON = "status.phase!=Succeeded,status.phase!=Failed"
_T = TypeVar("_T")


class Cluster:
    """The cluster that ``find`` gives the way to; it is found anew once where its credentials are refused.

    Every method raises TransportError where there is no answer, or a refusal. ``until`` is the moment, of
    ``time.monotonic``, when all that is asked has to be over.
    """

    until = math.inf

    def __init__(self, find: Callable[[], Access], namespace: str | None, container: str) -> None:
        self._find = find
        self._access = find()
        self._was_let_in = False
        self._namespace = namespace
        self._container = container

    @property
    def place(self) -> Place:
        """Say where this looks."""
        access = self._access
        return Place(access, self._namespace or access.namespace, self._container)

    def pod(self, name: str) -> Document | None:
        """Give a pod's document, None where there is no such pod."""
        path = pod_path(self.place.namespace, name)
        return self._ask(lambda api: api.get(path), f"read the pod {name}")

    def pods(self, selector: str, limit: int) -> list[Document]:
        """Give the documents of the pods with these labels; where they are more than ``limit``, of those that go on.

        Where none of so many goes on, it is the first that have ended.
        """
        first, has_more = self._listed(selector, ("limit", str(limit)))
        if not has_more:
            return first
        # Ended pods may lie there for ever, and fill an answer before the one that is wanted.
        living, _ = self._listed(selector, ("fieldSelector", _GOES_ON))
        return living or first

    def exec(self, pod: str, command: Sequence[str], container: str | None = None) -> ExecStream | None:
        """Start a command in the container, ours where none is named; None where there is no such pod any more."""
        place = self.place
        return self._ask(
            lambda api: api.exec(place.namespace, pod, container or place.container, command),
            f"run {command[0]} in the pod {pod}",
        )

    def may(self, verb: str, resource: str, subresource: str = "", name: str = "") -> bool:
        """Say whether our rights hold this verb, for all the namespace's pods or for the one of that name."""
        wanted = {
            "namespace": self.place.namespace,
            "verb": verb,
            "resource": resource,
            "subresource": subresource,
            "name": name,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": wanted},
        }
        path = ("apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews")
        found = self._ask(lambda api: api.post(path, review), "ask for our own rights")
        return ((found or {}).get("status") or {}).get("allowed") is True

    def version(self) -> str:
        """Give the API server's version."""
        found = self._ask(lambda api: api.get(("version",)), "tell its version")
        return str((found or {}).get("gitVersion") or "of no version told")

    def who(self) -> str:
        """Give the name that the API server knows us by, "" where it can't tell: before Kubernetes 1.28."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = ("apis", "authentication.k8s.io", "v1", "selfsubjectreviews")
        found = self._ask(lambda api: api.post(path, review), "say who we are")
        return printable(str((((found or {}).get("status") or {}).get("userInfo") or {}).get("username") or ""), 200)

    def _listed(self, selector: str, narrowed: tuple[str, str]) -> tuple[list[Document], bool]:
        """Give the documents of one answer, and whether there are more."""
        path, query = pod_path(self.place.namespace), [("labelSelector", selector), narrowed]
        found = self._ask(lambda api: api.get(path, query), f"list the pods of {selector}", selector) or {}
        items, metadata = found.get("items"), found.get("metadata")
        documents = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
        return documents, isinstance(metadata, dict) and bool(metadata.get("continue"))

    def _ask(self, work: Callable[[Api], _T], what: str, selector: str = "") -> _T | None:
        passing = self._was_let_in
        try:
            try:
                found = work(Api(self._access, self.until))
            except (Refusal, *FAILURES) as error:
                if not _is_worth_new_credentials(error):
                    raise
                passing = True
                self._access = self._find()
                found = work(Api(self._access, self.until))
            self._was_let_in = True
            return found
        except ConfigurationError as error:
            if not passing:
                raise
            # It has worked before, and may again: a token's file is written anew now and then.
            raise Misdirected(error.message, hint=error.hint) from error
        except Refusal as refusal:
            # The server's own word, and no page of something in between.
            if refusal.status == _NOT_FOUND and refusal.reason == "NotFound":
                return None
            raise refused(refusal, self.place, what, selector) from refusal
        except FAILURES as error:
            raise unreachable(error, self._access) from error


def _is_worth_new_credentials(error: BaseException) -> bool:
    # A kubeconfig's token is read once, and an authority may be replaced while a backup runs.
    return is_unknown_certificate(error) or (isinstance(error, Refusal) and error.status == _UNAUTHORIZED)
