"""A picture of each part, as SVG. matplotlib draws it and is imported only when it is asked to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from .peers import installed
from .results import Kind, Row, Table, number

#: The same in all pictures, and apart for those who see no red or green.
COLOURS = {Kind.OURS: "#0072b2", Kind.PEER: "#999999", Kind.LIMIT: "#e69f00"}
NAMES = {Kind.OURS: "django-tokenauth", Kind.PEER: "peers", Kind.LIMIT: "the limit"}


def missing() -> str | None:
    """What there is to install, or ``None``."""
    return None if installed("matplotlib") else "matplotlib (python -m pip install matplotlib)"


def draw(tables: Sequence[Table], path: Path) -> None:
    """The tables of one part, one below the other. Each group has a scale of its own, which begins
    at nothing: only what does the same thing is compared."""
    matplotlib = import_module("matplotlib")
    patches = import_module("matplotlib.patches")
    plots = [(title, rows) for table in tables for title, rows in _groups(table) if rows]
    # The same figures give the same file, and a reader's own font shows the words.
    style = {"svg.fonttype": "none", "svg.hashsalt": "benchmarks", "font.size": 9}
    with matplotlib.rc_context(style):
        heights = [len(rows) for _, rows in plots]
        figure = import_module("matplotlib.figure").Figure(
            figsize=(8, 0.24 * sum(heights) + 0.35 * len(plots) + 0.4), layout="constrained"
        )
        axes = figure.subplots(len(plots), 1, squeeze=False, height_ratios=heights)[:, 0]
        for (title, rows), ax in zip(plots, axes, strict=True):
            _draw(title, rows, ax)
        kinds = [kind for kind in COLOURS if any(_has(kind, rows) for _, rows in plots)]
        handles = [patches.Patch(color=COLOURS[kind], label=NAMES[kind]) for kind in kinds]
        figure.legend(handles=handles, loc="outside lower left", frameon=False, ncols=len(handles))
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"Date": None, "Description": description(tables)}
        figure.savefig(path, format="svg", metadata=metadata)


def description(tables: Sequence[Table]) -> str:
    """What the file says of itself: by that one sees of which figures it was made."""
    shown = json.dumps([table.as_json() for table in tables], sort_keys=True)
    return f"figures of SHA-256 {hashlib.sha256(shown.encode()).hexdigest()}"


def _groups(table: Table) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each group with what is written above them."""
    better = "more is better" if table.more_is_better else "less is better"
    heading = f"{table.heading}, {table.unit} ({better})"
    for group, rows in table.groups().items():
        shown = [row for row in rows if row.kind is not Kind.FLOOR]
        if shown:
            yield "\n".join(text for text in (heading, group) if text), shown
            heading = ""


def _has(kind: Kind, rows: list[Row]) -> bool:
    return any(row.kind is kind for row in rows)


def _draw(title: str, rows: list[Row], ax: Any) -> None:
    for place, row in enumerate(rows):
        found = row.figure
        error = [[max(found.median - found.low, 0)], [max(found.high - found.median, 0)]]
        ax.barh(
            place,
            max(found.median, 0),
            height=0.75,
            color=COLOURS[row.kind],
            xerr=error if found.high != found.low else None,
            error_kw={"elinewidth": 0.8, "ecolor": "#333333"},
        )
        ax.annotate(
            number(found.median),
            (max(found.high, 0), place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.invert_yaxis()
    # Room for the figures at the ends of the bars, which stand for a scale.
    ax.set_xlim(0, max(*(row.figure.high for row in rows), 1e-9) * 1.12)
    ax.set_xticks([])
    ax.set_title(title, loc="left", fontsize=9)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
