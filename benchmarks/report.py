"""All figures of a run, with the date, the machine and the versions: ``figures.json``."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .competitors import COMPETITORS, installed
from .tables import Assertion, MissingFigure, Table, table_from_json

PACKAGES = ("Django", "djangorestframework", "PyJWT", "gunicorn")


def _installed_versions() -> dict[str, str]:
    packages = dict.fromkeys((*PACKAGES, *(each.package for each in COMPETITORS.values())))
    found = {name: version for name in packages if (version := installed(name))}
    return {"Python": platform.python_version(), **found}


@dataclass(slots=True)
class Report:
    quick: bool
    rounds: int
    #: By benchmark.
    tables: dict[str, list[Table]] = field(default_factory=dict)
    #: With the reason.
    skipped: list[str] = field(default_factory=list)
    #: Benchmarks that ended with an error.
    failed: list[str] = field(default_factory=list)
    made_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    processors: int | None = field(default_factory=os.cpu_count)
    machine: str = field(default_factory=platform.machine)
    versions: dict[str, str] = field(default_factory=_installed_versions)

    @classmethod
    def read(cls, path: Path) -> Report:
        """Read a file that :meth:`write` wrote. Raises ``OSError`` or ``ValueError``."""
        members = json.loads(path.read_text(encoding="utf-8"))
        found = members["tables"].items()
        tables = {name: [table_from_json(table) for table in tables] for name, tables in found}
        return cls(**{**members, "tables": tables})

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    def table(self, benchmark: str, title: str, database: str = "") -> Table:
        """Return the table whose title starts with ``title``. Raises :class:`MissingFigure`."""
        for table in self.tables.get(benchmark, ()):
            if table.title.startswith(title) and table.database.startswith(database):
                return table
        raise MissingFigure(f"No figures for {title!r}: python -m benchmarks --only {benchmark}")

    def broken_assertions(self) -> list[Assertion]:
        tables = (table for found in self.tables.values() for table in found)
        return [each for table in tables for each in table.assertions if not each.holds]

    def measured_with(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        machine = f"{self.processors} processors ({self.machine})"
        return f"Measured on {self.made_at[:10]} with {versions}, on {machine}."

    def lines(self) -> Iterator[str]:
        for tables in self.tables.values():
            for table in tables:
                yield from table.lines()
                yield ""
        yield self.measured_with()
        yield f"Medians of {self.rounds} rounds in which all subjects took turns, unless noted."
        yield "CPU µs: processor microseconds of this process. µs: elapsed microseconds."
        yield from (f"SKIPPED: {what}" for what in self.skipped)
        yield from (f"FAILED: {what}" for what in self.failed)
