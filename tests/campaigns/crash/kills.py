"""``kill -9`` of the application process in the midst of refreshes."""

from __future__ import annotations

import random
import time
from typing import Any

from django.db import connection

from tests.campaigns.crash.application import Application, application
from tests.campaigns.crash.clients import Device, Gate, living, make_devices, wait_for_each
from tests.campaigns.crash.report import Progress, Row, total
from tests.campaigns.crash.rows import Rows


def own_database() -> dict[str, Any]:
    """How another process reaches the database that this one uses."""
    names = ("NAME", "HOST", "PORT", "USER", "PASSWORD")
    return {name: connection.settings_dict[name] for name in names}


def kill_often(times: int, seed: int, *, devices: int = 8, silent: bool = False) -> Row:
    """Kill the process ``times`` times while ``devices`` refresh; alice and bob exist.

    The database is the one that this process uses.
    """
    row = Row("kill -9 of the process", connection.display_name)
    progress = Progress(row, times, silent=silent)
    chance = random.Random(seed)  # noqa: S311
    gate = Gate()
    with application(own_database()) as app:
        app.start()
        clients = make_devices(app.address, devices, seed, gate)
        rows = Rows(clients)
        under_way = 0
        with living(clients, row.wrong):
            for _ in range(times):
                # At times nobody has had an answer yet: it can be lost twice in a row.
                if chance.random() < 0.75:
                    wait_for_each(clients, "refresh: 200")
                time.sleep(chance.uniform(0, 0.03))
                under_way += _kill(app, clients, gate)
                # Who was not let in yet is served by the next one, and then waits at the gate.
                app.start()
                gate.wait_for(devices)
                rows.look()
                gate.open()
                progress.step(_wrong(clients, rows))
            wait_for_each(clients, "refresh: 200")
            gate.close()
            gate.wait_for(devices)
            rows.look()
        row.wrong += _wrong(clients, rows)
        if row.wrong:
            row.wrong.append(app.last_words())
    row.figures = {
        **total(client.tally for client in clients),
        "requests under way when killed": under_way,
        "rotated, and the answer lost": rows.answers_lost,
    }
    return row


def rows(times: int, seed: int) -> list[Row]:
    """For the command."""
    return [kill_often(times, seed)]


def _kill(app: Application, clients: list[Device], gate: Gate) -> int:
    """How many requests were under way; never none."""
    while True:
        # Who has lost the answer does not ask again before the rows were looked at.
        gate.close()
        if under_way := sum(client.line.busy for client in clients):
            app.kill()
            return under_way
        gate.open()


def _wrong(clients: list[Device], rows: Rows) -> list[str]:
    return [*rows.wrong, *(wrong for client in clients for wrong in client.wrong)]
