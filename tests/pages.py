"""The project's pages in Markdown, read back: their blocks, commands, tables, links, and what each command prints."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)?(?:#([\w-]+))?\)")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that is shown, as a shell would part it, and the lines that it is said to print."""

    words: tuple[str, ...]
    printed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the repository."""

    path: Path

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @property
    def prose(self) -> str:
        """What is in no block."""
        return _BLOCK.sub("", self.text)

    def section(self, title: str) -> str:
        """What is under the heading ``title``, up to the next one of its level."""
        return self.text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]

    def blocks(self, language: str) -> list[str]:
        """Give the blocks of a language, "" for those of none."""
        return [content for found, content in _BLOCK.findall(self.text) if found == language]

    def commands(self, program: str) -> list[Command]:
        """Give the commands that run ``program``, each after a prompt ``$``, with what stands below it."""
        found = []
        for block in self.blocks(""):
            for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                line, _, printed = shown.replace("\\\n", " ").partition("\n")
                words = tuple(shlex.split(line))
                if words[0] == program:
                    found.append(Command(words, tuple(printed.splitlines())))
        return found

    def links(self) -> list[tuple[Path, str]]:
        """Give the files that are linked to, and the heading within, "" for none."""
        return [
            ((self.path.parent / path).resolve() if path else self.path, heading)
            for path, heading in _LINK.findall(self.text)
            if "://" not in path
        ]

    def headings(self) -> set[str]:
        """Give what its headings are linked by."""
        titles = re.findall(r"^#+ (.+)$", _BLOCK.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\s-]", "", title.lower()).replace(" ", "-") for title in titles}


def rows(text: str) -> list[list[str]]:
    """Give the rows of the tables in a text, those under a heading's line too."""
    found = [re.split(r" *(?<!\\)\| *", line.strip("| ")) for line in text.splitlines() if line.startswith("| ")]
    return [row for row in found if not set("".join(row)) <= set("- ")]
