"""What is in the documents: code type, blocks of code, paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.parts import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "news").glob("*.md")),
]


@dataclass(frozen=True)
class Code:
    """Something in code type: a word or words in a line, or a block with its language where it says one."""

    text: str
    is_block: bool = False
    language: str = ""


def _tokens(path: Path) -> Iterator[Token]:
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text()):
        yield token
        yield from token.children or ()


def code(path: Path) -> list[Code]:
    found = []
    for token in _tokens(path):
        if token.type == "code_inline":
            found.append(Code(token.content))
        elif token.type in ("fence", "code_block"):
            found.append(Code(token.content, True, token.info))
    return found


def words(path: Path) -> set[str]:
    """Every word or words in code type, and every line of blocks."""
    return {line.strip() for one in code(path) for line in (one.text.splitlines() if one.is_block else [one.text])}


def paragraphs(path: Path) -> list[str]:
    """Paragraphs, items and cells of tables, each on one line."""
    return [" ".join(token.content.split()) for token in _tokens(path) if token.type == "inline"]
