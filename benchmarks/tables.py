"""Figures and the tables that show them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

#: The default name of the row of this package.
OURS = "drf-tokenauth"


class MissingFigure(LookupError):
    """A page needs a figure that was not measured."""


class RowKind(StrEnum):
    """The role of a row in its table."""

    OURS = "ours"
    COMPETITOR = "competitor"
    REFERENCE = "reference"  #: The divisor of the last ratio, for example the bare signature check.
    OVERHEAD = "overhead"  #: Cost of the test itself; already subtracted from the other rows.


@dataclass(frozen=True, slots=True)
class Figure:
    """A median and its quartiles. Half of all samples lie between the quartiles."""

    median: float
    low: float
    high: float

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, relative to the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0


def exact(value: float) -> Figure:
    """Return the figure of a single value, for example a count."""
    return Figure(value, value, value)


def summarize(values: Sequence[float]) -> Figure:
    if len(values) == 1:
        return exact(values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Figure(median, low, high)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    kind: RowKind
    figure: Figure
    #: SQL statements per call.
    statements: int | None = None
    #: Only rows of the same group do the same work, so ratios stay inside a group.
    group: str = ""


@dataclass(frozen=True, slots=True)
class Assertion:
    """A documented limit of a count. A run that exceeds it fails, however fast it was."""

    what: str
    limit: int
    found: int

    @property
    def holds(self) -> bool:
        return self.found <= self.limit

    def __str__(self) -> str:
        return f"{self.what}: {self.found}, the limit is {self.limit}"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that do the same work, within each group."""

    title: str
    rows: list[Row]
    #: ``µs`` is microseconds per call.
    unit: str = "µs"
    more_is_better: bool = False
    note: str = ""
    #: Samples per row, if not the number of the whole run.
    rounds: int | None = None
    database: str = ""
    assertions: list[Assertion] = field(default_factory=list)

    @property
    def heading(self) -> str:
        return f"{self.title} ({self.database})" if self.database else self.title

    def groups(self) -> dict[str, list[Row]]:
        """Return the rows by group, in order."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.group, []).append(row)
        return found

    def row(self, name: str, group: str = "") -> Row:
        """Return the row of this name and group. Raises :class:`MissingFigure`."""
        for row in self.rows:
            if (row.name, row.group) == (name, group):
                return row
        raise MissingFigure(f"The table {self.title!r} has no row {name!r}.")

    def lines(self) -> Iterator[str]:
        """Yield the table as text, without empty columns."""
        rounds = "" if self.rounds is None else f"Rounds: {self.rounds}."
        yield self.heading
        yield from (f"  {text}" for text in (self.note, rounds) if text)
        cells: list[tuple[str, ...]] = [
            ("", self.unit, "spread", "/ best competitor", "/ reference", "statements")
        ]
        for group, rows in self.groups().items():
            if group:
                cells.append((group, *[""] * 5))
            indent = "  " if group else ""
            cells += [(f"{indent}{row.name}", *self._cells(row)) for row in rows]
        columns = [column for column in zip(*cells, strict=True) if any(column[1:])]
        yield from (f"  {line}" for line in aligned(list(zip(*columns, strict=True))))
        broken = [assertion for assertion in self.assertions if not assertion.holds]
        if self.assertions and not broken:
            yield f"  Counts within their documented limits: {len(self.assertions)}."
        yield from (f"  LIMIT EXCEEDED: {assertion}" for assertion in broken)

    def _cells(self, row: Row) -> tuple[str, ...]:
        return (
            number(row.figure.median),
            f"{row.figure.spread:.0%}" if row.figure.high != row.figure.low else "",
            self._ratio(row, RowKind.COMPETITOR),
            self._ratio(row, RowKind.REFERENCE),
            "" if row.statements is None else str(row.statements),
        )

    def _ratio(self, row: Row, kind: RowKind) -> str:
        """Return the ratio to the best row of this kind in the group, if it is positive.

        A row without a group belongs to all groups.
        """
        medians = [
            each.figure.median
            for each in self.rows
            if each.kind is kind and each.group in (row.group, "")
        ]
        best = (max if self.more_is_better else min)(medians, default=0.0)
        if best <= 0 or row.kind is RowKind.OVERHEAD:
            return ""
        return f"{row.figure.median / best:.2f}"


def table_from_json(members: Mapping[str, Any]) -> Table:
    """Read a table from the JSON of its ``dataclasses.asdict``."""
    rows = [
        Row(**{**row, "kind": RowKind(row["kind"]), "figure": Figure(**row["figure"])})
        for row in members["rows"]
    ]
    assertions = [Assertion(**assertion) for assertion in members["assertions"]]
    plain = {item.name: members[item.name] for item in fields(Table)}
    return Table(**{**plain, "rows": rows, "assertions": assertions})


def number(value: float) -> str:
    """Return ``value`` with a readable number of digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.1f}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows as lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *cells)).rstrip()
