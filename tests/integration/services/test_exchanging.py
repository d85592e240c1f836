"""Narrower access tokens: in process, and by token exchange (RFC 8693)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import RequestFactory

from django_tokenauth import services
from django_tokenauth.api_tokens import services as api_token_services
from django_tokenauth.conf.settings import UnusableSettings
from django_tokenauth.errors import (
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    TokenErrorCode,
    UnauthorizedClient,
    UnsupportedTokenType,
)
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services.clients import encode_secret
from tests.support.clock import NOW, after
from tests.support.confidential_clients import clients_setting
from tests.support.service_accounts import account, public_jwk

API, NOTES, REPORTS = (f"https://{name}.example.com" for name in ("api", "notes", "reports"))
READ, WRITE, REPORT = "notes:read", "notes:write", "reports:create"
BASE = {
    "AUDIENCE": API,
    "SCOPES": [READ, WRITE, REPORT, "files"],
    "AUDIENCES": {NOTES: [READ, WRITE], REPORTS: [REPORT, READ]},
}
WITH_SECRET = {"secrets": [encode_secret("correct battery")]}
CLIENTS = {
    "reports": {**WITH_SECRET, "exchange": {REPORTS: [NOTES]}},
    "notes": {**WITH_SECRET, "exchange": {NOTES: [API, REPORTS]}},
    "statistics": account(scopes=[READ]),
    **{name: value for name, value in clients_setting().items() if name == "billing"},
}


@pytest.fixture(autouse=True)
def configure(settings):
    def configure(**changes):
        settings.TOKENAUTH = {**BASE, "CLIENTS": CLIENTS, **changes}

    configure()
    return configure


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, now=NOW, audiences=[REPORTS, NOTES, API])


def decode(issued, audience=API, now=NOW):
    return services.authenticate_access_token(issued.access_token, audience=audience, now=now)


def exchange(token, client_id="reports", **arguments):
    return services.exchange_token(token, client_id=client_id, **{"now": NOW, **arguments})


def code_of(function):
    with pytest.raises(InvalidToken) as caught:
        function()
    return caught.value.code


class TestExchange:
    def test_token_is_for_the_other_service_with_fewer_scopes(self, pair, alice):
        issued = exchange(pair.access_token)
        parent, claims = decode(pair, REPORTS), decode(issued, NOTES)
        assert parent.scope == {REPORT, READ}
        assert claims.scope == issued.scope == {READ}
        assert claims.audience == (issued.audience,) == (NOTES,)
        assert (claims.subject, claims.session_id) == (str(alice.pk), str(pair.session.pk))
        assert (claims.client_id, claims.acting_clients) == ("reports", ("reports",))
        assert claims.auth_time == parent.auth_time
        assert claims.jwt_id != parent.jwt_id
        assert services.get_user(claims) == alice

    @pytest.mark.standard("rfc8693-4.1-1")
    def test_act_claim_names_the_client(self, pair):
        payload = decode(exchange(pair.access_token), NOTES).to_payload()
        assert payload["act"] == {"sub": "reports", "client_id": "reports"}

    @pytest.mark.standard("rfc8693-4.1-2")
    def test_act_claim_is_nested_if_services_call_services(self, pair, alice):
        first = exchange(pair.access_token)
        second = exchange(first.access_token, "notes", audience=REPORTS)
        claims = decode(second, REPORTS)
        assert claims.acting_clients == ("notes", "reports")
        assert claims.to_payload()["act"] == {
            "sub": "notes",
            "client_id": "notes",
            "act": {"sub": "reports", "client_id": "reports"},
        }
        assert claims.scope == {READ}
        assert services.get_user(claims) == alice

    def test_exchange_takes_one_statement(self, pair, django_assert_num_queries):
        with django_assert_num_queries(1):
            exchange(pair.access_token)

    def test_scope_narrows_the_token(self, pair):
        assert exchange(pair.access_token, scope=[READ]).scope == {READ}

    @pytest.mark.attack(228)
    @pytest.mark.parametrize("scope", [[WRITE], [READ, WRITE], [REPORT], ["files"], ["unknown"]])
    def test_scope_is_never_widened(self, pair, scope):
        with pytest.raises(InvalidScope):
            exchange(pair.access_token, scope=scope)

    def test_scope_policy_applies(self, pair, configure):
        configure(SCOPE_POLICY=lambda user, scopes, request: scopes - {READ})
        assert exchange(pair.access_token).scope == set()

    def test_extra_claims_are_those_of_the_audience(self, pair, configure):
        def extra(user, session, request, *, audience):
            return {"for": audience, "session": str(session.pk)}

        configure(EXTRA_CLAIMS=extra)
        claims = decode(exchange(pair.access_token), NOTES)
        assert claims.extra == {"for": NOTES, "session": str(pair.session.pk)}

    @pytest.mark.standard("rfc8693-2.2.2-2")
    @pytest.mark.attack(229)
    @pytest.mark.parametrize(
        ("client_id", "audience"),
        [
            ("reports", API),
            ("reports", REPORTS),
            ("reports", "https://unknown.example.com"),
        ],
    )
    def test_audience_must_be_permitted_for_the_client(self, pair, client_id, audience):
        with pytest.raises(InvalidTarget):
            exchange(pair.access_token, client_id, audience=audience)

    @pytest.mark.attack(229)
    @pytest.mark.parametrize("audience", [NOTES, REPORTS, None])
    def test_token_for_another_service_is_rejected(self, pair, audience):
        """The client *notes* may exchange only tokens for its own audience."""
        with pytest.raises(InvalidRequest) as caught:
            exchange(pair.access_token, "notes", audience=audience)
        assert caught.value.description == "The subject token is for another service."

    def test_audience_is_required_if_several_are_permitted(self, alice):
        token = services.sign_in(alice, now=NOW, audiences=[NOTES, API, REPORTS]).access_token
        with pytest.raises(InvalidTarget):
            exchange(token, "notes")
        assert exchange(token, "notes", audience=API).audience == API

    @pytest.mark.standard("rfc8693-2.2.2-2")
    @pytest.mark.attack(229)
    def test_audience_must_be_one_of_the_session(self, alice):
        token = services.sign_in(alice, now=NOW, audiences=[REPORTS]).access_token
        with pytest.raises(InvalidTarget):
            exchange(token)

    @pytest.mark.parametrize("client_id", ["billing", "statistics", "unknown", ""])
    def test_exchange_is_denied_by_default(self, pair, client_id):
        with pytest.raises(UnauthorizedClient):
            exchange(pair.access_token, client_id)

    @pytest.mark.attack(230)
    def test_token_never_outlives_its_parent(self, pair):
        late = after(minutes=4, seconds=30)
        issued = exchange(pair.access_token, now=late)
        assert issued.expires_in == 30
        assert decode(issued, NOTES, late).expires_at == decode(pair, REPORTS).expires_at

    @pytest.mark.attack(230)
    def test_expired_parent_is_rejected(self, pair):
        for seconds in (300, 301):
            with pytest.raises(InvalidRequest):
                exchange(pair.access_token, now=after(seconds=seconds))

    @pytest.mark.standard("rfc8693-2.1-3")
    @pytest.mark.attack(231)
    @pytest.mark.parametrize("end", ["revoked", "deleted", "inactive", "updated", "password"])
    def test_parent_that_was_ended_is_rejected(self, pair, alice, end):
        child = decode(exchange(pair.access_token), NOTES)
        if end == "revoked":
            services.revoke_sessions(Session.objects.all(), RevokedReason.ADMIN)
        elif end == "deleted":
            Session.objects.all().delete()
        elif end == "updated":
            # update() sends no signal, so the session is not revoked.
            get_user_model().objects.update(is_active=False)
        elif end == "inactive":
            alice.is_active = False
            alice.save()
        else:
            alice.set_password("another")
            alice.save()
        with pytest.raises(InvalidRequest):
            exchange(pair.access_token)
        # The child ends with the session of its parent.
        assert code_of(lambda: services.get_user(child)) in ("revoked", "user")

    @pytest.mark.standard("rfc8693-2.1-3")
    @pytest.mark.attack(232)
    def test_token_of_another_kind_is_rejected(self, pair, bob):
        service = services.issue_client_token("statistics", now=NOW).access_token
        others = [pair.refresh_token, service, f"{pair.access_token}x", "", "a.b.c"]
        others.append(api_token_services.create(bob, name="a", scope=[READ]).token)
        for token in others:
            with pytest.raises(InvalidRequest):
                exchange(token)

    def test_long_chain_of_clients_is_rejected(self, pair, configure):
        clients = {
            "a": {**WITH_SECRET, "exchange": {REPORTS: [NOTES]}},
            "b": {**WITH_SECRET, "exchange": {NOTES: [REPORTS]}},
        }
        configure(CLIENTS=clients)
        token = pair.access_token
        for number in range(8):
            token = exchange(token, "ab"[number % 2]).access_token
        with pytest.raises(InvalidRequest):
            exchange(token, "a")

    def test_token_without_session_is_not_exchanged(self, alice, configure):
        """The audiences of the sign-in would be unknown."""
        configure(STATELESS_REFRESH=True)
        pair = services.sign_in(alice, now=NOW, audiences=[REPORTS, NOTES])
        with pytest.raises(InvalidRequest):
            exchange(pair.access_token)

    @pytest.mark.attack(230)
    def test_parent_within_the_leeway_is_rejected(self, pair, configure):
        configure(LEEWAY=timedelta(seconds=10))
        late = after(seconds=302)
        services.authenticate_access_token(pair.access_token, audience=REPORTS, now=late)
        with pytest.raises(InvalidRequest):
            exchange(pair.access_token, now=late)

    def test_long_parent_is_rejected(self, alice, configure):
        configure(EXTRA_CLAIMS=lambda user, session, request: {"a": "x" * 5200})
        token = services.sign_in(alice, now=NOW, audiences=[REPORTS, NOTES]).access_token
        assert 7168 < len(token) < 8192
        with pytest.raises(InvalidRequest):
            exchange(token)

    @pytest.mark.standard("rfc8693-4.1-3")
    @pytest.mark.attack(231)
    @pytest.mark.parametrize(
        "entry", [None, {"exchange": {REPORTS: [NOTES]}}, {"secrets": [], "exchange": {}}], ids=str
    )
    def test_token_ends_with_the_rights_of_its_client(self, pair, configure, entry):
        first = exchange(pair.access_token)
        claims = decode(exchange(first.access_token, "notes", audience=REPORTS), REPORTS)
        configure(CLIENTS={**CLIENTS, "reports": entry})
        assert code_of(lambda: services.get_user(claims)) == TokenErrorCode.REVOKED
        with pytest.raises(UnauthorizedClient):
            exchange(pair.access_token)

    def test_impersonated_session_keeps_its_actor(self, alice, bob, configure):
        staff, bob.is_staff = bob, True
        bob.save()
        configure(IMPERSONATION=lambda staff, user, request: True)
        pair = services.impersonate(staff, alice, now=NOW)
        configure(
            IMPERSONATION=lambda staff, user, request: True,
            CLIENTS={"api": {**WITH_SECRET, "exchange": {API: [API]}}},
        )
        claims = decode(exchange(pair.access_token, "api"))
        assert (claims.actor, claims.acting_clients) == (str(staff.pk), ("api",))
        assert claims.to_payload()["act"] == {
            "sub": "api",
            "client_id": "api",
            "act": {"sub": str(staff.pk)},
        }
        assert services.get_user(claims) == alice


class TestRights:
    @pytest.fixture
    def issued(self, pair):
        return exchange(pair.access_token)

    @pytest.mark.attack(233)
    def test_exchanged_token_never_has_full_rights(self, issued):
        claims = decode(issued, NOTES)
        assert code_of(lambda: services.full_scope(claims)) == TokenErrorCode.USER

    @pytest.mark.attack(233)
    def test_exchanged_token_keeps_no_session_at_a_password_change(self, issued, pair, alice):
        request = RequestFactory().post("/")
        request.user, request.auth = alice, decode(issued, NOTES)
        alice.set_password("another")
        alice.save()
        services.update_session_auth_hash(request, alice)
        pair.session.refresh_from_db()
        assert pair.session.revoked_at is not None

    @pytest.mark.attack(233)
    def test_exchanged_token_cannot_revoke_its_session(self, issued, pair):
        with pytest.raises(UnsupportedTokenType):
            services.revoke_token(issued.access_token, client_id="reports", now=NOW)
        pair.session.refresh_from_db()
        assert pair.session.revoked_at is None

    def test_introspection_shows_the_chain(self, issued):
        members = services.introspect(issued.access_token, audience=NOTES, now=NOW)
        assert members["act"] == {"sub": "reports", "client_id": "reports"}


class TestNarrow:
    @pytest.fixture
    def claims(self, alice):
        return decode(services.sign_in(alice, now=NOW))

    def test_token_for_one_file_and_one_minute(self, claims, django_assert_num_queries):
        with django_assert_num_queries(0):
            issued = services.narrow(
                claims,
                scope=["files"],
                lifetime=timedelta(minutes=1),
                extra={"file": "42"},
                now=NOW,
            )
        child = decode(issued)
        assert (child.scope, child.extra) == ({"files"}, {"file": "42"})
        assert child.expires_at - child.issued_at == issued.expires_in == 60
        assert (child.subject, child.session_id) == (claims.subject, claims.session_id)
        assert (child.client_id, child.acting_clients) == (claims.client_id, ())
        assert services.get_user(child).pk == int(claims.subject)
        assert code_of(lambda: services.full_scope(child)) == TokenErrorCode.USER

    def test_audience_keeps_only_its_scopes(self, claims):
        assert decode(services.narrow(claims, audience=NOTES, now=NOW), NOTES).scope == {
            READ,
            WRITE,
        }

    @pytest.mark.attack(230)
    def test_token_never_outlives_its_parent(self, claims):
        issued = services.narrow(
            claims, scope=[READ], lifetime=timedelta(days=1), now=after(minutes=4)
        )
        assert issued.expires_in == 60
        code = code_of(lambda: services.narrow(claims, scope=[READ], now=after(minutes=5)))
        assert code == TokenErrorCode.EXPIRED

    @pytest.mark.attack(228)
    def test_token_is_never_widened(self, claims):
        child = decode(services.narrow(claims, scope=[READ], now=NOW))
        for scope in ([WRITE], [READ, WRITE]):
            with pytest.raises(InvalidScope):
                services.narrow(child, scope=scope, now=NOW)
        with pytest.raises(InvalidScope):
            services.narrow(claims, scope=["files"], audience=NOTES, now=NOW)
        with pytest.raises(InvalidTarget):
            services.narrow(claims, audience="https://unknown.example.com", now=NOW)

    def test_narrow_needs_a_timedelta_as_lifetime(self, pair):
        claims = decode(pair, REPORTS)
        with pytest.raises(TypeError, match="lifetime must be a timedelta, not int"):
            services.narrow(claims, audience=REPORTS, lifetime=60, now=NOW)

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({}, "needs a scope or an audience"),
            ({"extra": {"file": 1}}, "needs a scope or an audience"),
            ({"scope": []}, "must contain a name"),
            ({"scope": [READ], "lifetime": timedelta(seconds=0.5)}, "at least one second"),
            ({"scope": [READ], "lifetime": timedelta(-1)}, "at least one second"),
            ({"scope": [READ], "lifetime": timedelta(0)}, "at least one second"),
            ({"scope": [READ], "extra": {"file": {1, 2j}}}, "extra has values that JSON"),
            ({"scope": [READ], "extra": {"file": "x" * 9000}}, "makes the token too long"),
            ({"scope": [READ], "extra": {"sub": "2", "exp": 1}}, "reserved claims exp, sub"),
        ],
        ids=str,
    )
    def test_invalid_argument_is_an_error(self, claims, arguments, text):
        with pytest.raises(ValueError, match=text):
            services.narrow(claims, **arguments, now=NOW)

    @pytest.mark.attack(228)
    def test_restriction_of_a_narrowed_token_stays(self, claims, configure):
        child = decode(services.narrow(claims, audience=NOTES, extra={"file": "a"}, now=NOW), NOTES)
        again = decode(services.narrow(child, scope=[READ], extra={"page": 1}, now=NOW), NOTES)
        assert again.extra == {"file": "a", "page": 1}
        with pytest.raises(ValueError, match="must not change the claims"):
            services.narrow(child, scope=[READ], extra={"file": "b"}, now=NOW)
        with pytest.raises(InvalidTarget):
            services.narrow(child, audience=API, now=NOW)
        token = services.narrow(claims, audience=NOTES, extra={"file": "a"}, now=NOW).access_token
        with pytest.raises(InvalidRequest):
            exchange(token, "notes", audience=API)

    def test_extra_claims_of_the_sign_in_stay_with_their_audience(self, alice, configure):
        configure(EXTRA_CLAIMS=lambda user, session, request: {"mail": "alice@example.com"})
        claims = decode(services.sign_in(alice, now=NOW))
        assert decode(services.narrow(claims, scope=[READ], now=NOW)).extra == claims.extra
        issued = services.narrow(claims, audience=NOTES, extra={"a": 1}, now=NOW)
        assert decode(issued, NOTES).extra == {"a": 1}

    def test_narrow_without_a_key_that_signs_names_the_settings(self, claims, configure):
        configure(ALGORITHM="EdDSA", VERIFYING_KEYS=[public_jwk("EdDSA")])
        with pytest.raises(UnusableSettings, match="no key that signs now"):
            services.narrow(claims, scope=[READ], now=NOW)

    def test_api_token_is_not_narrowed(self, bob):
        token = api_token_services.create(bob, name="a", scope=[READ]).token
        claims = services.authenticate_token(token)
        code = code_of(lambda: services.narrow(claims, scope=[READ]))
        assert code == TokenErrorCode.API_TOKEN

    def test_service_account_stays_one(self):
        claims = decode(services.issue_client_token("statistics", now=NOW))
        child = decode(services.narrow(claims, scope=[READ], now=NOW))
        assert child.grant == "client_credentials"
        assert services.get_user(child).pk == "statistics"
