"""Where we look in a cluster, and how kubectl is told of it."""

import shlex
from dataclasses import dataclass

from shared.text import printable
from trigger.transport.kubernetes_access import Access


@dataclass(frozen=True, slots=True)
class Place:
    """Where we look: the names for a message, and how kubectl is told of them."""

    access: Access
    namespace: str
    container: str

    def kubectl(self, *words: str, pod: str | None = None) -> str:
        """Give a command to be typed; ``pod`` adds it and the container."""
        which = [] if pod is None else [pod, "-c", self.container]
        return kubectl(self.access, "-n", self.namespace, *words, *which)

    def can_i(self, verb: str, subresource: str, pod: str, who: str) -> str:
        """Give the command that asks for a right on ``pod``, "" for all: a Role may give it for some by their names.

        Of a pod's account, ``who``, somebody else will ask; a kubeconfig's context is who we are, and may
        seldom say so by ``--as``.
        """
        words = [f"--subresource={subresource}"] if subresource else []
        other = ["--as", who] if who and self.access.context is None else []
        return self.kubectl("auth", "can-i", verb, f"pods/{pod}" if pod else "pods", *words, *other)


def kubectl(access: Access, *words: str) -> str:
    """Give a command to be typed, for the cluster of ``access``."""
    where = [] if access.context is None else ["--context", access.context]
    return printable(f"`{shlex.join(['kubectl', *where, *words])}`")
