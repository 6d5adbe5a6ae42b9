"""What a backup artifact says of itself, and the ways in which it can say nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


class ArtifactProblem(Exception):
    """Why an artifact proves nothing; ``reason`` is a clause about it that begins with "it" or "its"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def fault(self) -> str:
        """The reason as a clause that follows the artifact's name."""
        return f"is damaged: {self.reason}"


class UnknownFormat(ArtifactProblem):
    """An artifact of a later release, or one that was split: it is neither a link of a chain nor ours to move."""


class DamagedArtifact(ArtifactProblem):
    """Not a whole backup artifact."""


class UnreadArtifact(DamagedArtifact):
    """Not to be read now: nothing may build on it, and it may be whole."""

    @property
    def fault(self) -> str:
        """The reason as a clause that follows the artifact's name."""
        return self.reason.removeprefix("it ")


@dataclass(frozen=True, slots=True)
class StoreId:
    """Which physical store an artifact was taken from; a restored or recreated database has another."""

    created_ms: int
    random: int
    engine: str
    format: str
    major: int
    minor: int


@dataclass(frozen=True, slots=True)
class Head:
    """What an artifact says of itself; ``body_offset`` is where its tar stream or zstd frame begins, in bytes."""

    magic: str
    store_id: StoreId
    database_id: UUID
    database: str
    taken_at: datetime
    lowest: int
    highest: int
    recovered: bool
    compressed: bool
    full: bool
    body_offset: int

    @property
    def empty(self) -> bool:
        """Whether it holds no transaction: nothing had changed since the artifact before it."""
        return self.lowest == 0 and self.highest == 0

    @property
    def zstd(self) -> bool:
        """Whether its body is a zstd frame; else it is a tar stream."""
        return self.magic.startswith("BZ")


HeadOrProblem = Head | UnknownFormat | DamagedArtifact


@dataclass(frozen=True, slots=True)
class Examined:
    """What an artifact says of itself, or why it says nothing, and what is wrong with its body, if anything.

    ``body`` is None where the body was walked and found whole, and where the head already says nothing.
    """

    head: HeadOrProblem
    body: DamagedArtifact | None = None
