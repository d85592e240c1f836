"""What stands in the documents: code blocks, tables and literals, as their reader sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.rst"
DOCS = ROOT / "docs"

_UNDERLINE = re.compile(r"([=~-])\1{2,}\Z")


@dataclass(frozen=True)
class Block:
    """One code block."""

    language: str
    text: str

    @property
    def file(self) -> str:
        """The file it belongs to, which its first line names: ``# mysite/settings.py``."""
        match = re.match(r"# ([\w/]+\.py)\n", self.text)
        return match[1] if match else ""


@dataclass(frozen=True)
class Section:
    """A title with all that follows it up to the next one, whatever its level."""

    title: str
    text: str

    @property
    def blocks(self) -> list[Block]:
        return [
            Block(match["language"], _dedented(match["body"]))
            for match in re.finditer(
                r"^\.\. code-block:: (?P<language>\w+)\n\n(?P<body>(?:(?: {4}.*)?\n)+)",
                f"{self.text}\n",
                re.MULTILINE,
            )
        ]

    @property
    def tables(self) -> list[list[list[str]]]:
        """The rows of each ``list-table``, its head first; a cell is its text in one line."""
        return [
            list(_rows(match["body"]))
            for match in re.finditer(
                r"^\.\. list-table::\n(?: {3}:.*\n)+\n(?P<body>(?:(?: {3}.*)?\n)+)",
                f"{self.text}\n",
                re.MULTILINE,
            )
        ]

    @property
    def literals(self) -> set[str]:
        """What stands in double backquotes, outside of the code blocks."""
        text = re.sub(r"^ {4}.*\n", "", self.text, flags=re.MULTILINE)
        return {" ".join(literal.split()) for literal in re.findall(r"``(.+?)``", text, re.DOTALL)}


def sections(path: Path) -> list[Section]:
    """The sections of a document, in their order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [
        number - 1
        for number, line in enumerate(lines)
        if number and _UNDERLINE.match(line) and lines[number - 1].strip()
    ]
    return [
        Section(lines[start], "\n".join(lines[start + 2 : end]))
        for start, end in zip(starts, [*starts, len(lines)][1:], strict=True)
    ]


def section(path: Path, title: str) -> Section:
    [found] = [each for each in sections(path) if each.title == title]
    return found


def included(page: Path) -> list[str]:
    """The files of which a page is put together, in their order."""
    return re.findall(r"^\.\. include:: (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def included_tables(page: Path) -> list[list[list[str]]]:
    """The tables of all the files that a page includes."""
    return [
        table
        for file in included(page)
        for section in sections(page.parent / file)
        for table in section.tables
    ]


def exchanges(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what it prints."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.strip()


def literal(cell: str) -> str:
    """The text of a cell that is one literal, or empty."""
    return cell.removeprefix("``").removesuffix("``")


def _dedented(body: str) -> str:
    return re.sub(r"^ {4}", "", body, flags=re.MULTILINE).strip("\n") + "\n"


def _rows(body: str) -> Iterator[list[str]]:
    for row in re.split(r"^ {3}\* ", body, flags=re.MULTILINE)[1:]:
        cells = re.split(r"^(?: {5})?-(?: |$)", row, flags=re.MULTILINE)[1:]
        yield [" ".join(cell.split()) for cell in cells]
