"""Attacks on session expiry and on the database, and a project without the app."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest
import time_machine
from django.db import connection

from tests.campaigns.attacks.forging import forgers, parse_token, refresh_forger
from tests.campaigns.attacks.query_watch import assert_invalid_grant, statements
from tests.support.raw_tokens import base64url, hmac_with
from tests.support.scenarios.running import run_scenario

START = "2030-01-01T12:00:00Z"
IN_A_YEAR = 1893499200 + 365 * 86_400


@pytest.mark.attack(140)
def test_idle_session_expires_regardless_of_the_token_exp(alice, server):
    with time_machine.travel(START, tick=False) as clock:
        used, unused = refresh_forger(server), refresh_forger(server)
        clock.shift(timedelta(days=14) - timedelta(seconds=1))
        used.assert_accepted(used.token())
        clock.shift(1)
        unused.assert_rejected(unused.token())
        assert_invalid_grant(server, unused.with_claims(exp=IN_A_YEAR))
        used.assert_accepted(used.token())


@pytest.mark.attack(140)
def test_refresh_cannot_extend_session_past_absolute_expiry(alice, server):
    with time_machine.travel(START, tick=False) as clock:
        forger = refresh_forger(server)
        for _ in range(8):
            clock.shift(timedelta(days=11))
            forger.assert_accepted(forger.with_claims(exp=IN_A_YEAR))
        clock.shift(timedelta(days=2) - timedelta(seconds=1))
        response = server.post("token/refresh/", {"refresh_token": forger.token()})
        assert response.json()["expires_in"] == 1
        clock.shift(1)
        forger.assert_rejected(forger.token(), response.json()["refresh_token"])
        assert_invalid_grant(server, forger.with_claims(exp=IN_A_YEAR))
        server.assert_rejects(response.json()["access_token"])


def dump():
    """Yield every value of every table as a string."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            for row in cursor.fetchall():
                yield from (value if isinstance(value, str) else str(value) for value in row)


@pytest.mark.standard("rfc6749-10.4-1")
@pytest.mark.attack(141)
def test_database_dump_contains_no_part_of_token(alice, server):
    pairs = [server.sign_in(device_name="phone")]
    for _ in range(2):
        body = {"refresh_token": pairs[-1]["refresh_token"]}
        pairs.append(server.post("token/refresh/", body).json())
    server.assert_accepts(pairs[-1]["access_token"])
    server.post("token/verify/", {"token": pairs[-1]["access_token"]})
    dumped = "\n".join(dump())
    assert "phone" in dumped
    for token in (pair[name] for pair in pairs for name in ("access_token", "refresh_token")):
        signature = parse_token(token)[2]
        fragments = [token, *token.split("."), signature.hex(), str(signature)]
        fragments += [
            sha256(token.encode()).hexdigest(),
            base64url(sha256(token.encode()).digest()),
        ]
        assert [piece for piece in fragments if piece in dumped] == []
        assert parse_token(token)[1].get("jti", token) not in dumped


@pytest.mark.standard("rfc6749-10.4-1")
@pytest.mark.attack(141)
def test_database_values_sign_no_valid_token(alice, server):
    access, refresh = forgers(server)
    values = sorted({value for value in dump() if len(value) >= 32})
    # The session auth hash, the session ids and the stored password are included.
    assert len(values) >= 4
    for value in values:
        sign = hmac_with(value.encode())
        assert server.get("/who/", access.token(sign=sign)).status == 401
        refresh.assert_rejected(refresh.token(sign=sign))
    refresh.assert_accepted(refresh.token())


@pytest.mark.attack(142)
def test_project_without_the_tokenauth_app_does_not_start():
    module = "tests.campaigns.attacks.scenario_app_not_installed"
    error = run_scenario(module, module)
    assert error.startswith("RuntimeError: Model class django_tokenauth.models.Session ")
    assert "isn't in an application in INSTALLED_APPS" in error


@pytest.mark.attack(142)
def test_each_refresh_rotates_token_and_updates_session(alice, server):
    body = {"refresh_token": server.sign_in()["refresh_token"]}
    for generation in range(1, 4):
        response = server.post("token/refresh/", body)
        assert statements(server) == ["SELECT", "UPDATE"]
        assert response.json()["refresh_token"] != body["refresh_token"]
        body = {"refresh_token": response.json()["refresh_token"]}
        assert parse_token(body["refresh_token"])[1]["gen"] == generation + 1
