"""What the database does for each operation, on PostgreSQL: what sizing is computed from.

An operation is the view or the authentication class, called in this process. The time that it waits
is that from the sending of each statement to its answer, and its commit is in it. The processors
are asked what this process and the process of PostgreSQL that serves it took of them; what other
processes of PostgreSQL do in the background is not in it. The write-ahead log is that of the whole
server: measure where nobody else writes.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import (
    BasePasswordHasher,
    PBKDF2PasswordHasher,
    ScryptPasswordHasher,
)
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services.issuing import TokenPair
from django_tokenauth.sessions import pruning
from django_tokenauth.sessions.revocations import RevokedSessions
from django_tokenauth.views import RefreshView, RevokeView, TokenView

from .database_clients import throughput
from .database_rows import (
    PASSWORD,
    bytes_of_ids,
    bytes_of_rows,
    filled,
    lasting,
    pairs,
    write_each_page,
)
from .database_server import checkpoint, written_and_served
from .parts import Effort
from .results import Kind, Promise, Row, Table
from .rounds import figure, nothing
from .sizing_costs import (
    APPLICATION,
    COLD,
    FULL_POLL,
    HASH,
    POLL,
    POLLED,
    PRUNE,
    PRUNED,
    REFRESH,
    REQUEST,
    SERVER,
    SIGN_IN,
    SIGN_OUT,
    WAIT,
    WAL,
    WARM,
    WRITES,
)

SELECT_1 = "SELECT 1"
PBKDF2, SCRYPT = "PBKDF2, Django's default", "scrypt"
#: Of a sign-in two are Django's: the user is read, and the time of the sign-in is written.
STATEMENTS = {
    SIGN_IN: 5,
    REFRESH: 2,
    REQUEST: 1,
    SIGN_OUT: 2,
    POLL: 1,
    FULL_POLL: 1,
    PRUNE: 1,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """``act`` is what is measured; ``prepare`` makes ready for as many calls."""

    act: Callable[[], object]
    prepare: Callable[[int], None] = nothing
    #: Only that part of the calls is made, where one takes long.
    part: int = 1


@dataclass(slots=True)
class Found:
    """What one operation took in each round, by call: microseconds and bytes."""

    statements: int = 0
    wait: list[float] = field(default_factory=list)
    application: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    wal: list[float] = field(default_factory=list)


def tables(effort: Effort) -> Iterator[Table]:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    # All rounds prune fewer rows than have ended.
    calls, rounds = (5, 1) if effort.quick else (200, min(effort.rounds, 9))
    number = 16_000 if effort.quick else 300_000
    filled(number, ended=True)
    operations = dict(_operations(number))
    found = _measured(operations, calls, rounds)
    yield Table(
        WAIT,
        [_row(name, each, each.wait) for name, each in found.items()],
        rounds=rounds,
        promises=[
            Promise(f"statements: {name}", most, found[name].statements)
            for name, most in STATEMENTS.items()
        ],
    )
    ours = {name: each for name, each in found.items() if name in STATEMENTS}
    rows = [_row(name, each, each.application) for name, each in ours.items()]
    yield Table(APPLICATION, rows, "CPU us", rounds=rounds)
    if all(each.server for each in ours.values()):
        rows = [_row(name, each, each.server) for name, each in ours.items()]
        yield Table(SERVER, rows, "CPU us", rounds=rounds)
    yield _wal({name: operations[name] for name in WRITES}, calls // 2, min(rounds, 5))
    yield bytes_of_rows(1000 if effort.quick else 100_000)
    yield bytes_of_ids()
    yield _hash(1 if effort.quick else 15)
    yield throughput(effort)


def _row(name: str, found: Found, values: list[float], group: str = "") -> Row:
    kind = Kind.LIMIT if name == SELECT_1 else Kind.OURS
    return Row(name, kind, figure(values), found.statements, group)


def _wal(writes: dict[str, Operation], calls: int, rounds: int) -> Table:
    """The first write of a page after a checkpoint puts all of the page into the log."""
    found = {WARM: {name: Found() for name in writes}, COLD: {name: Found() for name in writes}}
    checkpoint()
    write_each_page()
    for _ in range(rounds):
        for name, operation in writes.items():
            _take(operation, calls, found[WARM][name])
    for _ in range(rounds):
        for name, operation in writes.items():
            _take(operation, calls, found[COLD][name], just_before=checkpoint)
    rows = [
        _row(name, each, each.wal, group)
        for group, by_name in found.items()
        for name, each in by_name.items()
    ]
    return Table(WAL, rows, "bytes", rounds=rounds)


def _hash(rounds: int) -> Table:
    hashers: dict[str, BasePasswordHasher] = {
        PBKDF2: PBKDF2PasswordHasher(),
        SCRYPT: ScryptPasswordHasher(),
    }
    stored = {name: each.encode(PASSWORD, each.salt()) for name, each in hashers.items()}
    taken: dict[str, list[float]] = {name: [] for name in hashers}
    for _ in range(rounds):
        for name, hasher in hashers.items():
            start = time.process_time()
            if not hasher.verify(PASSWORD, stored[name]):
                raise SystemExit("The right password is refused.")
            taken[name].append((time.process_time() - start) * 1000)
    rows = [Row(name, Kind.OURS, figure(times)) for name, times in taken.items()]
    return Table(HASH, rows, "CPU ms", rounds=rounds)


def _operations(number: int) -> Iterator[tuple[str, Operation]]:
    factory = RequestFactory()

    def post(view: Any, **body: str) -> Any:
        request = factory.post("/", body, content_type="application/json")
        answer = view(request)
        answer.render()
        if answer.status_code != HTTPStatus.OK:
            raise SystemExit(f"{sorted(body)} was answered {answer.status_code}.")
        return answer.data

    sign_in, refresh, revoke = TokenView.as_view(), RefreshView.as_view(), RevokeView.as_view()
    users = get_user_model()._default_manager.order_by("?")
    names = itertools.cycle([user.get_username() for user in users[: number // 20]])
    waiting: list[TokenPair] = []

    def issued(number: int) -> None:
        waiting[:] = pairs(number)

    # Their own, which nobody signs out.
    tokens = [services.sign_in(user).access_token for user in users[:200]]
    bearers = itertools.cycle([f"Bearer {token}" for token in tokens])
    known = JWTAuthentication()

    def request() -> None:
        known.authenticate(Request(factory.get("/", HTTP_AUTHORIZATION=next(bearers))))

    yield SELECT_1, Operation(_select_one)
    yield SIGN_IN, Operation(lambda: post(sign_in, username=next(names), password=PASSWORD))
    yield (
        REFRESH,
        Operation(lambda: post(refresh, refresh_token=waiting.pop().refresh_token), issued),
    )
    yield REQUEST, Operation(request)
    yield SIGN_OUT, Operation(lambda: post(revoke, token=waiting.pop().refresh_token), issued)
    yield POLL, Operation(_poll, lambda number: _revoked(0), part=20)
    yield FULL_POLL, Operation(_poll, lambda number: _revoked(POLLED), part=20)
    yield PRUNE, Operation(_prune)


def _poll() -> None:
    snapshot = RevokedSessions(timedelta(seconds=10), timedelta(minutes=6))
    snapshot.refresh(time.time())


def _select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _prune() -> None:
    # They ended so short ago that no sign-in has pruned them meanwhile.
    if pruning.prune(timezone.now() - timedelta(days=1), PRUNED) != PRUNED:
        raise SystemExit("Fewer rows were pruned than had ended.")


def _revoked(number: int) -> None:
    """So many sessions were revoked just now, and all others long ago."""
    now = timezone.now()
    long_ago = now - timedelta(days=1)
    Session.objects.filter(revoked_at__gte=long_ago).update(revoked_at=long_ago)
    keys = list(lasting().order_by("pk").values_list("pk", flat=True)[:number])
    reason = RevokedReason.SIGNED_OUT
    # The end of their use stays where it was: nobody prunes them meanwhile.
    if lasting().filter(pk__in=keys).update(revoked_at=now, revoked_reason=reason) != number:
        raise SystemExit("There are not enough sessions.")


def _measured(operations: dict[str, Operation], calls: int, rounds: int) -> dict[str, Found]:
    found = {name: Found() for name in operations}
    for name, operation in operations.items():
        _take(operation, 2, found[name])
    for each in found.values():
        each.wait, each.application, each.server, each.wal = [], [], [], []
    for _ in range(rounds):
        for name in random.sample(list(operations), len(operations)):
            _take(operations[name], calls, found[name])
    return found


def _take(
    operation: Operation,
    calls: int,
    found: Found,
    *,
    just_before: Callable[[], None] = lambda: None,
) -> None:
    """Add to ``found`` what ``calls`` of ``operation`` take."""
    calls = max(1, calls // operation.part)
    waited: list[float] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            waited.append(time.perf_counter() - start)

    operation.prepare(calls)
    just_before()
    written, served = written_and_served()
    start = time.process_time()
    with connection.execute_wrapper(watch):
        for _ in range(calls):
            operation.act()
    taken = time.process_time() - start
    written_after, served_after = written_and_served()
    found.statements = len(waited) // calls
    found.wait.append(sum(waited) / calls * 1e6)
    found.application.append(taken / calls * 1e6)
    found.wal.append((written_after - written) / calls)
    if served is not None and served_after is not None:
        found.server.append((served_after - served) / calls / 1000)
