"""Audiences of sessions and access tokens (RFC 8707): granted at sign-in, never widened."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidScope, InvalidTarget, InvalidToken, TokenErrorCode
from django_tokenauth.models import RevokedReason, Session
from django_tokenauth.services import refresh
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after

API, NOTES, REPORTS = (f"https://{name}.example.com" for name in ("api", "notes", "reports"))
READ, WRITE, REPORT, ADMIN = "notes:read", "notes:write", "reports:read", "admin"
AUDIENCES = {NOTES: (READ, WRITE), REPORTS: (REPORT, READ)}
BASE = {"AUDIENCE": API, "SCOPES": (READ, WRITE, REPORT, ADMIN), "AUDIENCES": AUDIENCES}
BOTH = pytest.mark.parametrize("stateless", [False, True], ids=["session", "stateless"])


@pytest.fixture
def stateless():
    return False


@pytest.fixture(autouse=True)
def configure(settings, stateless):
    """Return a function that changes the settings."""

    def configure(**changes):
        settings.TOKENAUTH = {**BASE, "STATELESS_REFRESH": stateless, **changes}

    configure()
    return configure


def claims_of(pair, audience, now=NOW):
    return services.authenticate_access_token(pair.access_token, audience=audience, now=now)


def sign_in(user, **arguments):
    return services.sign_in(user, now=NOW, **arguments)


def statements_of(function):
    with CaptureQueriesContext(connection) as statements:
        function()
    return [statement["sql"].split()[0] for statement in statements]


@BOTH
class TestSignIn:
    def test_token_without_audience_is_for_the_own_audience(self, alice):
        pair = sign_in(alice)
        claims = services.authenticate_access_token(pair.access_token, now=NOW)
        assert claims.audience == (pair.audience,) == (API,)
        assert claims.scope == pair.scope == set(BASE["SCOPES"])

    @pytest.mark.standard(
        "rfc8707-2-3", "rfc9068-3-1", "rfc9700-2.3-2", "rfc9700-2.3-4", "rfc9700-4.10-1"
    )
    def test_token_for_audience_has_only_scopes_of_audience(self, alice):
        pair = sign_in(alice, audiences=[NOTES])
        claims = claims_of(pair, NOTES)
        assert claims.audience == (pair.audience,) == (NOTES,)
        assert claims.scope == pair.scope == {READ, WRITE}

    @pytest.mark.standard("rfc8707-2.2-2", "rfc9068-2.2.3-2")
    def test_scope_is_narrowed_to_user_request_and_audience(self, alice, configure):
        configure(SCOPE_POLICY=lambda user, scopes, request: scopes - {WRITE})
        assert sign_in(alice, audiences=[NOTES]).scope == {READ}
        assert sign_in(alice, scope=[READ, REPORT], audiences=[NOTES]).scope == {READ}
        for scope in ([REPORT], [WRITE]):
            with pytest.raises(InvalidScope):
                sign_in(alice, scope=scope, audiences=[NOTES])

    def test_first_audience_is_that_of_the_token(self, alice):
        pair = sign_in(alice, audiences=[REPORTS, NOTES])
        assert claims_of(pair, REPORTS).scope == {REPORT, READ}

    def test_entry_of_own_audience_narrows_the_own_tokens(self, alice, configure):
        configure(AUDIENCES={**AUDIENCES, API: [ADMIN]})
        pair = sign_in(alice)
        assert claims_of(pair, API).scope == pair.scope == {ADMIN}
        new = refresh(pair.refresh_token, audience=REPORTS, now=after(minutes=1))
        assert new.scope == {REPORT, READ}
        with pytest.raises(InvalidScope):
            sign_in(alice, scope=[REPORT])

    @pytest.mark.parametrize("audiences", [["https://a.example.com"], [NOTES, "notes"], [""]])
    def test_unknown_audience_is_rejected_and_stores_nothing(self, alice, audiences):
        with pytest.raises(InvalidTarget):
            sign_in(alice, audiences=audiences)
        with pytest.raises(InvalidTarget):
            services.check_audiences(audiences)
        assert not Session.objects.exists()

    @pytest.mark.parametrize("audiences", [NOTES, {NOTES, REPORTS}, iter([NOTES]), 7, [7]])
    def test_audiences_of_another_type_are_rejected(self, alice, audiences):
        with pytest.raises(TypeError, match="audiences must"):
            sign_in(alice, audiences=audiences)

    def test_empty_audiences_are_rejected(self, alice):
        with pytest.raises(ValueError, match="at least one audience"):
            sign_in(alice, audiences=[])


@BOTH
class TestExtraClaims:
    def test_hook_receives_the_audience_of_each_token(self, alice, configure):
        def hook(user, session, request, audience):
            return {"email": "alice@example.com"} if audience == API else {}

        configure(EXTRA_CLAIMS=hook)
        pair = sign_in(alice)
        assert claims_of(pair, API).extra == {"email": "alice@example.com"}
        new = refresh(pair.refresh_token, audience=NOTES, now=NOW)
        assert claims_of(new, NOTES).extra == {}
        configure(EXTRA_CLAIMS=hook, AUDIENCES=None)
        assert claims_of(sign_in(alice), API).extra == {"email": "alice@example.com"}


class TestStored:
    @pytest.mark.parametrize(
        ("audiences", "stored"),
        [
            (None, f"self {NOTES} {REPORTS}"),
            ([API], ""),
            ({NOTES}, NOTES),
            ([REPORTS, API, NOTES, REPORTS], f"{REPORTS} self {NOTES}"),
        ],
    )
    def test_session_stores_its_audiences(self, alice, audiences, stored):
        sign_in(alice, audiences=audiences)
        assert Session.objects.get().audiences == stored

    def test_session_without_setting_stores_no_audience(self, alice, configure):
        configure(AUDIENCES=None)
        sign_in(alice)
        sign_in(alice, audiences=[API])
        assert set(Session.objects.values_list("audiences", flat=True)) == {""}

    def test_session_scope_has_the_scopes_of_all_its_audiences(self, alice):
        sign_in(alice, audiences=[NOTES, REPORTS])
        session = Session.objects.get()
        assert session.scopes == {READ, WRITE, REPORT}
        assert not session.scope_limited

    def test_session_with_narrower_scope_is_limited(self, alice):
        sign_in(alice, audiences=[NOTES], scope=[READ])
        assert Session.objects.get().scope_limited

    def test_audiences_add_no_statement_to_a_sign_in(self, alice, configure):
        sign_in(alice)
        configure(AUDIENCES=None)
        without = statements_of(lambda: sign_in(alice))
        configure()
        assert statements_of(lambda: sign_in(alice, audiences=[NOTES])) == without


@BOTH
class TestRefresh:
    def test_refresh_keeps_the_audience_of_the_sign_in(self, alice):
        pair = refresh(sign_in(alice, audiences=[NOTES]).refresh_token, now=after(minutes=1))
        assert claims_of(pair, NOTES, after(minutes=1)).scope == {READ, WRITE}

    @pytest.mark.standard("rfc8707-2.2-1")
    def test_refresh_narrows_one_token_to_an_audience(self, alice):
        pair = sign_in(alice)
        narrow = refresh(pair.refresh_token, audience=REPORTS, now=after(minutes=1))
        assert claims_of(narrow, REPORTS, after(minutes=1)).scope == {REPORT, READ}
        wide = refresh(narrow.refresh_token, now=after(minutes=2))
        assert claims_of(wide, API, after(minutes=2)).scope == set(BASE["SCOPES"])

    def test_refresh_narrows_audience_and_scope(self, alice):
        pair = sign_in(alice)
        new = refresh(pair.refresh_token, audience=NOTES, scope=[READ, REPORT], now=NOW)
        assert new.scope == {READ}

    @pytest.mark.standard("rfc9700-4.14.2-1")
    @pytest.mark.attack(207)
    @pytest.mark.parametrize("audience", [REPORTS, API])
    def test_refresh_never_widens_the_audiences(self, alice, audience):
        pair = sign_in(alice, audiences=[NOTES])
        with pytest.raises(InvalidTarget):
            refresh(pair.refresh_token, audience=audience, now=after(minutes=1))
        assert refresh(pair.refresh_token, now=after(minutes=1)).audience == NOTES

    @pytest.mark.attack(208)
    def test_refresh_for_another_audience_never_widens_the_scope(self, alice):
        pair = sign_in(alice, scope=[READ], audiences=[NOTES, REPORTS])
        new = refresh(pair.refresh_token, audience=REPORTS, now=after(minutes=1))
        assert new.scope == {READ}
        for scope in ([REPORT], [WRITE], [READ, REPORT]):
            with pytest.raises(InvalidScope):
                refresh(new.refresh_token, audience=REPORTS, scope=scope, now=after(minutes=1))

    @pytest.mark.attack(208)
    def test_refresh_for_audience_rejects_scopes_of_others(self, alice):
        pair = sign_in(alice)
        with pytest.raises(InvalidScope):
            refresh(pair.refresh_token, audience=REPORTS, scope=[WRITE], now=after(minutes=1))

    @pytest.mark.parametrize("audience", ["https://a.example.com", "", "self", f"{NOTES}/"])
    def test_unknown_audience_is_rejected_before_the_token(self, alice, audience):
        assert statements_of(lambda: rejected(InvalidTarget, "a.b.c", audience)) == []

    def test_scope_of_another_audience_is_rejected_before_the_token(self, alice):
        def refresh_with_other_scope():
            with pytest.raises(InvalidScope):
                refresh("a.b.c", audience=NOTES, scope=[REPORT])

        assert statements_of(refresh_with_other_scope) == []

    def test_added_audience_is_not_granted_to_old_sessions(self, alice, configure):
        configure(AUDIENCES={NOTES: [READ]})
        pair = sign_in(alice)
        configure()
        rejected(InvalidTarget, pair.refresh_token, REPORTS)
        assert refresh(pair.refresh_token, audience=NOTES, now=NOW).scope == {READ, WRITE}

    def test_session_from_before_the_setting_has_own_audience(self, alice, configure):
        configure(AUDIENCES=None)
        pair = sign_in(alice)
        configure()
        rejected(InvalidTarget, pair.refresh_token, NOTES)
        assert refresh(pair.refresh_token, now=NOW).audience == API

    def test_removed_audience_is_rejected(self, alice, configure):
        pair = sign_in(alice, audiences=[NOTES, REPORTS])
        configure(AUDIENCES={REPORTS: [REPORT]})
        for audience in (NOTES, None):
            rejected(InvalidTarget, pair.refresh_token, audience)
        assert refresh(pair.refresh_token, audience=REPORTS, now=NOW).scope == {REPORT}
        configure(AUDIENCES=None)
        rejected(InvalidTarget, pair.refresh_token, None)

    def test_session_follows_a_new_own_audience(self, alice, configure):
        pair = sign_in(alice)
        configure(AUDIENCE="https://new.example.com")
        new = refresh(pair.refresh_token, now=after(minutes=1))
        assert new.audience == "https://new.example.com"


class TestStatements:
    def test_refresh_in_grace_for_another_audience_is_no_rotation(self, alice):
        pair = sign_in(alice)
        current = refresh(pair.refresh_token, now=after(minutes=1))
        repeated = refresh(pair.refresh_token, audience=NOTES, now=after(minutes=1))
        assert repeated.refresh_token == current.refresh_token
        assert repeated.audience == NOTES

    def test_refresh_for_an_audience_takes_two_statements(self, alice):
        pair = sign_in(alice)
        called = statements_of(lambda: refresh(pair.refresh_token, audience=NOTES, now=NOW))
        assert called == ["SELECT", "UPDATE"]

    def test_rejected_audience_takes_one_statement_and_no_write(self, alice, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        pair = sign_in(alice, audiences=[NOTES])
        assert statements_of(lambda: rejected(InvalidTarget, pair.refresh_token, REPORTS)) == [
            "SELECT"
        ]
        assert "refresh rejected: audience, session" in caplog.messages[-1]
        assert Session.objects.get().generation == 1

    def test_stateless_refresh_token_contains_the_audiences(self, alice, configure):
        configure(STATELESS_REFRESH=True)
        pair = sign_in(alice, audiences=[NOTES, API])
        claims = refresh_tokens(load()).decode(pair.refresh_token, now=NOW.timestamp())
        assert claims.sign_in.audiences == (NOTES, "self")
        assert claims.to_payload()["audiences"] == [NOTES, "self"]


def rejected(error, refresh_token, audience):
    with pytest.raises(error):
        refresh(refresh_token, audience=audience, now=NOW)


class TestVerify:
    @pytest.mark.attack(206)
    @pytest.mark.parametrize("warm", [False, True], ids=["first", "cached"])
    def test_token_is_accepted_by_its_audience_only(self, alice, warm):
        pair = sign_in(alice, audiences=[NOTES])
        if warm:
            claims_of(pair, NOTES)
        for audience in (None, API, REPORTS):
            with pytest.raises(InvalidToken) as caught:
                claims_of(pair, audience)
            assert caught.value.code == TokenErrorCode.AUDIENCE
        assert claims_of(pair, NOTES).audience == (NOTES,)

    @pytest.mark.attack(206)
    def test_token_is_rejected_by_a_service_of_another_audience(self, alice, configure):
        pair = sign_in(alice, audiences=[NOTES])
        configure(AUDIENCE=REPORTS, AUDIENCES=None)
        with pytest.raises(InvalidToken):
            services.authenticate_access_token(pair.access_token, now=NOW)
        configure(AUDIENCE=NOTES, AUDIENCES=None)
        assert services.authenticate_access_token(pair.access_token, now=NOW).scope == {READ, WRITE}

    def test_unknown_audience_cannot_be_verified(self, alice):
        pair = sign_in(alice)
        for function in (services.authenticate_access_token, services.introspect):
            with pytest.raises(InvalidTarget):
                function(pair.access_token, audience="https://a.example.com", now=NOW)

    def test_introspection_is_active_for_the_audience_only(self, alice):
        token = sign_in(alice, audiences=[NOTES]).access_token
        for audience in (None, REPORTS):
            assert services.introspect(token, audience=audience, now=NOW) == {"active": False}
        members = services.introspect(token, audience=NOTES, now=NOW)
        assert (members["active"], members["aud"]) == (True, NOTES)

    def test_audience_follows_the_function_of_the_tenant(self, alice, configure, rf):
        configure(AUDIENCE=lambda request: f"https://{request.META['HTTP_HOST']}")
        request = rf.get("/", headers={"host": "a.example.com"})
        pair = services.sign_in(alice, request=request, now=NOW)
        assert pair.audience == "https://a.example.com"
        services.check_audiences([pair.audience, NOTES], request=request)
        new = refresh(pair.refresh_token, audience=NOTES, request=request, now=NOW)
        claims = services.authenticate_access_token(
            new.access_token, audience=NOTES, request=request, now=NOW
        )
        assert claims.scope == {READ, WRITE}

    def test_check_audiences_accepts_none_and_known_audiences(self):
        services.check_audiences(None)
        services.check_audiences(None, scope=[READ])
        services.check_audiences([API, NOTES], scope=[ADMIN])

    def test_check_audiences_rejects_scopes_of_other_audiences(self, configure):
        with pytest.raises(InvalidScope):
            services.check_audiences([NOTES, API], scope=[ADMIN])
        configure(AUDIENCES={**AUDIENCES, API: [ADMIN]})
        for audiences in (None, []):
            services.check_audiences(audiences, scope=[])
            with pytest.raises(InvalidScope):
                services.check_audiences(audiences, scope=[READ])
        with pytest.raises(TypeError):
            services.check_audiences(None, scope=READ)


class TestRevoke:
    @pytest.mark.parametrize("audience", [API, NOTES, REPORTS])
    def test_access_token_for_any_audience_can_sign_out(self, alice, configure, audience):
        configure(REVOKE_BY_ACCESS_TOKEN=["phone"])
        pair = services.sign_in(alice, client_id="phone", audiences=[audience])
        services.revoke_token(pair.access_token)
        assert Session.objects.get().revoked_reason == RevokedReason.SIGNED_OUT

    def test_access_token_for_unknown_audience_revokes_nothing(self, alice, configure):
        configure(AUDIENCE="https://a.example.com", REVOKE_BY_ACCESS_TOKEN=["phone"])
        pair = services.sign_in(alice, client_id="phone")
        configure(REVOKE_BY_ACCESS_TOKEN=["phone"])
        services.revoke_token(pair.access_token)
        assert Session.objects.get().revoked_at is None


class TestFullScope:
    def test_full_scope_has_only_scopes_of_the_audience(self, alice, configure):
        configure(AUDIENCES={**AUDIENCES, API: [ADMIN]})
        for audience, scope in {API: {ADMIN}, NOTES: {READ, WRITE}}.items():
            claims = claims_of(sign_in(alice, audiences=[audience]), audience)
            assert services.full_scope(claims) == claims.scope == scope
            Session.objects.all().delete()
            assert services.full_scope(claims) == scope

    def test_full_scope_of_narrower_session_has_all_scopes(self, alice):
        claims = claims_of(sign_in(alice, scope=[READ], audiences=[NOTES]), NOTES)
        assert services.full_scope(claims) == {READ, WRITE}


def test_impersonation_is_for_the_own_audience_only(alice, bob, configure):
    configure(AUDIENCES={**AUDIENCES, API: [ADMIN]}, IMPERSONATION=lambda *arguments: True)
    pair = services.impersonate(bob, alice, now=NOW)
    assert (pair.audience, pair.scope) == (API, {ADMIN})
    rejected(InvalidTarget, pair.refresh_token, NOTES)
    assert refresh(pair.refresh_token, now=NOW).scope == {ADMIN}
