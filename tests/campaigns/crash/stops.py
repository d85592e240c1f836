"""Immediate stops of PostgreSQL while devices refresh, and the recovery."""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import closing

from django.db import connection

from tests.campaigns.crash.application import Application, application
from tests.campaigns.crash.clients import (
    Device,
    Gate,
    KeptConnection,
    make_devices,
    running,
    sign_in,
    wait_for_outcome,
)
from tests.campaigns.crash.cluster import Cluster, Plan
from tests.campaigns.crash.kills import database_settings
from tests.campaigns.crash.report import Progress, Row, total
from tests.campaigns.crash.rows import SessionRows


def stop_often(server: Cluster, plans: list[Plan], seed: int, silent: bool) -> list[Row]:
    """Stop and start the server, which has the database of this process, for each plan."""
    return [_stop_often(server, plan, seed, silent=silent) for plan in plans]


def _stop_often(server: Cluster, plan: Plan, seed: int, *, silent: bool) -> Row:
    """Stop the server while half of the devices refresh and the other half is idle.

    The application keeps its connections. One client signs out before each stop.
    """
    stops, may_lose, health_checks = plan
    commit = "off" if may_lose else "on"
    checks = "with" if health_checks else "without"
    row = Row(f"stop, synchronous_commit {commit}, {checks} health checks", connection.display_name)
    progress = Progress(row, stops, silent=silent)
    generator = random.Random(seed)  # noqa: S311
    active_gate, idle_gate = Gate(), Gate()
    unavailable: Counter[str] = Counter()
    connections = {
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": health_checks,
        "OPTIONS": {"options": f"-c synchronous_commit={commit}"},
    }
    with application({**database_settings(), **connections}) as app:
        app.start()
        active = make_devices(app.address, 4, seed, active_gate, strict=not may_lose)
        idle = make_devices(app.address, 4, seed + 1, idle_gate, strict=not may_lose)
        sign_outs = _SignOutClient(app, stops, may_lose=may_lose)
        rows = SessionRows([*active, *idle])
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
        with closing(sign_outs), running([*active, *idle], row.errors):
            for _ in range(stops):
                wait_for_outcome([*active, *idle], "refresh: 200")
                idle_gate.close()
                idle_gate.wait_for(len(idle))
                time.sleep(generator.uniform(0, 0.1))
                sign_outs.sign_out()
                connection.close()
                server.stop()
                _check_outage(active)
                active_gate.close()
                active_gate.wait_for(len(active))
                server.start()
                rows.check(may_lose=may_lose)
                sign_outs.check()
                unavailable["after work"] += _resume(active, active_gate)
                unavailable["after an idle time"] += _resume(idle, idle_gate)
                progress.step(_errors(active, idle, rows, sign_outs))
            wait_for_outcome([*active, *idle], "refresh: 200")
            for gate in (active_gate, idle_gate):
                gate.close()
                gate.wait_for(4)
            rows.check()
        server.start_if_stopped()
        if unavailable["after work"] or (health_checks and unavailable["after an idle time"]):
            row.errors.append("503 after the start")
        row.errors += _errors(active, idle, rows, sign_outs)
        if row.errors:
            row.errors.append(app.error_output())
    row.figures = {
        **total(device.tally for device in [*active, *idle]),
        "rotations with a lost response": rows.lost_responses,
        "lost rotations": rows.lost_rotations,
        "confirmed sign-outs": sign_outs.confirmed,
        "lost sign-outs": sign_outs.lost,
    }
    row.figures |= {f"503 {when}": count for when, count in unavailable.items()}
    return row


def _check_outage(active: list[Device]) -> None:
    """Wait until all devices got 503, and 200 from stateless authentication."""
    for outcome in ("refresh: 503", "JWTAuthentication: 503", "StatelessJWTAuthentication: 200"):
        wait_for_outcome(active, outcome)


def _resume(devices: list[Device], gate: Gate) -> int:
    """Open the gate and return the number of 503 until all devices have refreshed.

    Each idle connection without health checks causes one.
    """
    before = sum(map(_unavailable, devices))
    gate.open()
    wait_for_outcome(devices, "refresh: 200")
    return sum(map(_unavailable, devices)) - before


def _unavailable(device: Device) -> int:
    return sum(count for outcome, count in device.tally.items() if outcome.endswith(": 503"))


class _SignOutClient:
    """Sign one session out before each stop, and check that it stays revoked."""

    def __init__(self, app: Application, number: int, *, may_lose: bool) -> None:
        self._connection = KeptConnection(app.address, Gate())
        self._may_lose = may_lose
        self._tokens = [
            sign_in(self._connection, "alice").body["refresh_token"] for _ in range(number)
        ]
        self._token = ""
        self.confirmed = self.lost = 0
        self.errors: list[str] = []

    def close(self) -> None:
        self._connection.close()

    def sign_out(self) -> None:
        self._token = self._tokens.pop()
        response = self._connection.post("token/revoke/", token=self._token)
        if response.status != 200:
            self.errors.append(f"sign-out: {response}")
        self.confirmed += 1

    def check(self) -> None:
        # The first request after the outage may get 503.
        for _ in range(2):
            response = self._connection.post("token/refresh/", refresh_token=self._token)
            if response.status != 503:
                break
        if response.status == 200 and self._may_lose:
            self.lost += 1
        elif response.status != 400:
            self.errors.append(f"a sign-out was undone: {response}")


def _errors(
    active: list[Device], idle: list[Device], rows: SessionRows, sign_outs: _SignOutClient
) -> list[str]:
    device_errors = [error for device in [*active, *idle] for error in device.errors]
    return [*rows.errors, *sign_outs.errors, *device_errors]
