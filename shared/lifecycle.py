"""The states that a request and each of its databases pass through, and which may follow which."""

from enum import StrEnum


class State(StrEnum):
    """Where a request is; the last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    UPLOADING = "uploading"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class ResultState(StrEnum):
    """Where one database of a request is; all but the first two are final."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.REJECTED})

# None is a request that has no document yet. It may begin `cancelled`: the attempt that a
# cancel forbids after an end worth retrying is published as that.
TRANSITIONS: dict[State | None, frozenset[State]] = {
    None: frozenset({State.QUEUED, State.REJECTED, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.FAILED, State.CANCELLED}),
    State.RUNNING: frozenset({State.UPLOADING, State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.UPLOADING: frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.REJECTED: frozenset(),
}


def may_follow(before: State | None, after: State) -> bool:
    """Say whether a document in ``before`` may be published in ``after``.

    The same state again is allowed while it isn't final: its progress changes within it.
    """
    return after in TRANSITIONS[before] or (after == before and after not in FINAL)
