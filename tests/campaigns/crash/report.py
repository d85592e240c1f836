"""What a crash test tells: a line while it runs, and a row of the table at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Row:
    """One row of the table: what was done how often, what came of it, and what was wrong."""

    what: str
    database: str
    times: int = 0
    figures: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Progress:
    """Says on one line of a terminal, or now and then in a log, how far it is."""

    def __init__(self, row: Row, times: int, *, silent: bool = False) -> None:
        self._row = row
        self._times = times
        self._silent = silent
        self._began = time.monotonic()
        self._last = self._began

    def step(self, wrong: Iterable[str] = ()) -> None:
        self._row.times += 1
        self._row.seconds = time.monotonic() - self._began
        is_end = self._row.times == self._times
        every = 0.2 if sys.stdout.isatty() else 10
        if self._silent or (time.monotonic() - self._last < every and not is_end):
            return
        self._last = time.monotonic()
        say(
            f"{self._row.what}, {self._row.database}: {self._row.times} of {self._times}, "
            f"{len(list(wrong))} wrong, {self._row.seconds:.0f} s",
            end="\r" if sys.stdout.isatty() and not is_end else "\n",
        )


def say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)  # noqa: T201


def total(tallies: Iterable[Counter[str]]) -> dict[str, int]:
    """The sum of what clients counted, by name."""
    together: Counter[str] = Counter()
    for tally in tallies:
        together.update(tally)
    return dict(sorted(together.items()))


def table(rows: list[Row]) -> str:
    """The rows as text, each with its figures and what was wrong below it."""
    head = ("what", "database", "times", "seconds", "wrong")
    cells = [
        (row.what, row.database, str(row.times), f"{row.seconds:.0f}", str(len(row.wrong)))
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]

    def line(parts: Iterable[str]) -> str:
        left, right = "<<>>>", zip(parts, widths, strict=True)
        return "  ".join(
            f"{part:{side}{width}}" for side, (part, width) in zip(left, right, strict=True)
        ).rstrip()

    lines = [line(head), line("-" * width for width in widths)]
    for row, parts in zip(rows, cells, strict=True):
        lines.append(line(parts))
        lines += [f"    {name}: {counts}" for name, counts in _grouped(row.figures).items()]
        lines += [f"    WRONG: {text}" for text in row.wrong[:20]]
    return "\n".join(lines)


def _grouped(figures: dict[str, int]) -> dict[str, str]:
    """The figures of one name together: how often each answer came."""
    together: dict[str, list[str]] = {}
    for name, count in figures.items():
        what, _, answer = name.partition(": ")
        told = {"": str(count), "0": f"no answer x {count}"}
        together.setdefault(what, []).append(told.get(answer, f"{answer} x {count}"))
    return {what: ", ".join(counts) for what, counts in together.items()}
