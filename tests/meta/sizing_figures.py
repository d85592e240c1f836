"""Figures as the benchmarks write them, with round numbers for each cost."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from benchmarks import sizing_costs
from benchmarks.report import Report
from benchmarks.results import Kind, Row, Table
from benchmarks.rounds import exactly

MICROSECONDS = dict(zip(sizing_costs.OPERATIONS, (900, 400, 100, 300, 200, 50, 1050), strict=True))


def table_of(title, values, group=""):
    return Table(
        title,
        [Row(name, Kind.OURS, exactly(value), group=group) for name, value in values.items()],
    )


def tables():
    """As the part ``database`` measures them: the wait of an operation is its processor time."""
    rows = [
        row
        for group, size in ((sizing_costs.WARM, 500.0), (sizing_costs.COLD, 20_000.0))
        for row in table_of("", dict.fromkeys(sizing_costs.WRITES, size), group).rows
    ]
    return [
        table_of(sizing_costs.WAIT, MICROSECONDS),
        table_of(sizing_costs.APPLICATION, MICROSECONDS),
        table_of(sizing_costs.SERVER, MICROSECONDS),
        Table(sizing_costs.WAL, rows),
        table_of(sizing_costs.HASH, {"PBKDF2, so many rounds": 250.0}),
        table_of(sizing_costs.SIZE, {"as it was made": 400.0, sizing_costs.REFRESHED: 600.0}),
    ]


def figures(parts=None, *, quick=False):
    """What ``--json`` writes."""
    found = {sizing_costs.PART: tables()} if parts is None else parts
    made_at = datetime(2026, 5, 4, tzinfo=UTC)
    report = Report(quick=quick, rounds=31, parts=found, made_at=made_at)
    return json.loads(json.dumps(report.as_json()))
