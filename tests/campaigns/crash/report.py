"""The output of the crash tests: progress lines, and a table at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass
class Row:
    """One row of the table: a test, its number of runs, its figures, and its errors."""

    title: str
    database: str
    runs: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Progress:
    """Print the progress on one line of a terminal, or every ten seconds in a log."""

    def __init__(self, row: Row, runs: int, *, silent: bool = False) -> None:
        self.row = row
        self._runs = runs
        self._silent = silent
        self._started = time.monotonic()
        self._last = self._started

    def step(self, errors: Iterable[str] = ()) -> None:
        self.row.runs += 1
        self.row.seconds = time.monotonic() - self._started
        is_end = self.row.runs == self._runs
        interval = 0.2 if sys.stdout.isatty() else 10
        if self._silent or (time.monotonic() - self._last < interval and not is_end):
            return
        self._last = time.monotonic()
        name = ", ".join(filter(None, (self.row.title, self.row.database)))
        print_line(
            f"{name}: {self.row.runs} of {self._runs}, "
            f"{len(list(errors))} errors, {self.row.seconds:.0f} s",
            end="\r" if sys.stdout.isatty() and not is_end else "\n",
        )


def print_line(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)  # noqa: T201


def total(tallies: Iterable[Counter[str]]) -> dict[str, int]:
    """Return the sums of the tallies by name."""
    sums: Counter[str] = Counter()
    for tally in tallies:
        sums.update(tally)
    return dict(sorted(sums.items()))


def table(rows: list[Row]) -> str:
    """Return the rows with their figures and errors."""
    cells = [
        (row.title, row.database, str(row.runs), f"{row.seconds:.0f}", str(len(row.errors)))
        for row in rows
    ]
    head, *aligned = align([("test", "database", "runs", "seconds", "errors"), *cells])
    lines = [*head.splitlines()]
    for row, line in zip(rows, aligned, strict=True):
        lines.append(line)
        lines += [f"    {name}: {counts}" for name, counts in _grouped(row.figures).items()]
        lines += [f"    ERROR: {text}" for text in row.errors[:20]]
    return "\n".join(lines)


def align(lines: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines with aligned columns: two of text, then numbers.

    The first one is the head, with a line of dashes.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    sides = "<<" + ">" * (len(widths) - 2)

    def line(parts: Iterable[str]) -> str:
        columns = zip(parts, sides, widths, strict=True)
        return "  ".join(f"{part:{side}{width}}" for part, side, width in columns).rstrip()

    head, *rest = map(line, lines)
    return [f"{head}\n{line('-' * width for width in widths)}", *rest]


def _grouped(figures: dict[str, int]) -> dict[str, str]:
    """Group the figures by name, with the count of each response."""
    groups: dict[str, list[str]] = {}
    for name, count in figures.items():
        title, _, status = name.partition(": ")
        special = {"": str(count), "0": f"no response x {count}"}
        groups.setdefault(title, []).append(special.get(status, f"{status} x {count}"))
    return {title: ", ".join(counts) for title, counts in groups.items()}
