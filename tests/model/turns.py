"""The turns that lives have to take for the model's promises to be put to the test."""

from collections.abc import Collection, Iterable
from enum import StrEnum

from sidecar.document import Document
from tests.model.backups import Backups


class Turn(StrEnum):
    """Something that happens in a life; where no life has it, a promise about it is never tested."""

    CONTINUES = "a differential continues what lies there"
    NOTHING_NEW = "a differential finds nothing new"
    NO_FULL = "a differential has no full backup to build on"
    DAMAGED = "what a differential would build on is damaged"
    STRAY = "a run leaves a differential that continues nothing, and says that it left a backup"
    CUT_OFF = "a differential is cut off by its daemon's death, and made whole after that"
    DARK = "the power goes when a differential's success is on the disk"
    INHERITED = "that differential continues what somebody else put there and didn't flush"
    LESS = "a later attempt leaves out what succeeded before it"


FREQUENT = (Turn.CONTINUES, Turn.NO_FULL, Turn.DARK)
"""Those that some lives of a hundred come to, whichever are drawn."""


def told_by(document: Document, backups: Backups) -> set[Turn]:
    """Give those that a document tells of in the end."""
    turns: set[Turn] = set()
    told = [document.message, *(result.message for result in document.results), *document.warnings]
    if any("nothing was run: " in each or "makes a full backup instead" in each for each in told):
        turns.add(Turn.DAMAGED)
    for result in document.results:
        if result.message.startswith("no full backup of "):
            turns.add(Turn.NO_FULL)
        if result.type == "DIFF":
            made = backups.made[str(result.artifact)]
            turns.add(Turn.NOTHING_NEW if made.after == made.highest else Turn.CONTINUES)
    return turns


def power_cut(documents: Iterable[Document], backups: Backups, unflushed: Collection[str]) -> set[Turn]:
    """Give those that a power cut is after ``documents``; ``unflushed`` are backups that somebody else left so."""
    results = [result for document in documents for result in document.results if result.type == "DIFF"]
    parents = [backups.made[str(result.artifact)].parent for result in results]
    return {
        *([Turn.DARK] if parents else []),
        *([Turn.INHERITED] if any(parent in unflushed for parent in parents) else []),
    }
