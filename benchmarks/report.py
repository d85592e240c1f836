"""What a run found, with where and when, for people and for programs."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .databases import TITLES
from .peers import PEERS, installed
from .results import Promise, Table

PACKAGES = ("Django", "djangorestframework", "PyJWT", "cryptography", "gunicorn")


@dataclass(slots=True)
class Report:
    """All that one run found."""

    quick: bool
    rounds: int
    #: The tables by their part.
    parts: dict[str, list[Table]] = field(default_factory=dict)
    #: The versions of the databases that were asked.
    databases: dict[str, str] = field(default_factory=dict)
    #: What was not measured, and why.
    left_out: list[str] = field(default_factory=list)
    #: What was to be measured and ended with an error.
    failed: list[str] = field(default_factory=list)
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def broken(self) -> list[Promise]:
        """The promises that do not hold."""
        tables = (table for tables in self.parts.values() for table in tables)
        return [promise for table in tables for promise in table.promises if not promise.kept]

    def lines(self) -> Iterator[str]:
        """All tables, and what there is to know about them."""
        for tables in self.parts.values():
            for table in tables:
                yield from table.lines()
                yield ""
        versions = (f"{name} {version}" for name, version in self.versions().items())
        yield f"{self.made_at:%Y-%m-%d}, {os.cpu_count()} processors: {', '.join(versions)}"
        yield (
            f"Medians of {self.rounds} rounds, where no other number is told, in which all took "
            "their turns. The spread is half of the distance between the quartiles."
        )
        yield "CPU us: microseconds of the processor in this process. us: microseconds that passed."
        yield from (f"LEFT OUT: {what}" for what in self.left_out)
        yield from (f"BROKEN PROMISE: {promise}" for promise in self.broken())
        yield from (f"FAILED: {what}" for what in self.failed)

    def versions(self) -> dict[str, str]:
        """Of everything that took part."""
        packages = (*PACKAGES, *(peer.package for peer in PEERS.values()))
        known = ((package, installed(package)) for package in packages)
        return {
            "Python": platform.python_version(),
            **{package: version for package, version in known if version is not None},
            # A file is no other SQLite.
            **{TITLES[name].partition(",")[0]: found for name, found in self.databases.items()},
        }

    def as_json(self) -> dict[str, Any]:
        return {
            "made_at": self.made_at.isoformat(timespec="seconds"),
            "quick": self.quick,
            "rounds": self.rounds,
            "machine": {
                "system": platform.system(),
                "machine": platform.machine(),
                "processors": os.cpu_count(),
                "implementation": sys.implementation.name,
            },
            "versions": self.versions(),
            "left_out": self.left_out,
            "failed": self.failed,
            "parts": {
                part: [table.as_json() for table in tables] for part, tables in self.parts.items()
            },
        }

    def write(self, path: Path) -> None:
        """As JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")
