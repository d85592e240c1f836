"""What was measured, as tables that people read and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from .rounds import Figure


class Kind(StrEnum):
    """Whose way of doing it a row shows."""

    OURS = "ours"
    PEER = "peer"
    LIMIT = "limit"  #: The least that anybody has to do.
    FLOOR = "floor"  #: The same without what is measured; it is taken off all others.


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate of a table."""

    name: str
    kind: Kind
    figure: Figure
    #: SQL statements of one call.
    statements: int | None = None
    #: Within a table only rows of one group do the same thing.
    group: str = ""


@dataclass(frozen=True, slots=True)
class Promise:
    """A count that the documentation promises, whatever the time is."""

    what: str
    most: int
    found: int

    @property
    def kept(self) -> bool:
        return self.found <= self.most

    def __str__(self) -> str:
        return f"{self.what}: {self.found}, and at most {self.most} promised"


@dataclass(frozen=True, slots=True)
class Table:
    """Candidates that do the same thing."""

    title: str
    rows: list[Row]
    #: Of the figures. A ``us`` (microsecond) is one of a single call.
    unit: str = "us"
    more_is_better: bool = False
    note: str = ""
    #: Where they are not those that were asked for.
    rounds: int | None = None
    #: The database, where it makes a difference.
    database: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    promises: list[Promise] = field(default_factory=list)

    @property
    def heading(self) -> str:
        return f"{self.title} ({self.database})" if self.database else self.title

    def groups(self) -> dict[str, list[Row]]:
        """The rows by their group, in their order."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.group, []).append(row)
        return found

    def best(self, kind: Kind, group: str = "") -> float | None:
        """The best median of that kind in that group."""
        medians = [
            row.figure.median for row in self.rows if row.kind is kind and row.group == group
        ]
        return (max if self.more_is_better else min)(medians, default=None)

    def lines(self) -> Iterator[str]:
        """The table for a terminal."""
        yield self.heading
        if self.note:
            yield f"  {self.note}"
        if self.rounds is not None:
            yield f"  Rounds: {self.rounds}."
        width = max((len(row.name) for row in self.rows), default=0) + 4
        yield (
            f"  {'':{width}}{self.unit:>12}{'spread':>9}{'to best peer':>14}{'to the limit':>14}"
            f"{'statements':>12}"
        )
        for group, rows in self.groups().items():
            peer, limit = self.best(Kind.PEER, group), self.best(Kind.LIMIT, group)
            if group:
                yield f"  {group}"
            for row in rows:
                name = f"  {row.name}" if group else row.name
                spread = f"{row.figure.spread:.0%}" if row.figure.high != row.figure.low else ""
                statements = "" if row.statements is None else str(row.statements)
                yield (
                    f"  {name:{width}}{number(row.figure.median):>12}{spread:>9}"
                    f"{_ratio(row, peer):>14}{_ratio(row, limit):>14}{statements:>12}"
                ).rstrip()
        yield from (f"  {name}: {fact}" for name, fact in self.facts.items())
        yield from self._promise_lines()

    def _promise_lines(self) -> Iterator[str]:
        broken = [promise for promise in self.promises if not promise.kept]
        if self.promises and not broken:
            yield f"  What is promised of statements and rows holds ({len(self.promises)} counts)."
        yield from (f"  BROKEN: {promise}" for promise in broken)

    def as_json(self) -> dict[str, Any]:
        """As an object of JSON, from which :func:`table` makes it again."""
        return {**asdict(self), "facts": dict(self.facts)}


def table(members: Mapping[str, Any]) -> Table:
    """The table that ``members`` show, as :meth:`Table.as_json` made them."""
    rows = [
        Row(**{**row, "kind": Kind(row["kind"]), "figure": Figure(**row["figure"])})
        for row in members["rows"]
    ]
    promises = [Promise(**promise) for promise in members["promises"]]
    plain = {item.name: members[item.name] for item in fields(Table)}
    return Table(**{**plain, "rows": rows, "promises": promises})


def number(value: float) -> str:
    """``value`` with as many digits as one reads."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:,.1f}"


def _ratio(row: Row, to: float | None) -> str:
    # To what is not above its floor there is no ratio.
    if to is None or to <= 0 or row.kind is Kind.FLOOR:
        return ""
    return f"{row.figure.median / to:.2f}"
