"""The fenced blocks of the documentation; for the tests that run and check them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from workspace import ROOT

FENCE = re.compile(
    r"^(?:<!-- (?P<mark>\w+): (?P<value>[^\n]*?) -->\n+)?(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: The file it stands in.
        line: Where it begins, from 1.
        language: The word behind the fence.
        text: What it holds.
        marks: `file` or `exit` with its value, from a comment right above it.
    """

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, str]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page for readers: top level, docs, and the packages' own."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("plugins/*/README.md")]
    found += [ROOT / "ducklake-core/README.md", ROOT / "data/samples/README.md"]
    return sorted(found)


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            match["text"],
            {match["mark"]: match["value"]} if match["mark"] else {},
        )
        for match in FENCE.finditer(text)
    ]


def all_blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all pages in these languages."""
    return [block for page in pages() for block in blocks(page) if block.language in languages]
