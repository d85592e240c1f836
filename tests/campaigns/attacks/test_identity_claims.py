"""Tokens that name another issuer, another audience or another user than the one they were for."""

from __future__ import annotations

import time
import uuid
from http import HTTPStatus

import pytest
import time_machine
from django.contrib.auth import get_user_model

from tests.campaigns.attacks.forging import access_forger, forgers, refresh_forger
from tests.campaigns.attacks.query_watch import no_grant, nobody
from tests.support.client import INVALID_GRANT, INVALID_TOKEN
from tests.support.raw_tokens import MISSING
from tests.support.scenarios.running import outcome_of

ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"
NAMED = {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE}
NO_TEXTS = [MISSING, None, 0, 1, 1.0, True, False, [], ["1"], {}, {"id": 1}]
#: No text that a name could be: control characters, half a surrogate pair, very long ones.
NO_NAMES = ["", "\0", "1\0", "1\n", "\x1b[31m", "\u202e1", "\ud800", "a" * 256, "a" * 5000]
NO_NAMES += ["a" * 20_000]
NO_SESSIONS = [None, "", 0, 1, True, [], {}, "\0", "' OR 1=1 --", "../../1", "a" * 5000]


@pytest.mark.standard("rfc8414-4-1", "rfc9068-4-4")
@pytest.mark.attack(85)
def test_the_issuer_is_compared_to_the_letter(alice, server, settings):
    settings.TOKENAUTH = NAMED
    issuers = [MISSING, None, "", 1, True, [ISSUER], {ISSUER: 1}, [], "https", "*"]
    issuers += [f"{ISSUER}/", f"{ISSUER}.attacker.example.com", ISSUER[:-1], f"{ISSUER}:443"]
    issuers += [ISSUER.upper(), f" {ISSUER}", f"{ISSUER} ", "http://auth.example.com", AUDIENCE]
    # The last letter is a Cyrillic one.
    issuers += [f"{ISSUER}\0", f"{ISSUER}\n", ISSUER[:-1] + "\u043c"]
    access, refresh = forgers(server)
    for issuer in issuers:
        access.refused(access.with_claims(iss=issuer))
        refresh.refused(
            refresh.with_claims(iss=issuer), refresh.with_claims(iss=issuer, aud=issuer)
        )
    access.accepted(access.with_claims(iss=ISSUER))
    refresh.accepted(refresh.with_claims(iss=ISSUER, aud=ISSUER))


@pytest.mark.standard("rfc9068-4-5")
@pytest.mark.attack(86, 102)
def test_a_token_for_others_is_refused(alice, server, settings):
    settings.TOKENAUTH = NAMED
    audiences = [MISSING, None, "", 0, 1, True, [], {}, {AUDIENCE: 1}, [AUDIENCE, 1]]
    audiences += [ISSUER, f"{AUDIENCE}2", AUDIENCE[:-1], [AUDIENCE[:-1]], list(AUDIENCE)]
    audiences += [AUDIENCE.upper(), f" {AUDIENCE}", f"{AUDIENCE} {ISSUER}", f"{AUDIENCE},x"]
    audiences += [[AUDIENCE, None], [AUDIENCE, ""], [[AUDIENCE]], [AUDIENCE, "\0"], ["x", "y"]]
    access, refresh = forgers(server)
    access.refused(*(access.with_claims(aud=audience) for audience in audiences))
    for audience in (AUDIENCE, [AUDIENCE], ["x", AUDIENCE], [AUDIENCE, AUDIENCE]):
        access.accepted(access.with_claims(aud=audience))
    # A refresh token is for its issuer alone.
    for audience in (AUDIENCE, [ISSUER], [ISSUER, AUDIENCE], *audiences[:10]):
        refresh.refused(refresh.with_claims(aud=audience))
    refresh.accepted(refresh.with_claims(aud=ISSUER))


@pytest.mark.attack(87)
def test_our_audience_is_a_name_and_no_container_of_letters(alice, server, settings):
    settings.TOKENAUTH = {"AUDIENCE": "api"}
    forger = access_forger(server)
    for part in ("a", "ap", "pi", "p", "", "api2", "my-api", ["a"], ["a", "p", "i"], ["ap", "pi"]):
        forger.refused(forger.with_claims(aud=part))
    forger.accepted(forger.with_claims(aud="api"))


@pytest.mark.attack(88)
def test_a_subject_that_is_no_text_is_refused(alice, server):
    for forger in forgers(server):
        forger.refused(*(forger.with_claims(sub=value) for value in NO_TEXTS))
        forger.refused(forger.with_claims(sub=alice.pk), forger.with_claims(sub=[str(alice.pk)]))
        forger.accepted(forger.with_claims(sub=str(alice.pk)))


@pytest.mark.attack(89)
def test_a_subject_that_is_no_name_never_reaches_the_database(alice, server):
    for forger in forgers(server):
        forger.refused(*(forger.with_claims(sub=value) for value in NO_NAMES))


def spellings(pk):
    """Other ways to write the key of a user, most of which a database or int() understands."""
    for zero in (0x660, 0xFF10):
        yield "".join(chr(zero + int(digit)) for digit in str(pk))
    yield from (f" {pk} ", f"{pk} ", f"0{pk}", f"0_{pk}", f"+{pk}", f"{pk}.0", f"{pk}.9", f"{pk}e0")
    yield from (f"{pk}' OR '1'='1", f"{pk};", str(2**63), "1" * 255, str(uuid.UUID(int=pk)), "-1")
    yield from ("alice", "true", "None")


@pytest.mark.attack(90, 89)
def test_another_spelling_of_a_key_is_nobody(alice, server):
    access, refresh = forgers(server)
    for subject in spellings(alice.pk):
        nobody(server, access.with_claims(sub=subject))
        no_grant(server, refresh.with_claims(sub=subject))
    refresh.accepted(refresh.token())


@pytest.mark.attack(90, 89)
def test_another_spelling_of_a_key_is_nobody_where_no_sessions_are_kept(alice, server, settings):
    """There the user is looked up by the subject itself."""
    settings.TOKENAUTH = {"STATELESS_REFRESH": True}
    access, refresh = forgers(server)
    for subject in spellings(alice.pk):
        token = access.with_claims(sub=subject)
        answer = server.get("/who/", token)
        assert (answer.status, answer.challenge) == (401, INVALID_TOKEN)
        assert server.post("token/verify/", {"token": token}).json() == {"active": False}
        body = {"refresh_token": refresh.with_claims(sub=subject)}
        answer = server.post("token/refresh/", body)
        assert (answer.status, answer.json()) == (400, INVALID_GRANT)
    access.accepted(access.token())
    refresh.accepted(refresh.token())


@pytest.mark.attack(90)
def test_to_those_who_look_nobody_up_a_subject_is_what_was_signed(alice, server):
    """No more and no less: it is not turned into the key of anybody."""
    forger = access_forger(server)
    for subject in (f" {alice.pk} ", f"0{alice.pk}", "\u0661"):
        answer = server.get("/who/stateless/", forger.with_claims(sub=subject))
        assert answer.json() == {"user": subject, "sub": subject}


@pytest.mark.attack(91)
def test_a_number_is_nobody_among_users_with_uuids():
    outcome = outcome_of(
        "tests.campaigns.attacks.scenario_of_uuids",
        "tests.support.scenarios.user_models.settings",
        USER_MODEL="UUIDUser",
    )
    assert outcome == {
        "the key itself": [200, 200, 200, 200, 200],
        "a number": [401, 401, 400, 401, 400],
        "another spelling": [401, 401, 400, 401, 400],
    }


@pytest.mark.attack(92)
def test_the_tokens_of_a_deleted_user_are_not_those_of_the_next_with_the_same_key(alice, server):
    with time_machine.travel(time.time(), tick=False) as clock:
        tokens = server.sign_in()
        server.accepts(tokens["access_token"])
        key = alice.pk
        alice.delete()
        next_one = get_user_model().objects.create_user("alice", password="correct horse", pk=key)
        nobody(server, tokens["access_token"])
        no_grant(server, tokens["refresh_token"])
        server.accepts(server.sign_in()["access_token"])
        clock.shift(10)
        answer = server.get("/who/stateless/", tokens["access_token"])
    assert (answer.status, answer.challenge) == (401, INVALID_TOKEN)
    assert next_one.tokenauth_sessions.count() == 1


@pytest.mark.attack(92)
def test_where_no_sessions_are_kept_a_key_must_not_come_again(alice, server, settings):
    """Nothing tells the next user of a key from the one before: a limit, shown and not wanted."""
    settings.TOKENAUTH = {"STATELESS_REFRESH": True}
    tokens = server.sign_in()
    key = alice.pk
    alice.delete()
    assert server.get("/who/", tokens["access_token"]).status == 401
    get_user_model().objects.create_user("bob", pk=key)
    assert server.get("/who/", tokens["access_token"]).json() == {"user": "bob", "sub": str(key)}


@pytest.mark.attack(93)
def test_an_id_that_is_none_is_refused(alice, server):
    access, refresh = forgers(server)
    access.refused(*(access.with_claims(jti=value) for value in [*NO_TEXTS, *NO_NAMES]))
    session = str(access.members()["sid"])
    odd = [session.upper(), session.replace("-", ""), f"{{{session}}}", f"{session} ", session[1:]]
    odd += [f"urn:uuid:{session}", [session], {"id": session}, f"{session}\n"]
    for forger in (access, refresh):
        forger.refused(*(forger.with_claims(sid=value) for value in [*NO_SESSIONS, *odd]))
    refresh.refused(refresh.with_claims(sid=MISSING))
    generations = [0, -1, 1.0, True, None, "1", [1], 2**63 - 1, 2**63, 10**400, MISSING]
    refresh.refused(*(refresh.with_claims(gen=value) for value in generations))


@pytest.mark.attack(93)
def test_the_session_of_another_user_is_no_session_of_this_one(alice, bob, server):
    """It has to be known for that, so it costs the one statement that a good token costs."""
    access, refresh = forgers(server)
    others = refresh_forger(server, username="bob")
    for session in (str(others.members()["sid"]), str(uuid.UUID(int=7))):
        nobody(server, access.with_claims(sid=session))
        no_grant(server, refresh.with_claims(sid=session))
    nobody(server, access.with_claims(sub=str(bob.pk)))
    no_grant(server, refresh.with_claims(sub=str(bob.pk)))
    assert server.get("/who/", access.with_claims(sid=MISSING)).status == 401
    assert server.seen.statements == []
    # Nobody's session suffered from it.
    refresh.accepted(refresh.token())
    others.accepted(others.token())


CHANGES = {
    "deleted": lambda user: user.delete(),
    "deactivated": lambda user: [setattr(user, "is_active", False), user.save()],
    "deactivated in the database": lambda user: update(user, is_active=False),
    "a new password": lambda user: [user.set_password("another"), user.save()],
    "a password in the database": lambda user: update(user, password="md5$a$b"),
    "an unusable password": lambda user: [user.set_unusable_password(), user.save()],
}


def update(user, **fields):
    get_user_model().objects.filter(pk=user.pk).update(**fields)


@pytest.mark.attack(94, 95)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_user_who_is_gone_or_has_another_password_is_signed_out(alice, bob, server, change):
    tokens, others = server.sign_in(), server.sign_in("bob")
    server.accepts(tokens["access_token"])
    change(alice)
    nobody(server, tokens["access_token"])
    no_grant(server, tokens["refresh_token"])
    server.accepts(others["access_token"])
    answer = server.post("token/", {"username": "alice", "password": "correct horse"})
    assert answer.status == HTTPStatus.BAD_REQUEST


@pytest.mark.attack(95)
def test_a_user_who_is_saved_with_the_same_password_stays_signed_in(alice, server):
    tokens = server.sign_in()
    alice.first_name = "Alice"
    alice.save()
    server.accepts(tokens["access_token"])
    answer = server.post("token/refresh/", {"refresh_token": tokens["refresh_token"]})
    assert answer.status == HTTPStatus.OK
