"""Immediate stops of PostgreSQL while devices refresh, and the recovery from them."""

from __future__ import annotations

import random
import time
from collections import Counter

from django.db import connection

from tests.campaigns.crash.application import Application, application
from tests.campaigns.crash.clients import (
    Device,
    Gate,
    Line,
    living,
    make_devices,
    sign_in,
    wait_for_each,
)
from tests.campaigns.crash.cluster import Cluster, Plan
from tests.campaigns.crash.kills import own_database
from tests.campaigns.crash.report import Progress, Row, total
from tests.campaigns.crash.rows import Rows


def stop_often(ours: Cluster, plans: list[Plan], seed: int, silent: bool) -> list[Row]:
    """Stop the database of this process, which is that of the cluster, and start it again."""
    return [_stop_often(ours, plan, seed, silent=silent) for plan in plans]


def _stop_often(ours: Cluster, plan: Plan, seed: int, *, silent: bool) -> Row:
    """The application keeps its connections. Half of the devices refresh all the time; the others
    sleep from before the stop until after the start. Somebody signs out just before each stop."""
    times, may_lose, health_checks = plan
    commit = "off" if may_lose else "on"
    kept = "with" if health_checks else "without"
    row = Row(f"stop, synchronous_commit {commit}, {kept} health checks", connection.display_name)
    progress = Progress(row, times, silent=silent)
    chance = random.Random(seed)  # noqa: S311
    day, night = Gate(), Gate()
    first: Counter[str] = Counter()
    connections = {
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": health_checks,
        "OPTIONS": {"options": f"-c synchronous_commit={commit}"},
    }
    with application({**own_database(), **connections}) as app:
        app.start()
        awake = make_devices(app.address, 4, seed, day, strict=not may_lose)
        asleep = make_devices(app.address, 4, seed + 1, night, strict=not may_lose)
        leaver = _Leaver(app, times, may_lose=may_lose)
        rows = Rows([*awake, *asleep])
        with connection.cursor() as cursor:
            cursor.execute("CHECKPOINT")
        with living([*awake, *asleep], row.wrong):
            for _ in range(times):
                wait_for_each([*awake, *asleep], "refresh: 200")
                night.close()
                night.wait_for(len(asleep))
                time.sleep(chance.uniform(0, 0.1))
                leaver.sign_out()
                connection.close()
                ours.stop()
                _outage(awake)
                day.close()
                day.wait_for(len(awake))
                ours.start()
                rows.look(may_lose=may_lose)
                leaver.check()
                first["after work"] += _first(awake, day)
                first["after sleep"] += _first(asleep, night)
                progress.step(_wrong(awake, asleep, rows, leaver))
            wait_for_each([*awake, *asleep], "refresh: 200")
            for gate in (day, night):
                gate.close()
                gate.wait_for(4)
            rows.look()
        ours.start_if_stopped()
        if first["after work"] or (health_checks and first["after sleep"]):
            row.wrong.append("503 after the start")
        row.wrong += _wrong(awake, asleep, rows, leaver)
        if row.wrong:
            row.wrong.append(app.last_words())
    row.figures = {
        **total(device.tally for device in [*awake, *asleep]),
        "rotated, and the answer lost": rows.answers_lost,
        "rotations lost, and gone on with": rows.rotations_lost,
        "sign-outs that were answered": leaver.answered,
        "sign-outs lost": leaver.lost,
    }
    row.figures |= {f"503 at first {when}": count for when, count in first.items()}
    return row


def _outage(awake: list[Device]) -> None:
    """Everybody learns of it, and the stateless class goes on."""
    for what in ("refresh: 503", "JWTAuthentication: 503", "StatelessJWTAuthentication: 200"):
        wait_for_each(awake, what)


def _first(devices: list[Device], gate: Gate) -> int:
    """How many 503 there are until all have refreshed, now that the database is back.

    A connection that was idle meanwhile, and is not checked before its use, costs one.
    """
    before = sum(map(_unavailable, devices))
    gate.open()
    wait_for_each(devices, "refresh: 200")
    return sum(map(_unavailable, devices)) - before


def _unavailable(device: Device) -> int:
    return sum(count for what, count in device.tally.items() if what.endswith(": 503"))


class _Leaver:
    """Signs one session out before each stop: it must not live afterwards."""

    def __init__(self, app: Application, times: int, *, may_lose: bool) -> None:
        self._line = Line(app.address, Gate())
        self._may_lose = may_lose
        self._tokens = [sign_in(self._line, "alice").body["refresh_token"] for _ in range(times)]
        self._token = ""
        self.answered = self.lost = 0
        self.wrong: list[str] = []

    def sign_out(self) -> None:
        self._token = self._tokens.pop()
        answer = self._line.post("token/revoke/", token=self._token)
        if answer.status != 200:
            self.wrong.append(f"sign-out: {answer}")
        self.answered += 1

    def check(self) -> None:
        # The first after the outage may be told of it.
        for _ in range(2):
            answer = self._line.post("token/refresh/", refresh_token=self._token)
            if answer.status != 503:
                break
        if answer.status == 200 and self._may_lose:
            self.lost += 1
        elif answer.status != 400:
            self.wrong.append(f"a sign-out is undone: {answer}")


def _wrong(awake: list[Device], asleep: list[Device], rows: Rows, leaver: _Leaver) -> list[str]:
    found = [wrong for device in [*awake, *asleep] for wrong in device.wrong]
    return [*rows.wrong, *leaver.wrong, *found]
