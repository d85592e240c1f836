"""``kill -9`` of the application process during refreshes."""

from __future__ import annotations

import random
import time
from typing import Any

from django.db import connection

from tests.campaigns.crash.application import Application, application
from tests.campaigns.crash.clients import Device, Gate, make_devices, running, wait_for_outcome
from tests.campaigns.crash.report import Progress, Row, total
from tests.campaigns.crash.rows import SessionRows


def database_settings() -> dict[str, Any]:
    """Return the settings with which another process reaches this database."""
    names = ("NAME", "HOST", "PORT", "USER", "PASSWORD")
    return {name: connection.settings_dict[name] for name in names}


def kill_often(kills: int, seed: int, *, devices: int = 8, silent: bool = False) -> Row:
    """Kill the process ``kills`` times while ``devices`` refresh.

    The processes share the database of this process, in which alice and bob exist.
    """
    row = Row("kill -9 of the process", connection.display_name)
    progress = Progress(row, kills, silent=silent)
    generator = random.Random(seed)  # noqa: S311
    gate = Gate()
    with application(database_settings()) as app:
        app.start()
        clients = make_devices(app.address, devices, seed, gate)
        rows = SessionRows(clients)
        pending = 0
        with running(clients, row.errors):
            for _ in range(kills):
                # Sometimes a response can be lost twice in a row.
                if generator.random() < 0.75:
                    wait_for_outcome(clients, "refresh: 200")
                time.sleep(generator.uniform(0, 0.03))
                pending += _kill(app, clients, gate)
                # The next worker serves the queued connections; their clients wait at the gate.
                app.start()
                gate.wait_for(devices)
                rows.check()
                gate.open()
                progress.step(_errors(clients, rows))
            wait_for_outcome(clients, "refresh: 200")
            gate.close()
            gate.wait_for(devices)
            rows.check()
        row.errors += _errors(clients, rows)
        if row.errors:
            row.errors.append(app.error_output())
    row.figures = {
        **total(client.tally for client in clients),
        "pending requests at the kill": pending,
        "rotations with a lost response": rows.lost_responses,
    }
    return row


def rows(kills: int, seed: int) -> list[Row]:
    """Return the row of the command."""
    return [kill_often(kills, seed)]


def _kill(app: Application, clients: list[Device], gate: Gate) -> int:
    """Kill the process while requests are pending, and return their number."""
    while True:
        # No client repeats its request before the rows are checked.
        gate.close()
        if pending := sum(client.connection.busy for client in clients):
            app.kill()
            return pending
        gate.open()


def _errors(clients: list[Device], rows: SessionRows) -> list[str]:
    return [*rows.errors, *(error for client in clients for error in client.errors)]
