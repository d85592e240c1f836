"""Time claims with other types, values and orders than the server issues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.campaigns.attacks.forging import (
    access_forger,
    append_raw_member,
    forgers,
    refresh_forger,
)
from tests.campaigns.attacks.query_watch import assert_invalid_grant
from tests.support.raw_tokens import MISSING

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOW = int(START.timestamp())
LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z
TIMES = ("exp", "iat", "nbf", "auth_time")
#: The time claims that are read from a refresh token.
REFRESH_TIMES = ("exp", "iat")


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def with_number(forger, name, number):
    """Return a token with ``number`` as the raw claim, valid JSON or not."""
    return forger.token(
        payload=append_raw_member(forger.claims(**{name: MISSING}), f'"{name}": {number}')
    )


def assert_rejected_as_times(access, refresh, *values):
    """Assert that each value is rejected as each time claim of both token types."""
    access.assert_rejected(
        *(access.with_claims(**{name: value}) for name in TIMES for value in values)
    )
    refresh.assert_rejected(
        *(refresh.with_claims(**{name: value}) for name in REFRESH_TIMES for value in values)
    )


@pytest.mark.standard("rfc9068-4-9")
@pytest.mark.attack(72)
def test_token_is_rejected_from_second_of_exp(alice, server, clock):
    for forger in forgers(server):
        for exp in (NOW - 86_400, NOW - 1, NOW):
            forger.assert_rejected(forger.with_claims(iat=NOW - 100, exp=exp))
        forger.assert_accepted(forger.with_claims(iat=NOW - 100, exp=NOW + 1))


@pytest.mark.attack(72)
def test_cached_token_is_rejected_after_exp(alice, server, clock):
    """The cache of verified tokens does not skip the time checks."""
    token = server.sign_in()["access_token"]
    clock.shift(299)
    server.assert_accepts(token)
    clock.shift(0.999)
    server.assert_accepts(token)
    clock.shift(0.001)
    server.assert_rejects(token)


@pytest.mark.attack(73)
def test_token_without_exp_is_rejected(offline_server):
    for forger in forgers(offline_server):
        forger.assert_rejected(forger.with_claims(exp=MISSING), forger.with_claims(exp=None))


@pytest.mark.attack(74)
def test_time_claim_as_string_is_rejected(offline_server, clock):
    end = str(NOW + 60)
    strings = [end, f" {end} ", f"{end}.0", "9_999_999_999", f"+{end}", "0x6", "", "now"]
    strings += ["".join(chr(0x660 + int(digit)) for digit in end), "2030-01-01T12:01:00Z"]
    assert_rejected_as_times(*forgers(offline_server), *strings)


@pytest.mark.attack(75)
def test_time_claim_as_boolean_is_rejected(offline_server):
    assert_rejected_as_times(*forgers(offline_server), True, False)


@pytest.mark.attack(76)
def test_time_claim_as_list_or_object_is_rejected(offline_server, clock):
    assert_rejected_as_times(*forgers(offline_server), [], {}, [NOW + 60], {"exp": NOW + 60}, [[]])


@pytest.mark.attack(77)
def test_time_claim_beyond_year_9999_is_rejected(offline_server):
    assert_rejected_as_times(
        *forgers(offline_server), 1e308, -1e308, 10**400, -(10**400), LAST_SECOND + 1, 2**63
    )


@pytest.mark.attack(77)
def test_exp_of_year_9999_does_not_extend_session(alice, server, clock):
    """An access token with it is rejected; for a refresh token the session row decides."""
    access, refresh = forgers(server)
    access.assert_rejected(access.with_claims(exp=LAST_SECOND))
    refresh.assert_accepted(refresh.with_claims(exp=LAST_SECOND))
    forged = refresh.with_claims(exp=LAST_SECOND)
    clock.shift(timedelta(days=14))
    assert_invalid_grant(server, forged)


@pytest.mark.attack(78)
def test_time_claim_of_nan_infinity_or_1e400_is_rejected(alice, server, clock):
    access, refresh = forgers(server)
    for forger, names in ((access, ("exp", "iat", "nbf")), (refresh, REFRESH_TIMES)):
        for name in names:
            for number in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 5000):
                forger.assert_rejected(with_number(forger, name, number))
        # The same construction with an integer is accepted.
        forger.assert_accepted(with_number(forger, "exp", NOW + 60))


@pytest.mark.attack(79)
def test_fractional_time_claim_is_rejected(offline_server, clock):
    """RFC 7519 allows fractions, but verifiers round them in different ways."""
    access, refresh = forgers(offline_server)
    assert_rejected_as_times(access, refresh, NOW + 60.5, float(NOW + 60), NOW - 0.5)
    for forger in (access, refresh):
        for number in (f"{NOW + 60}.0", f"{NOW + 60}e0", f"{NOW // 100 + 1}e2", "-0.0"):
            forger.assert_rejected(with_number(forger, "exp", number))


@pytest.mark.attack(80)
def test_time_claim_near_or_before_1970_is_rejected(alice, server, clock):
    access, refresh = forgers(server)
    assert_rejected_as_times(access, refresh, -1, -NOW)
    access.assert_rejected(access.with_claims(iat=0), access.with_claims(iat=1))
    access.assert_rejected(access.with_claims(iat=NOW + 60 - 301, exp=NOW + 60))
    access.assert_accepted(access.with_claims(iat=NOW + 60 - 300, exp=NOW + 60))
    for forger in (access, refresh):
        forger.assert_rejected(forger.with_claims(iat=0, exp=300), forger.with_claims(exp=0))


@pytest.mark.attack(81)
def test_token_before_nbf_or_iat_is_rejected(alice, server, clock):
    forger = access_forger(server)
    tokens = [
        forger.with_claims(nbf=NOW + 1),
        forger.with_claims(iat=NOW + 1),
        forger.with_claims(iat=NOW + 1, nbf=NOW - 60),
        forger.with_claims(iat=NOW + 1, nbf=0),
    ]
    forger.assert_rejected(*tokens)
    forger.assert_rejected(forger.with_claims(nbf=NOW + 299), forger.with_claims(nbf=LAST_SECOND))
    clock.shift(1)
    for token in tokens:
        forger.assert_accepted(token)


@pytest.mark.standard("rfc9068-4-9")
@pytest.mark.attack(81, 82, 83)
def test_leeway_allows_clock_skew_but_no_longer_lifetime(alice, server, settings, clock):
    settings.TOKENAUTH = {"LEEWAY": timedelta(seconds=60)}
    forger = access_forger(server)
    forger.assert_accepted(forger.with_claims(nbf=NOW + 60))
    forger.assert_accepted(forger.with_claims(iat=NOW + 60, exp=NOW + 61))
    forger.assert_accepted(forger.with_claims(iat=NOW - 300, exp=NOW - 59))
    forger.assert_rejected(
        forger.with_claims(nbf=NOW + 61),
        forger.with_claims(iat=NOW + 61, exp=NOW + 100),
        forger.with_claims(iat=NOW - 300, exp=NOW - 60),
        forger.with_claims(exp=NOW + 301),
        forger.with_claims(iat=NOW + 40, exp=NOW + 30),
        forger.with_claims(iat=NOW - 10, exp=NOW + 30, nbf=NOW + 30),
        forger.with_claims(iat=NOW - 10, exp=NOW + 30, nbf=NOW + 40),
    )


@pytest.mark.attack(82)
def test_negative_or_too_long_lifetime_is_rejected(alice, server, clock):
    forger = access_forger(server)
    for changes in (
        {"iat": NOW, "exp": NOW},
        {"iat": NOW + 60, "exp": NOW + 30},
        {"iat": NOW - 10, "exp": NOW + 60, "nbf": NOW + 60},
        {"iat": NOW - 10, "exp": NOW + 60, "nbf": NOW + 90},
        {"exp": NOW + 301},
        {"exp": NOW + 86_400},
        {"exp": NOW + 10 * 365 * 86_400},
    ):
        forger.assert_rejected(forger.with_claims(**changes))
    forger.assert_accepted(forger.with_claims(exp=NOW + 300))


@pytest.mark.attack(84)
def test_refresh_with_clock_an_hour_behind_keeps_session(alice, server, clock):
    """Sign in and refresh on one server, then refresh on a server an hour behind."""
    forger = refresh_forger(server)
    old = forger.token()
    clock.shift(60)
    forger.assert_accepted(old)
    clock.shift(timedelta(hours=-1))
    # The previous token does not count as reused, and the current token rotates.
    forger.assert_accepted(old)
    forger.assert_accepted(forger.token())
    clock.shift(timedelta(hours=1))
    forger.assert_accepted(forger.token())


@pytest.mark.attack(84)
def test_database_clock_is_never_queried(alice, server, clock):
    """2030 is in the future of every database server, so its clock would break the refresh."""
    tokens = server.sign_in()
    for _ in range(3):
        tokens = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()
        clock.shift(60)
    server.assert_accepts(tokens["access_token"])
    clock.shift(timedelta(days=14))
    response = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert response.status == 400
    statements = [sql.upper() for seen in server.monitor.requests for sql in seen.statements]
    assert len(statements) >= 10
    assert not [sql for sql in statements if "NOW(" in sql or "CURRENT_TIME" in sql]
