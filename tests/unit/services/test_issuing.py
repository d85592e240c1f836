"""Which tokens are handed out: lifetimes, scope and extra claims."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured

from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidScope
from django_tokenauth.models import Session
from django_tokenauth.services.issuing import TokenIssuer, TokenPair, granted_scope
from django_tokenauth.sessions.store import SessionState
from django_tokenauth.tokens.access import access_tokens
from django_tokenauth.tokens.claims import REGISTERED, SignIn
from django_tokenauth.tokens.jws import MAX_LENGTH
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after
from tests.support.raw_tokens import base64url, unbase64url

READ, WRITE = "notes:read", "notes:write"


@pytest.fixture
def session():
    return Session(
        user=get_user_model()(pk=7, username="alice"),
        created_at=NOW,
        client_id="a phone",
        scope=f"{READ} {WRITE}",
        amr="pwd otp",
    )


def issue(session, *, scope=frozenset({READ}), request=None, now=None, **changes):
    issuer = TokenIssuer(settings=load(), request=request, now=now or after(days=1))
    state = SessionState(3, after(days=1), after(days=15))._replace(**changes)
    return issuer.issue_for_session(session, state, scope)


def access(pair, now=None):
    return access_tokens(load()).decode(pair.access_token, now=(now or after(days=1)).timestamp())


class TestTokenPair:
    PAIR = TokenPair(
        access_token="an access token",
        refresh_token="a refresh token",
        expires_in=300,
        scope=frozenset(),
        user=None,
        session=None,
    )

    @pytest.mark.standard("rfc6749-5.1-3", "rfc9068-6-1")
    def test_its_members_are_those_of_the_rfc(self):
        assert self.PAIR.to_response() == {
            "access_token": "an access token",
            "refresh_token": "a refresh token",
            "token_type": "Bearer",
            "expires_in": 300,
        }

    def test_a_scope_is_told_in_one_order(self, session):
        assert issue(session, scope=frozenset({WRITE, READ})).to_response()["scope"] == (
            "notes:read notes:write"
        )

    @pytest.mark.attack(173)
    def test_its_repr_shows_no_token(self):
        assert "token" not in repr(self.PAIR).replace("TokenPair", "")


class TestGrantedScope:
    def granted(self, settings, asked, limit, scopes=(READ, WRITE), policy=None):
        settings.TOKENAUTH = {"SCOPES": scopes, "SCOPE_POLICY": policy}
        return granted_scope(load(), "alice", asked, limit, "request")

    @pytest.mark.standard("rfc9068-2.2.3-2")
    @pytest.mark.parametrize(
        ("asked", "limit", "given"),
        [
            (None, (READ, WRITE), {READ, WRITE}),
            (None, (READ,), {READ}),
            (None, (), set()),
            ([READ], (READ, WRITE), {READ}),
            ([READ, WRITE], (READ, WRITE), {READ, WRITE}),
            ([READ, READ], (READ, WRITE), {READ}),
            ((), (READ, WRITE), set()),
            (None, (READ, "given up since"), {READ}),
        ],
    )
    def test_it_is_what_was_asked_for_or_all(self, settings, asked, limit, given):
        assert self.granted(settings, asked, limit) == given

    @pytest.mark.parametrize(
        ("asked", "limit"),
        [([WRITE], (READ,)), ([READ, WRITE], (READ,)), (["notes"], (READ,)), ([READ], ())],
    )
    def test_more_than_the_limit_is_refused(self, settings, asked, limit):
        with pytest.raises(InvalidScope):
            self.granted(settings, asked, limit)

    @pytest.mark.standard("rfc9068-2.2.3-2")
    def test_what_the_project_gave_up_is_refused_to_who_asks_for_nothing_else(self, settings):
        with pytest.raises(InvalidScope):
            self.granted(settings, ["given up since"], (READ, "given up since"))

    @pytest.mark.parametrize("answer", [[READ], (READ,), {READ}, iter([READ]), [READ, "more"]])
    def test_the_policy_takes_away_and_adds_nothing(self, settings, answer):
        given = self.granted(settings, None, (READ, WRITE), policy=lambda *asked: answer)
        assert given == {READ}

    def test_the_policy_hears_who_wants_what(self, settings):
        asked = []

        def policy(*arguments):
            asked.append(arguments)
            return [READ]

        self.granted(settings, [READ], (READ, WRITE), policy=policy)
        assert asked == [("alice", frozenset({READ}), "request")]

    def test_a_policy_that_gives_nothing_refuses_only_who_asked(self, settings):
        def policy(*asked):
            return ()

        assert self.granted(settings, None, (READ,), policy=policy) == frozenset()
        with pytest.raises(InvalidScope):
            self.granted(settings, [READ], (READ,), policy=policy)


class TestIssueForSession:
    def test_the_refresh_token_names_session_and_generation(self, session):
        token = issue(session).refresh_token
        claims = refresh_tokens(load()).decode(token, now=after(days=1).timestamp())
        assert (claims.subject, claims.session_id, claims.generation) == ("7", str(session.pk), 3)
        assert claims.issuer == "django-tokenauth"
        assert (claims.issued_at, claims.expires_at) == (
            after(days=1).timestamp(),
            after(days=15).timestamp(),
        )
        assert claims.sign_in is None

    def test_the_refresh_token_depends_on_the_state_alone(self, session):
        token = issue(session).refresh_token
        again = issue(session, now=after(days=1, seconds=9), scope=frozenset())
        assert again.refresh_token == token
        assert issue(session, generation=4).refresh_token != token

    @pytest.mark.attack(178)
    def test_the_access_token_says_all_of_it(self, session):
        pair = issue(session, now=after(days=1, milliseconds=999))
        claims = access(pair)
        assert (claims.issuer, claims.audience) == ("django-tokenauth", ("django-tokenauth",))
        assert (claims.subject, claims.session_id) == ("7", str(session.pk))
        assert (claims.client_id, claims.amr) == ("a phone", ("pwd", "otp"))
        assert claims.auth_time == NOW.timestamp()
        assert claims.scope == pair.scope == {READ}
        assert (claims.issued_at, claims.expires_at) == (
            after(days=1).timestamp(),
            after(days=1, minutes=5).timestamp(),
        )
        assert pair.expires_in == 300
        assert (pair.user, pair.session) == (session.user, session)

    @pytest.mark.standard("rfc9068-2.2-5")
    def test_no_two_access_tokens_have_one_id(self, session):
        assert len({access(issue(session)).jwt_id for _ in range(10)}) == 10

    def test_no_access_token_outlives_the_refresh_token(self, session):
        pair = issue(session, idle_expires_at=after(days=1, seconds=61, milliseconds=500))
        assert access(pair).expires_at == after(days=1, seconds=61).timestamp()
        assert pair.expires_in == 61

    @pytest.mark.standard("rfc9068-3-2")
    def test_the_settings_name_issuer_audience_and_lifetime(self, session, settings):
        settings.TOKENAUTH = {
            "ISSUER": "https://auth.example.com",
            "AUDIENCE": "https://api.example.com",
            "ACCESS_TOKEN_LIFETIME": timedelta(seconds=90.7),
            "USER_ID_FIELD": "username",
        }
        pair = issue(session)
        claims = access(pair)
        assert claims.issuer == "https://auth.example.com"
        assert claims.audience == ("https://api.example.com",)
        assert claims.subject == "alice"
        assert pair.expires_in == 90


class TestIssueStateless:
    START = SignIn(
        auth_time=int(NOW.timestamp()),
        client_id="a phone",
        scope=frozenset({READ, WRITE}),
        amr=("pwd",),
    )

    def issue(self, now=NOW, request=None, **changes):
        issuer = TokenIssuer(settings=load(), request=request, now=now)
        arguments = {
            "session_id": "6b8f8a1c-6c80-4f5e-9a5e-0123456789ab",
            "generation": 5,
            "sign_in": self.START,
            "scope": frozenset({READ}),
        }
        return issuer.issue_stateless(get_user_model()(pk=7), **{**arguments, **changes})

    def test_the_refresh_token_carries_the_sign_in(self):
        pair = self.issue()
        claims = refresh_tokens(load()).decode(pair.refresh_token, now=NOW.timestamp())
        assert claims.sign_in == self.START
        assert claims.generation == 5
        assert claims.session_id == "6b8f8a1c-6c80-4f5e-9a5e-0123456789ab"
        assert claims.expires_at == after(days=14).timestamp()
        assert pair.session is None

    def test_the_access_token_is_of_no_session(self):
        claims = access(self.issue(), NOW)
        assert claims.session_id is None
        assert claims.scope == {READ}
        assert (claims.client_id, claims.amr) == ("a phone", ("pwd",))

    def test_the_absolute_end_is_counted_from_the_sign_in(self):
        pair = self.issue(now=after(days=80))
        claims = refresh_tokens(load()).decode(pair.refresh_token, now=after(days=80).timestamp())
        assert claims.expires_at == after(days=90).timestamp()


class TestExtraClaims:
    def issue(self, settings, session, extra, **arguments):
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda user, session, request: extra}
        return issue(session, **arguments)

    @pytest.mark.standard("rfc9068-2.2.3.1-1")
    def test_they_stand_beside_ours(self, settings, session):
        extra = {"tenant": "acme", "plan": {"seats": [1, 2]}}
        claims = access(self.issue(settings, session, extra))
        assert claims.extra["tenant"] == "acme"
        assert claims.extra["plan"]["seats"] == (1, 2)

    def test_they_are_told_who_and_where(self, settings, session):
        asked = []
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda *arguments: asked.append(arguments) or {}}
        issue(session, request="request")
        assert asked == [(session.user, session, "request")]

    def test_they_are_told_who_and_where_without_a_session_too(self, settings):
        asked = []
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda *arguments: asked.append(arguments) or {}}
        pair = TestIssueStateless().issue(request="request")
        assert asked == [(get_user_model()(pk=7), None, "request")]
        assert pair.user == get_user_model()(pk=7)

    @pytest.mark.parametrize("name", sorted(REGISTERED))
    def test_none_of_ours_can_be_set(self, settings, session, name):
        with pytest.raises(ImproperlyConfigured, match=f"reserved claims {name}"):
            self.issue(settings, session, {name: "x"})

    def test_all_that_cannot_be_set_are_named(self, settings, session):
        with pytest.raises(ImproperlyConfigured, match="must not set the reserved claims exp, iss"):
            self.issue(settings, session, {"iss": "x", "tenant": "x", "exp": "x"})

    @pytest.mark.parametrize(
        "extra", [None, [], "tenant", {1: "x"}, MappingProxyType({})], ids=repr
    )
    def test_what_is_no_dict_of_names_is_refused(self, settings, session, extra):
        with pytest.raises(ImproperlyConfigured, match="EXTRA_CLAIMS must return a dict"):
            self.issue(settings, session, extra)

    @pytest.mark.parametrize(
        "value",
        [object(), NOW, b"x", {1}, float("nan"), float("inf")],
        ids=lambda value: str(type(value)),
    )
    def test_what_json_cannot_say_is_refused_and_not_shown(self, settings, session, value):
        with pytest.raises(ImproperlyConfigured, match="values that JSON can represent") as error:
            self.issue(settings, session, {"secret": value})
        assert error.value.__cause__ is None
        assert "secret" not in str(error.value)

    def test_what_contains_itself_is_refused(self, settings, session):
        extra = {}
        extra["again"] = extra
        with pytest.raises(ImproperlyConfigured, match="values that JSON can represent"):
            self.issue(settings, session, extra)

    @pytest.mark.standard("rfc6749-5.1-5")
    def test_as_much_as_a_header_takes_can_be_sent_and_read(self, settings, session):
        # The default kid makes the rest of the token as long as no payload in base64url can be.
        key = {"kty": "oct", "alg": "HS256", "kid": "kk", "k": base64url(b"k" * 32)}
        settings.TOKENAUTH = {"SIGNING_KEY": key, "EXTRA_CLAIMS": lambda *arguments: extra}
        extra = {"roles": ""}
        header, payload, signature = issue(session).access_token.split(".")
        room = (MAX_LENGTH - len(f"{header}..{signature}")) * 3 // 4
        extra = {"roles": "x" * (room - len(unbase64url(payload)))}
        pair = issue(session)
        assert len(pair.access_token) == MAX_LENGTH
        assert access(pair).extra == extra

    @pytest.mark.standard("rfc6749-5.1-5")
    def test_more_than_a_header_takes_is_refused(self, settings, session):
        with pytest.raises(ImproperlyConfigured, match="longer than 8192 bytes"):
            self.issue(settings, session, {"roles": "x" * 8192})
