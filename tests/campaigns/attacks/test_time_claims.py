"""Tokens that say when they begin and end, in every way but the one in which we say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.campaigns.attacks.forging import access_forger, forgers, refresh_forger, with_text
from tests.campaigns.attacks.query_watch import no_grant
from tests.support.raw_tokens import MISSING

START = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOW = int(START.timestamp())
LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z
TIMES = ("exp", "iat", "nbf", "auth_time")
#: Of a refresh token nothing else is read.
OF_A_REFRESH = ("exp", "iat")


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


def with_number(forger, name, number):
    """A token whose claim is ``number``, text that JSON may not know."""
    return forger.token(payload=with_text(forger.members(**{name: MISSING}), f'"{name}": {number}'))


def refused_as_times(access, refresh, *values):
    """Each of them as each time of a token, of both kinds."""
    access.refused(*(access.with_claims(**{name: value}) for name in TIMES for value in values))
    refresh.refused(
        *(refresh.with_claims(**{name: value}) for name in OF_A_REFRESH for value in values)
    )


@pytest.mark.standard("rfc9068-4-9")
@pytest.mark.attack(72)
def test_a_token_is_over_from_the_second_of_its_end(alice, server, clock):
    for forger in forgers(server):
        for exp in (NOW - 86_400, NOW - 1, NOW):
            forger.refused(forger.with_claims(iat=NOW - 100, exp=exp))
        forger.accepted(forger.with_claims(iat=NOW - 100, exp=NOW + 1))


@pytest.mark.attack(72)
def test_a_token_that_was_good_before_is_over_too(alice, server, clock):
    """Its signature is known to the cache of verified tokens, and that is all."""
    token = server.sign_in()["access_token"]
    clock.shift(299)
    server.accepts(token)
    clock.shift(0.999)
    server.accepts(token)
    clock.shift(0.001)
    server.refuses(token)


@pytest.mark.attack(73)
def test_a_token_without_an_end_is_refused(alice, server):
    for forger in forgers(server):
        forger.refused(forger.with_claims(exp=MISSING), forger.with_claims(exp=None))


@pytest.mark.attack(74)
def test_a_text_is_no_time(alice, server, clock):
    end = str(NOW + 60)
    texts = [end, f" {end} ", f"{end}.0", "9_999_999_999", f"+{end}", "0x6", "", "now"]
    texts += ["".join(chr(0x660 + int(digit)) for digit in end), "2030-01-01T12:01:00Z"]
    refused_as_times(*forgers(server), *texts)


@pytest.mark.attack(75)
def test_true_and_false_are_no_times(alice, server):
    refused_as_times(*forgers(server), True, False)


@pytest.mark.attack(76)
def test_a_list_and_an_object_are_no_times(alice, server, clock):
    refused_as_times(*forgers(server), [], {}, [NOW + 60], {"exp": NOW + 60}, [[]])


@pytest.mark.attack(77)
def test_a_time_that_no_calendar_has_is_refused(alice, server):
    refused_as_times(*forgers(server), 1e308, -1e308, 10**400, -(10**400), LAST_SECOND + 1, 2**63)


@pytest.mark.attack(77)
def test_the_end_of_the_calendar_is_no_end_of_a_token(alice, server, clock):
    """An access token cannot say it; to a refresh token the row has more to say."""
    access, refresh = forgers(server)
    access.refused(access.with_claims(exp=LAST_SECOND))
    refresh.accepted(refresh.with_claims(exp=LAST_SECOND))
    forged = refresh.with_claims(exp=LAST_SECOND)
    clock.shift(timedelta(days=14))
    no_grant(server, forged)


@pytest.mark.attack(78)
def test_what_is_no_number_in_json_is_no_time(alice, server, clock):
    access, refresh = forgers(server)
    for forger, names in ((access, ("exp", "iat", "nbf")), (refresh, OF_A_REFRESH)):
        for name in names:
            for number in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" * 5000):
                forger.refused(with_number(forger, name, number))
        # In the same way, but a number.
        forger.accepted(with_number(forger, "exp", NOW + 60))


@pytest.mark.attack(79)
def test_a_fraction_of_a_second_is_refused(alice, server, clock):
    """RFC 7519 allows it. We issue none, and readers of it round in different ways."""
    access, refresh = forgers(server)
    refused_as_times(access, refresh, NOW + 60.5, float(NOW + 60), NOW - 0.5)
    for forger in (access, refresh):
        for number in (f"{NOW + 60}.0", f"{NOW + 60}e0", f"{NOW // 100 + 1}e2", "-0.0"):
            forger.refused(with_number(forger, "exp", number))


@pytest.mark.attack(80)
def test_a_time_before_1970_or_just_after_it_is_refused(alice, server, clock):
    access, refresh = forgers(server)
    refused_as_times(access, refresh, -1, -NOW)
    access.refused(access.with_claims(iat=0), access.with_claims(iat=1))
    access.refused(access.with_claims(iat=NOW + 60 - 301, exp=NOW + 60))
    access.accepted(access.with_claims(iat=NOW + 60 - 300, exp=NOW + 60))
    for forger in (access, refresh):
        forger.refused(forger.with_claims(iat=0, exp=300), forger.with_claims(exp=0))


@pytest.mark.attack(81)
def test_a_token_that_begins_later_is_refused_until_then(alice, server, clock):
    forger = access_forger(server)
    tokens = [
        forger.with_claims(nbf=NOW + 1),
        forger.with_claims(iat=NOW + 1),
        forger.with_claims(iat=NOW + 1, nbf=NOW - 60),
        forger.with_claims(iat=NOW + 1, nbf=0),
    ]
    forger.refused(*tokens)
    forger.refused(forger.with_claims(nbf=NOW + 299), forger.with_claims(nbf=LAST_SECOND))
    clock.shift(1)
    for token in tokens:
        forger.accepted(token)


@pytest.mark.standard("rfc9068-4-9")
@pytest.mark.attack(81, 82, 83)
def test_a_leeway_is_for_clocks_and_gives_no_longer_life(alice, server, settings, clock):
    settings.TOKENAUTH = {"LEEWAY": timedelta(seconds=60)}
    forger = access_forger(server)
    forger.accepted(forger.with_claims(nbf=NOW + 60))
    forger.accepted(forger.with_claims(iat=NOW + 60, exp=NOW + 61))
    forger.accepted(forger.with_claims(iat=NOW - 300, exp=NOW - 59))
    forger.refused(
        forger.with_claims(nbf=NOW + 61),
        forger.with_claims(iat=NOW + 61, exp=NOW + 100),
        forger.with_claims(iat=NOW - 300, exp=NOW - 60),
        forger.with_claims(exp=NOW + 301),
        forger.with_claims(iat=NOW + 40, exp=NOW + 30),
        forger.with_claims(iat=NOW - 10, exp=NOW + 30, nbf=NOW + 30),
        forger.with_claims(iat=NOW - 10, exp=NOW + 30, nbf=NOW + 40),
    )


@pytest.mark.attack(82)
def test_a_token_that_ends_before_it_begins_or_lives_too_long_is_refused(alice, server, clock):
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
        forger.refused(forger.with_claims(**changes))
    forger.accepted(forger.with_claims(exp=NOW + 300))


@pytest.mark.attack(84)
def test_a_server_whose_clock_is_an_hour_behind_loses_no_session(alice, server, clock):
    """Another one signs in and refreshes; this one, an hour behind, goes on with its tokens."""
    forger = refresh_forger(server)
    old = forger.token()
    clock.shift(60)
    forger.accepted(old)
    clock.shift(timedelta(hours=-1))
    # The predecessor is nobody's theft because of a clock, and the current token rotates.
    forger.accepted(old)
    forger.accepted(forger.token())
    clock.shift(timedelta(hours=1))
    forger.accepted(forger.token())


@pytest.mark.attack(84)
def test_the_clock_of_the_database_is_never_asked(alice, server, clock):
    """2030 is in the future of every database: what one of them says has no part in a refresh."""
    tokens = server.sign_in()
    for _ in range(3):
        tokens = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]}).json()
        clock.shift(60)
    server.accepts(tokens["access_token"])
    clock.shift(timedelta(days=14))
    answer = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert answer.status == 400
    statements = [sql.upper() for seen in server.watch.requests for sql in seen.statements]
    assert len(statements) >= 10
    assert not [sql for sql in statements if "NOW(" in sql or "CURRENT_TIME" in sql]
