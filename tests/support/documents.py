"""Code blocks, tables and literals of the documentation, parsed from its source."""

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
        """The file named by the first line of the block, as in ``# mysite/settings.py``."""
        match = re.match(r"# ([\w/]+\.(?:py|ini))\n", self.text)
        return match[1] if match else ""


@dataclass(frozen=True)
class Section:
    """A title and the text up to the next title of any level."""

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
        """The rows of each ``list-table``, including the header. Each cell is one line of text."""
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
        """The literals in double backquotes outside code blocks."""
        text = re.sub(r"^ {4}.*\n", "", self.text, flags=re.MULTILINE)
        return {" ".join(literal.split()) for literal in re.findall(r"``(.+?)``", text, re.DOTALL)}


def sections(path: Path) -> list[Section]:
    """Return the sections of a document in their order."""
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
    [matching] = [each for each in sections(path) if each.title == title]
    return matching


def included(page: Path) -> list[str]:
    """Return the files that a page includes, in their order."""
    return re.findall(r"^\.\. include:: (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def included_tables(page: Path) -> list[list[list[str]]]:
    """Return the tables of all files that a page includes."""
    return [
        table
        for file in included(page)
        for section in sections(page.parent / file)
        for table in section.tables
    ]


def exchanges(block: Block) -> Iterator[tuple[str, str]]:
    """Yield the commands of a console block, each with its output."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output.strip()


def literal(cell: str) -> str:
    """Return the text of a cell that contains one literal or nothing."""
    return cell.removeprefix("``").removesuffix("``")


def _dedented(body: str) -> str:
    return re.sub(r"^ {4}", "", body, flags=re.MULTILINE).strip("\n") + "\n"


def _rows(body: str) -> Iterator[list[str]]:
    for row in re.split(r"^ {3}\* ", body, flags=re.MULTILINE)[1:]:
        cells = re.split(r"^(?: {5})?-(?: |$)", row, flags=re.MULTILINE)[1:]
        yield [" ".join(cell.split()) for cell in cells]
