"""Tokens with another issuer, audience, user or session."""

from __future__ import annotations

import time
import uuid
from http import HTTPStatus

import pytest
import time_machine
from django.contrib.auth import get_user_model

from tests.campaigns.attacks.forging import access_forger, forgers, refresh_forger
from tests.campaigns.attacks.query_watch import assert_invalid_grant, assert_unknown_user
from tests.support.client import INVALID_ACCESS_TOKEN, INVALID_TOKEN, SESSION_ENDED
from tests.support.raw_tokens import MISSING
from tests.support.scenarios.running import run_scenario

ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"
NAMED = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE}
NOT_STRINGS = [MISSING, None, 0, 1, 1.0, True, False, [], ["1"], {}, {"id": 1}]
#: Invalid names: control characters, lone surrogates, and strings over the limit.
INVALID_NAMES = ["", "\0", "1\0", "1\n", "\x1b[31m", "\u202e1", "\ud800", "a" * 256, "a" * 5000]
INVALID_NAMES += ["a" * 20_000]
INVALID_SESSIONS = [None, "", 0, 1, True, [], {}, "\0", "' OR 1=1 --", "../../1", "a" * 5000]


@pytest.mark.standard("rfc8414-4-1", "rfc9068-4-4")
@pytest.mark.attack(85)
def test_iss_not_equal_to_issuer_is_rejected(alice, server, settings):
    settings.TOKENAUTH = NAMED
    issuers = [MISSING, None, "", 1, True, [ISSUER], {ISSUER: 1}, [], "https", "*"]
    issuers += [f"{ISSUER}/", f"{ISSUER}.attacker.example.com", ISSUER[:-1], f"{ISSUER}:443"]
    issuers += [ISSUER.upper(), f" {ISSUER}", f"{ISSUER} ", "http://auth.example.com", AUDIENCE]
    # The last letter is Cyrillic.
    issuers += [f"{ISSUER}\0", f"{ISSUER}\n", ISSUER[:-1] + "\u043c"]
    access, refresh = forgers(server)
    for issuer in issuers:
        access.assert_rejected(access.with_claims(iss=issuer))
        refresh.assert_rejected(
            refresh.with_claims(iss=issuer), refresh.with_claims(iss=issuer, aud=issuer)
        )
    access.assert_accepted(access.with_claims(iss=ISSUER))
    refresh.assert_accepted(refresh.with_claims(iss=ISSUER, aud=ISSUER))


@pytest.mark.standard("rfc9068-4-5", "rfc9700-2.3-3", "rfc9700-4.10.2-1")
@pytest.mark.attack(86, 102)
def test_aud_of_another_service_is_rejected(alice, server, settings):
    settings.TOKENAUTH = NAMED
    audiences = [MISSING, None, "", 0, 1, True, [], {}, {AUDIENCE: 1}, [AUDIENCE, 1]]
    audiences += [ISSUER, f"{AUDIENCE}2", AUDIENCE[:-1], [AUDIENCE[:-1]], list(AUDIENCE)]
    audiences += [AUDIENCE.upper(), f" {AUDIENCE}", f"{AUDIENCE} {ISSUER}", f"{AUDIENCE},x"]
    audiences += [[AUDIENCE, None], [AUDIENCE, ""], [[AUDIENCE]], [AUDIENCE, "\0"], ["x", "y"]]
    access, refresh = forgers(server)
    access.assert_rejected(*(access.with_claims(aud=audience) for audience in audiences))
    for audience in (AUDIENCE, [AUDIENCE], ["x", AUDIENCE], [AUDIENCE, AUDIENCE]):
        access.assert_accepted(access.with_claims(aud=audience))
    # The audience of a refresh token is its issuer.
    for audience in (AUDIENCE, [ISSUER], [ISSUER, AUDIENCE], *audiences[:10]):
        refresh.assert_rejected(refresh.with_claims(aud=audience))
    refresh.assert_accepted(refresh.with_claims(aud=ISSUER))


@pytest.mark.attack(87)
def test_aud_similar_to_audience_is_rejected(alice, server, settings):
    settings.TOKENAUTH = {"AUDIENCE": "api"}
    forger = access_forger(server)
    for part in ("a", "ap", "pi", "p", "", "api2", "my-api", ["a"], ["a", "p", "i"], ["ap", "pi"]):
        forger.assert_rejected(forger.with_claims(aud=part))
    forger.assert_accepted(forger.with_claims(aud="api"))


@pytest.mark.attack(88)
def test_sub_not_a_string_is_rejected(alice, server):
    for forger in forgers(server):
        forger.assert_rejected(*(forger.with_claims(sub=value) for value in NOT_STRINGS))
        forger.assert_rejected(
            forger.with_claims(sub=alice.pk), forger.with_claims(sub=[str(alice.pk)])
        )
        forger.assert_accepted(forger.with_claims(sub=str(alice.pk)))


@pytest.mark.attack(89)
def test_invalid_sub_is_rejected_without_query(offline_server):
    for forger in forgers(offline_server):
        forger.assert_rejected(*(forger.with_claims(sub=value) for value in INVALID_NAMES))


def spellings(pk):
    """Yield other spellings of a primary key, most of which a database or ``int`` accepts."""
    for zero in (0x660, 0xFF10):
        yield "".join(chr(zero + int(digit)) for digit in str(pk))
    yield from (f" {pk} ", f"{pk} ", f"0{pk}", f"0_{pk}", f"+{pk}", f"{pk}.0", f"{pk}.9", f"{pk}e0")
    yield from (f"{pk}' OR '1'='1", f"{pk};", str(2**63), "1" * 255, str(uuid.UUID(int=pk)), "-1")
    yield from ("alice", "true", "None")


@pytest.mark.attack(90, 89)
def test_sub_in_other_spelling_of_the_user_id_is_rejected(alice, server):
    access, refresh = forgers(server)
    for subject in spellings(alice.pk):
        assert_unknown_user(server, access.with_claims(sub=subject))
        assert_invalid_grant(server, refresh.with_claims(sub=subject))
    refresh.assert_accepted(refresh.token())


@pytest.mark.attack(90, 89)
def test_stateless_refresh_rejects_other_spellings_of_the_sub(alice, server, settings):
    """Stateless refresh looks the user up by the subject."""
    settings.TOKENAUTH = {"STATELESS_REFRESH": True}
    access, refresh = forgers(server)
    for subject in spellings(alice.pk):
        token = access.with_claims(sub=subject)
        response = server.get("/who/", token)
        assert (response.status, response.challenge) == (401, INVALID_TOKEN)
        response = server.post("token/verify/", {"token": token})
        assert (response.status, response.json()) == (401, INVALID_ACCESS_TOKEN)
        body = {"refresh_token": refresh.with_claims(sub=subject)}
        response = server.post("token/refresh/", body)
        assert (response.status, response.json()) == (400, SESSION_ENDED)
    access.assert_accepted(access.token())
    refresh.assert_accepted(refresh.token())


@pytest.mark.attack(90)
def test_stateless_authentication_returns_sub_unchanged(alice, server):
    """The subject is not normalized to a primary key."""
    forger = access_forger(server)
    for subject in (f" {alice.pk} ", f"0{alice.pk}", "\u0661"):
        response = server.get("/who/stateless/", forger.with_claims(sub=subject))
        assert response.json() == {"user": subject, "sub": subject}


@pytest.mark.attack(91)
def test_numeric_sub_is_rejected_with_uuid_users():
    outcome = run_scenario(
        "tests.campaigns.attacks.scenario_uuid_users",
        "tests.support.scenarios.user_models.settings",
        USER_MODEL="UUIDUser",
    )
    assert outcome == {
        "primary key": [200, 200, 200, 200, 200],
        "number": [401, 401, 400, 401, 400],
        "other spelling": [401, 401, 400, 401, 400],
    }


@pytest.mark.attack(92)
def test_tokens_of_deleted_user_are_rejected_after_pk_reuse(alice, server):
    with time_machine.travel(time.time(), tick=False) as clock:
        tokens = server.sign_in()
        server.assert_accepts(tokens["access_token"])
        pk = alice.pk
        alice.delete()
        new_alice = get_user_model().objects.create_user("alice", password="correct horse", pk=pk)
        assert_unknown_user(server, tokens["access_token"])
        assert_invalid_grant(server, tokens["refresh_token"])
        server.assert_accepts(server.sign_in()["access_token"])
        clock.shift(10)
        response = server.get("/who/stateless/", tokens["access_token"])
    assert (response.status, response.challenge) == (401, INVALID_TOKEN)
    assert new_alice.tokenauth_sessions.count() == 1


@pytest.mark.attack(92)
def test_sessionless_token_is_accepted_for_reused_primary_key(alice, server, settings):
    """A documented limit: without session rows, a new user inherits the tokens of a reused key."""
    settings.TOKENAUTH = {"STATELESS_REFRESH": True}
    tokens = server.sign_in()
    pk = alice.pk
    alice.delete()
    assert server.get("/who/", tokens["access_token"]).status == 401
    get_user_model().objects.create_user("bob", pk=pk)
    assert server.get("/who/", tokens["access_token"]).json() == {"user": "bob", "sub": str(pk)}


@pytest.mark.attack(93)
def test_malformed_jti_sid_or_gen_is_rejected(offline_server):
    access, refresh = forgers(offline_server)
    access.assert_rejected(
        *(access.with_claims(jti=value) for value in [*NOT_STRINGS, *INVALID_NAMES])
    )
    session = str(access.claims()["sid"])
    malformed = [
        session.upper(),
        session.replace("-", ""),
        f"{{{session}}}",
        f"{session} ",
        session[1:],
    ]
    malformed += [f"urn:uuid:{session}", [session], {"id": session}, f"{session}\n"]
    for forger in (access, refresh):
        forger.assert_rejected(
            *(forger.with_claims(sid=value) for value in [*INVALID_SESSIONS, *malformed])
        )
    refresh.assert_rejected(refresh.with_claims(sid=MISSING))
    generations = [0, -1, 1.0, True, None, "1", [1], 2**63 - 1, 2**63, 10**400, MISSING]
    refresh.assert_rejected(*(refresh.with_claims(gen=value) for value in generations))


@pytest.mark.attack(93)
def test_sid_of_another_user_is_rejected(alice, bob, server):
    """The rejection needs one query, as does an accepted token."""
    access, refresh = forgers(server)
    bobs = refresh_forger(server, username="bob")
    for session in (str(bobs.claims()["sid"]), str(uuid.UUID(int=7))):
        assert_unknown_user(server, access.with_claims(sid=session))
        assert_invalid_grant(server, refresh.with_claims(sid=session))
    assert_unknown_user(server, access.with_claims(sub=str(bob.pk)))
    assert_invalid_grant(server, refresh.with_claims(sub=str(bob.pk)))
    assert server.get("/who/", access.with_claims(sid=MISSING)).status == 401
    assert server.activity.statements == []
    # Both sessions stay active.
    refresh.assert_accepted(refresh.token())
    bobs.assert_accepted(bobs.token())


CHANGES = {
    "deleted": lambda user: user.delete(),
    "deactivated": lambda user: [setattr(user, "is_active", False), user.save()],
    "deactivated-by-update": lambda user: update(user, is_active=False),
    "new-password": lambda user: [user.set_password("another"), user.save()],
    "password-by-update": lambda user: update(user, password="md5$a$b"),
    "unusable-password": lambda user: [user.set_unusable_password(), user.save()],
}


def update(user, **fields):
    get_user_model().objects.filter(pk=user.pk).update(**fields)


@pytest.mark.attack(94, 95)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_deletion_deactivation_or_new_password_signs_user_out(alice, bob, server, change):
    tokens, bobs_tokens = server.sign_in(), server.sign_in("bob")
    server.assert_accepts(tokens["access_token"])
    change(alice)
    assert_unknown_user(server, tokens["access_token"])
    assert_invalid_grant(server, tokens["refresh_token"])
    server.assert_accepts(bobs_tokens["access_token"])
    response = server.post("token/", {"username": "alice", "password": "correct horse"})
    assert response.status == HTTPStatus.BAD_REQUEST


@pytest.mark.attack(95)
def test_user_saved_with_same_password_stays_signed_in(alice, server):
    tokens = server.sign_in()
    alice.first_name = "Alice"
    alice.save()
    server.assert_accepts(tokens["access_token"])
    response = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert response.status == HTTPStatus.OK
