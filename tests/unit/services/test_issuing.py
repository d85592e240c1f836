"""Issued tokens: lifetimes, scope and extra claims."""

from __future__ import annotations

import uuid
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
from django_tokenauth.tokens.claims import REGISTERED, RefreshClaims, SignIn
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
        refresh_token_expires_in=1_209_600,
        scope=frozenset(),
        audience="https://api.example.com",
        user=None,
        session=None,
    )

    @pytest.mark.standard("rfc6749-5.1-3", "rfc9068-6-1")
    def test_token_pair_response_has_the_members_of_rfc_6749(self):
        assert self.PAIR.to_response() == {
            "access_token": "an access token",
            "refresh_token": "a refresh token",
            "token_type": "Bearer",
            "expires_in": 300,
            "refresh_token_expires_in": 1_209_600,
        }

    def test_token_pair_response_sorts_the_scope(self, session):
        assert issue(session, scope=frozenset({WRITE, READ})).to_response()["scope"] == (
            "notes:read notes:write"
        )

    @pytest.mark.attack(173)
    def test_token_pair_repr_contains_no_token(self):
        assert "a refresh token" not in repr(self.PAIR)
        assert "an access token" not in repr(self.PAIR)


class TestGrantedScope:
    def granted(self, settings, requested, limit, scopes=(READ, WRITE), policy=None):
        settings.TOKENAUTH = {"SCOPES": scopes, "SCOPE_POLICY": policy}
        return granted_scope(load(), "alice", requested, limit, "request")

    @pytest.mark.standard("rfc9068-2.2.3-2")
    @pytest.mark.parametrize(
        ("requested", "limit", "granted"),
        [
            (None, (READ, WRITE), {READ, WRITE}),
            (None, (READ,), {READ}),
            (None, (), set()),
            ([READ], (READ, WRITE), {READ}),
            ([READ, WRITE], (READ, WRITE), {READ, WRITE}),
            ([READ, READ], (READ, WRITE), {READ}),
            ((), (READ, WRITE), set()),
            (None, (READ, "removed"), {READ}),
        ],
    )
    def test_granted_scope_is_the_requested_or_the_full_scope(
        self, settings, requested, limit, granted
    ):
        assert self.granted(settings, requested, limit) == granted

    @pytest.mark.parametrize(
        ("requested", "limit"),
        [([WRITE], (READ,)), ([READ, WRITE], (READ,)), (["notes"], (READ,)), ([READ], ())],
    )
    def test_requested_scope_outside_the_limit_is_rejected(self, settings, requested, limit):
        with pytest.raises(InvalidScope):
            self.granted(settings, requested, limit)

    @pytest.mark.standard("rfc9068-2.2.3-2")
    def test_requested_scope_removed_from_settings_is_rejected(self, settings):
        with pytest.raises(InvalidScope):
            self.granted(settings, ["removed"], (READ, "removed"))

    @pytest.mark.parametrize("result", [[READ], (READ,), {READ}, iter([READ]), [READ, "more"]])
    def test_scope_policy_can_only_remove_scopes(self, settings, result):
        granted = self.granted(settings, None, (READ, WRITE), policy=lambda *arguments: result)
        assert granted == {READ}

    def test_scope_policy_receives_user_scopes_and_request(self, settings):
        calls = []

        def policy(*arguments):
            calls.append(arguments)
            return [READ]

        self.granted(settings, [READ], (READ, WRITE), policy=policy)
        assert calls == [("alice", frozenset({READ}), "request")]

    def test_scope_policy_granting_nothing_rejects_requested_scope(self, settings):
        def policy(*arguments):
            return ()

        assert self.granted(settings, None, (READ,), policy=policy) == frozenset()
        with pytest.raises(InvalidScope):
            self.granted(settings, [READ], (READ,), policy=policy)


class TestIssueForSession:
    def test_refresh_token_contains_session_and_generation(self, session):
        token = issue(session).refresh_token
        claims = refresh_tokens(load()).decode(token, now=after(days=1).timestamp())
        assert (claims.subject, claims.session_id, claims.generation) == ("7", str(session.pk), 3)
        assert claims.issuer == "django-tokenauth"
        assert (claims.issued_at, claims.expires_at) == (
            after(days=1).timestamp(),
            after(days=15).timestamp(),
        )
        assert claims.sign_in is None

    def test_refresh_tokens_of_equal_session_state_are_equal(self, session):
        token = issue(session).refresh_token
        again = issue(session, now=after(days=1, seconds=9), scope=frozenset())
        assert again.refresh_token == token
        assert issue(session, generation=4).refresh_token != token

    @pytest.mark.attack(178)
    def test_access_token_contains_all_session_claims(self, session):
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
    def test_access_tokens_have_different_ids(self, session):
        assert len({access(issue(session)).jwt_id for _ in range(10)}) == 10

    def test_access_token_never_outlives_the_refresh_token(self, session):
        pair = issue(session, idle_expires_at=after(days=1, seconds=61, milliseconds=500))
        assert access(pair).expires_at == after(days=1, seconds=61).timestamp()
        assert pair.expires_in == 61

    @pytest.mark.standard("rfc9068-3-2", "rfc9700-2.3-2", "rfc9700-4.10-1")
    def test_access_token_has_issuer_audience_lifetime_of_settings(self, session, settings):
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

    def test_stateless_refresh_token_contains_the_sign_in(self):
        pair = self.issue()
        claims = refresh_tokens(load()).decode(pair.refresh_token, now=NOW.timestamp())
        assert claims.sign_in == self.START
        assert claims.generation == 5
        assert claims.session_id == "6b8f8a1c-6c80-4f5e-9a5e-0123456789ab"
        assert claims.expires_at == after(days=14).timestamp()
        assert pair.session is None

    def test_stateless_access_token_has_no_session_id(self):
        claims = access(self.issue(), NOW)
        assert claims.session_id is None
        assert claims.scope == {READ}
        assert (claims.client_id, claims.amr) == ("a phone", ("pwd",))

    def test_stateless_absolute_expiry_counts_from_the_sign_in(self):
        pair = self.issue(now=after(days=80))
        claims = refresh_tokens(load()).decode(pair.refresh_token, now=after(days=80).timestamp())
        assert claims.expires_at == after(days=90).timestamp()


def nested(depth):
    """Return lists in each other. With the payload, the depth of the token is one more."""
    return [nested(depth - 1)] if depth > 1 else []


class TestExtraClaims:
    def issue(self, settings, session, extra, **arguments):
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda user, session, request: extra}
        return issue(session, **arguments)

    @pytest.mark.standard("rfc9068-2.2.3.1-1")
    def test_extra_claims_are_added_to_the_access_token(self, settings, session):
        extra = {"tenant": "acme", "plan": {"seats": [1, 2]}}
        claims = access(self.issue(settings, session, extra))
        assert claims.extra["tenant"] == "acme"
        assert claims.extra["plan"]["seats"] == (1, 2)

    def test_extra_claims_hook_receives_user_session_and_request(self, settings, session):
        calls = []
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda *arguments: calls.append(arguments) or {}}
        issue(session, request="request")
        assert calls == [(session.user, session, "request")]

    def test_stateless_extra_claims_hook_receives_no_session(self, settings):
        calls = []
        settings.TOKENAUTH = {"EXTRA_CLAIMS": lambda *arguments: calls.append(arguments) or {}}
        pair = TestIssueStateless().issue(request="request")
        assert calls == [(get_user_model()(pk=7), None, "request")]
        assert pair.user == get_user_model()(pk=7)

    @pytest.mark.parametrize("name", sorted(REGISTERED))
    def test_extra_claims_cannot_set_a_registered_claim(self, settings, session, name):
        with pytest.raises(ImproperlyConfigured, match=f"reserved claims {name}"):
            self.issue(settings, session, {name: "x"})

    def test_extra_claims_error_names_every_returned_reserved_claim(self, settings, session):
        with pytest.raises(ImproperlyConfigured, match="must not set the reserved claims exp, iss"):
            self.issue(settings, session, {"iss": "x", "tenant": "x", "exp": "x"})

    @pytest.mark.parametrize(
        "extra", [None, [], "tenant", {1: "x"}, MappingProxyType({})], ids=repr
    )
    def test_non_dict_extra_claims_are_rejected(self, settings, session, extra):
        with pytest.raises(ImproperlyConfigured, match="EXTRA_CLAIMS must return a dict"):
            self.issue(settings, session, extra)

    @pytest.mark.parametrize(
        "value",
        [object(), b"x", {1}, [{"a": {1}}], float("nan"), float("inf"), {(1, 2): 3}],
        ids=lambda value: str(type(value)),
    )
    def test_extra_claims_outside_json_are_rejected_and_not_shown(self, settings, session, value):
        with pytest.raises(ImproperlyConfigured, match="values that JSON can represent") as error:
            self.issue(settings, session, {"fine": 1, "tenant": value})
        assert error.value.__cause__ is error.value.__context__ is None
        assert "The claim 'tenant'" in str(error.value)
        assert str(value) not in str(error.value).replace("tenant", "")

    @pytest.mark.parametrize(
        "value",
        [
            nested(16),
            {"a": nested(15)},
            {1: "a", "1": "b"},
            {"a": [{True: "secret", "true": "b"}]},
            {None: 1, "null": 2},
            "secret \ud800",
            {"\udfff": 1},
        ],
        ids=["nested", "nested in a dict", "1", "true", "null", "surrogate", "name"],
    )
    def test_extra_claims_that_the_decoder_rejects_are_not_signed(self, settings, session, value):
        with pytest.raises(ImproperlyConfigured, match="returned a claim 'tenant' that") as error:
            self.issue(settings, session, {"fine": 1, "tenant": value})
        assert error.value.__cause__ is error.value.__context__ is None
        assert "secret" not in str(error.value)

    def test_extra_claim_with_too_many_digits_is_not_signed(self, settings, session):
        with pytest.raises(ImproperlyConfigured, match="has an invalid value of type int"):
            self.issue(settings, session, {"tenant": 10**5000})

    @pytest.mark.parametrize(
        "value", [nested(15), {1: "a", "2": "b"}, "\U0001f600", 10**100, 1e308, [], {}, None]
    )
    def test_extra_claims_that_the_decoder_accepts_are_signed(self, settings, session, value):
        pair = self.issue(settings, session, {"tenant": value})
        assert access(pair).extra.keys() == {"tenant"}

    def test_error_escapes_claim_name_that_the_decoder_rejects(self, settings, session):
        with pytest.raises(ImproperlyConfigured, match=r"claim '\\ud800' that"):
            self.issue(settings, session, {"\ud800": 1})

    def test_self_referencing_extra_claims_are_rejected(self, settings, session):
        extra = {}
        extra["again"] = extra
        with pytest.raises(ImproperlyConfigured, match="values that JSON can represent"):
            self.issue(settings, session, extra)

    @pytest.mark.standard("rfc6749-5.1-5")
    def test_extra_claims_up_to_the_token_length_limit_are_accepted(self, settings, session):
        # With the default kid, no base64url payload fills the token to exactly MAX_LENGTH.
        key = {"kty": "oct", "alg": "HS256", "kid": "kk", "k": base64url(b"k" * 32)}
        settings.TOKENAUTH = {"SIGNING_KEY": key, "EXTRA_CLAIMS": lambda *arguments: extra}
        extra = {"roles": ""}
        header, payload, signature = issue(session).access_token.split(".")
        available = (MAX_LENGTH - len(f"{header}..{signature}")) * 3 // 4
        extra = {"roles": "x" * (available - len(unbase64url(payload)))}
        pair = issue(session)
        assert len(pair.access_token) == MAX_LENGTH
        assert access(pair).extra == extra

    @pytest.mark.standard("rfc6749-5.1-5")
    def test_extra_claims_above_the_token_length_limit_are_rejected(self, settings, session):
        with pytest.raises(ImproperlyConfigured, match="longer than 8192 bytes") as error:
            self.issue(settings, session, {"tenant": "x", "roles": "x" * 8192})
        assert "The largest claim is 'roles'." in str(error.value)


class TestUnreadableClaims:
    """Claims that no hook returns, but the user, the client or the session."""

    @pytest.mark.parametrize("name", ["x" * 256, "tab\t", "\ud800", ""])
    def test_subject_that_the_decoder_rejects_is_not_signed(self, settings, session, name):
        settings.TOKENAUTH = {"USER_ID_FIELD": "username"}
        session.user.username = name
        with pytest.raises(ImproperlyConfigured, match="The claim 'sub' would be rejected"):
            issue(session)

    def test_refresh_token_above_the_length_limit_is_not_signed(self, settings):
        claims = RefreshClaims(
            issuer="django-tokenauth",
            subject="1",
            session_id=str(uuid.uuid4()),
            generation=1,
            issued_at=1,
            expires_at=2,
            sign_in=SignIn(
                auth_time=1,
                client_id="phone",
                scope=frozenset(f"notes:{number}" for number in range(1000)),
                amr=(),
            ),
        )
        with pytest.raises(ImproperlyConfigured, match=r"than 8192 .* claim is 'scope'"):
            refresh_tokens(load()).encode(claims)

    def test_generation_that_the_decoder_rejects_is_not_signed(self, session):
        with pytest.raises(ImproperlyConfigured, match="The claim 'gen' would be rejected"):
            issue(session, generation=2**63)
