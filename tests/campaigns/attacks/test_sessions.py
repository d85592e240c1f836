"""Sessions that are over, sessions in stolen hands, and a project that forgot to keep any."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
import time_machine
from django.db import connection

from tests.campaigns.attacks.forging import forgers, parts, refresh_forger
from tests.campaigns.attacks.query_watch import no_grant, statements
from tests.support.raw_tokens import base64url, hmac_with
from tests.support.scenarios.running import outcome_of

START = "2030-01-01T12:00:00Z"
IN_A_YEAR = 1893499200 + 365 * 86_400


@pytest.mark.attack(140)
def test_a_session_that_was_not_used_is_over_whatever_its_token_says(alice, server):
    with time_machine.travel(START, tick=False) as clock:
        used, unused = refresh_forger(server), refresh_forger(server)
        clock.shift(timedelta(days=14) - timedelta(seconds=1))
        used.accepted(used.token())
        clock.shift(1)
        unused.refused(unused.token())
        no_grant(server, unused.with_claims(exp=IN_A_YEAR))
        used.accepted(used.token())


@pytest.mark.attack(140)
def test_no_rotation_leads_beyond_the_absolute_end_of_a_session(alice, server):
    with time_machine.travel(START, tick=False) as clock:
        forger = refresh_forger(server)
        for _ in range(8):
            clock.shift(timedelta(days=11))
            forger.accepted(forger.with_claims(exp=IN_A_YEAR))
        clock.shift(timedelta(days=2) - timedelta(seconds=1))
        answer = server.post("token/refresh/", {"refresh_token": forger.token()})
        assert answer.json()["expires_in"] == 1
        clock.shift(1)
        forger.refused(forger.token(), answer.json()["refresh_token"])
        no_grant(server, forger.with_claims(exp=IN_A_YEAR))
        server.refuses(answer.json()["access_token"])


def dump():
    """Every value of every table, as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            for row in cursor.fetchall():
                yield from (value if isinstance(value, str) else str(value) for value in row)


@pytest.mark.standard("rfc6749-10.4-1")
@pytest.mark.attack(141)
def test_a_dump_of_the_database_holds_nothing_of_a_token(alice, server):
    pairs = [server.sign_in(device_name="phone")]
    for _ in range(2):
        body = {"refresh_token": pairs[-1]["refresh_token"]}
        pairs.append(server.post("token/refresh/", body).json())
    server.accepts(pairs[-1]["access_token"])
    server.post("token/verify/", {"token": pairs[-1]["access_token"]})
    dumped = "\n".join(dump())
    assert "phone" in dumped
    for token in (pair[name] for pair in pairs for name in ("access_token", "refresh_token")):
        signature = parts(token)[2]
        told = [token, *token.split("."), signature.hex(), str(signature)]
        told += [sha256(token.encode()).hexdigest(), base64url(sha256(token.encode()).digest())]
        assert [piece for piece in told if piece in dumped] == []
        assert parts(token)[1].get("jti", token) not in dumped


@pytest.mark.standard("rfc6749-10.4-1")
@pytest.mark.attack(141)
def test_nothing_in_a_dump_of_the_database_signs_a_token(alice, server):
    access, refresh = forgers(server)
    values = sorted({value for value in dump() if len(value) >= 32})
    # The hash that follows the password, the ids of the sessions, and the stored password.
    assert len(values) >= 4
    for value in values:
        sign = hmac_with(value.encode())
        assert server.get("/who/", access.token(sign=sign)).status == 401
        refresh.refused(refresh.token(sign=sign))
    refresh.accepted(refresh.token())


@pytest.mark.attack(142)
def test_a_project_that_forgot_the_app_does_not_start():
    module = "tests.campaigns.attacks.scenario_without_the_app"
    error = outcome_of(module, module)
    assert error.startswith("RuntimeError: Model class django_tokenauth.models.Session ")
    assert "isn't in an application in INSTALLED_APPS" in error


@pytest.mark.attack(142)
def test_every_refresh_rotates_and_moves_the_row_of_the_session(alice, server):
    body = {"refresh_token": server.sign_in()["refresh_token"]}
    for generation in range(1, 4):
        answer = server.post("token/refresh/", body)
        assert statements(server) == ["SELECT", "UPDATE"]
        assert answer.json()["refresh_token"] != body["refresh_token"]
        body = {"refresh_token": answer.json()["refresh_token"]}
        assert parts(body["refresh_token"])[1]["gen"] == generation + 1
