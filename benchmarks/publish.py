"""What a run found, written where readers of the project see it.

``docs/benchmarks/figures.json`` keeps the figures of the run; the pictures and
``docs/benchmarks.rst`` are made of that file and of nothing else, between two comments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import indent, wrap
from typing import Any

from . import plots, summary
from .parts import PARTS
from .results import Table, table

FIGURES = Path("docs/benchmarks/figures.json")
PAGE = Path("docs/benchmarks.rst")
BEGIN, END = ".. benchmarks: made figures begin", ".. benchmarks: made figures end"
#: The name of the plot that the READMEs show.
SUMMARY = "summary"


class Unfit(ValueError):
    """These figures are not for readers. Says why."""


def read(path: Path) -> dict[str, Any]:
    """The figures that ``python -m benchmarks --json`` wrote. Raises :class:`Unfit`."""
    try:
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unfit(f"{path} cannot be read: {error}.") from None
    return figures


def tables_of(figures: Mapping[str, Any]) -> dict[str, list[Table]]:
    """The tables of a run by their part."""
    return {part: [table(shown) for shown in found] for part, found in figures["parts"].items()}


def write(figures: Mapping[str, Any], root: Path) -> None:
    """Write ``figures``, and the pages that are made of them, into the project at ``root``.

    Raises :class:`Unfit` for a quick run, or one that lacks something, before it writes anything.
    """
    pages = {path: _with(root / path, block) for path, block in blocks(figures).items()}
    for path, text in pages.items():
        (root / path).write_text(text, encoding="utf-8")
    (root / FIGURES).parent.mkdir(parents=True, exist_ok=True)
    (root / FIGURES).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def draw(figures: Mapping[str, Any], root: Path) -> None:
    """Draw the pictures beside the figures in the project at ``root``."""
    for name, tables in pictures(figures).items():
        plots.draw(tables, (root / FIGURES).with_name(f"{name}.svg"))


def pictures(figures: Mapping[str, Any]) -> dict[str, list[Table]]:
    """What each picture shows, by its name."""
    tables = tables_of(figures)
    return {**tables, SUMMARY: [summary.plotted(tables)]}


def blocks(figures: Mapping[str, Any]) -> dict[Path, str]:
    """What stands between the two comments of each page. Raises :class:`Unfit`."""
    if figures["quick"]:
        raise Unfit("These are the figures of --quick, which shows only that all runs.")
    if figures["failed"] or (lacking := PARTS.keys() - figures["parts"].keys()):
        what = ", ".join(figures["failed"] or sorted(lacking))
        raise Unfit(f"The run lacks something: {what}.")
    try:
        list(summary.found(tables_of(figures)))
    except summary.NotFound as error:
        raise Unfit(str(error)) from None
    return {
        PAGE: "\n".join(_all_tables(figures)),
    }


_MEASURED = {
    "english": "Measured on {date} with {versions}, on {processors} processors ({machine}).",
}


def _measured(figures: Mapping[str, Any], language: str) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    return _MEASURED[language].format(
        date=figures["made_at"][:10],
        versions=versions,
        processors=figures["machine"]["processors"],
        machine=figures["machine"]["machine"],
    )


def _all_tables(figures: Mapping[str, Any]) -> Iterator[str]:
    measured = f"{_measured(figures, 'english')} Medians of {figures['rounds']} rounds."
    yield from wrap(measured, 100, break_on_hyphens=False)
    if figures["left_out"]:
        yield from ("", f"Left out: {'; '.join(figures['left_out'])}.")
    for part, tables in tables_of(figures).items():
        what = PARTS[part].what
        title = f"{what[0].upper()}{what[1:]}"
        yield from ("", title, "-" * len(title), "")
        yield from (f".. image:: benchmarks/{part}.svg", f"   :alt: {what}, as bars", "")
        yield from (".. code-block:: text", "")
        text = "\n\n".join("\n".join(shown.lines()) for shown in tables)
        yield from (line.rstrip() for line in indent(text, "    ").splitlines())


def _with(path: Path, block: str) -> str:
    """The page at ``path`` with ``block`` between the two comments. Raises :class:`Unfit`."""
    text = path.read_text(encoding="utf-8")
    if text.count(f"{BEGIN}\n") != 1 or text.count(f"{END}\n") != 1:
        raise Unfit(f"{path} has no place for the figures.")
    before, _, rest = text.partition(f"{BEGIN}\n")
    _, _, after = rest.partition(f"{END}\n")
    return f"{before}{BEGIN}\n\n{block}\n\n{END}\n{after}"
