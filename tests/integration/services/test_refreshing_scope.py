"""Scope and extra claims of a refresh: computed each time and never wider than granted."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidScope
from django_tokenauth.models import Session
from django_tokenauth.services import refresh
from django_tokenauth.sessions.log_ids import log_id
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after
from tests.support.unsaved import issue_tokens

READ, WRITE, ADMIN = "notes:read", "notes:write", "notes:admin"


@pytest.fixture(autouse=True)
def _scopes(settings):
    settings.TOKENAUTH = {"SCOPES": (READ, WRITE, ADMIN)}


@pytest.fixture
def pair(alice):
    return services.sign_in(alice, scope=[READ, WRITE], now=NOW)


def with_hook(settings, **hook):
    settings.TOKENAUTH = {**settings.TOKENAUTH, **hook}


def scope_of(pair, now):
    return services.authenticate_access_token(pair.access_token, now=now).scope


class TestScope:
    def test_refresh_without_scope_returns_the_granted_scope(self, pair):
        new = refresh(pair.refresh_token, now=after(minutes=1))
        assert new.scope == scope_of(new, after(minutes=1)) == {READ, WRITE}

    def test_refresh_with_narrower_scope_returns_that_scope(self, pair):
        new = refresh(pair.refresh_token, scope=[READ], now=after(minutes=1))
        assert new.scope == scope_of(new, after(minutes=1)) == {READ}
        assert new.to_response()["scope"] == READ

    @pytest.mark.standard("rfc6749-6-4")
    def test_narrower_refresh_leaves_the_session_scope_unchanged(self, pair):
        narrow = refresh(pair.refresh_token, scope=[READ], now=after(minutes=1))
        assert Session.objects.get().scopes == {READ, WRITE}
        assert refresh(narrow.refresh_token, now=after(minutes=2)).scope == {READ, WRITE}

    def test_narrower_refresh_in_grace_returns_same_refresh_token(self, pair):
        current = refresh(pair.refresh_token, now=after(minutes=1))
        repeated = refresh(pair.refresh_token, scope=[READ], now=after(minutes=1))
        assert repeated.refresh_token == current.refresh_token
        assert repeated.scope == {READ}

    @pytest.mark.promise(11)
    @pytest.mark.standard("rfc6749-6-2", "rfc9700-4.14.2-1")
    @pytest.mark.attack(115)
    @pytest.mark.parametrize("scope", [[READ, ADMIN], [ADMIN]], ids=str)
    def test_refresh_with_wider_scope_is_rejected_without_a_write(self, pair, scope):
        with CaptureQueriesContext(connection) as statements, pytest.raises(InvalidScope):
            refresh(pair.refresh_token, scope=scope, now=after(minutes=1))
        assert [statement["sql"][:6] for statement in statements] == ["SELECT"]
        assert refresh(pair.refresh_token, now=after(minutes=1)).session.generation == 2

    @pytest.mark.promise(11)
    @pytest.mark.attack(115, 196)
    @pytest.mark.parametrize("scope", [["unknown"], ["notes"], [READ, "unknown"]], ids=str)
    @pytest.mark.parametrize("valid", [True, False])
    def test_refresh_rejects_unknown_scope_before_reading_the_token(self, scope, valid):
        token = issue_tokens(scope=[READ, WRITE], now=NOW).refresh_token if valid else "a.b.c"
        with pytest.raises(InvalidScope):
            refresh(token, scope=scope, now=after(minutes=1))

    def test_refresh_with_wider_scope_is_logged_with_its_session(self, pair, caplog):
        caplog.set_level("INFO", logger="django_tokenauth")
        with pytest.raises(InvalidScope):
            refresh(pair.refresh_token, scope=[ADMIN], now=after(minutes=1))
        assert caplog.messages[-1] == (
            f"refresh rejected: scope, session {log_id(pair.session.pk)} of user {pair.user.pk}"
        )

    def test_refresh_omits_a_scope_removed_from_settings(self, pair, settings):
        settings.TOKENAUTH = {"SCOPES": (READ,)}
        assert refresh(pair.refresh_token, now=after(minutes=1)).scope == {READ}


class TestScopePolicy:
    def test_scope_policy_limits_the_scope_of_a_refresh(self, alice, pair, settings):
        hook_calls = []

        def only_reading(user, scopes, request):
            hook_calls.append((user, scopes, request))
            return [READ, ADMIN]

        with_hook(settings, SCOPE_POLICY=only_reading)
        request = object()
        new = refresh(pair.refresh_token, request=request, now=after(minutes=1))
        assert hook_calls == [(alice, frozenset({READ, WRITE}), request)]
        assert new.scope == {READ}
        assert Session.objects.get().scopes == {READ, WRITE}

    def test_refresh_with_scope_denied_by_policy_is_rejected(self, pair, settings):
        with_hook(settings, SCOPE_POLICY=lambda user, scopes, request: [READ])
        with pytest.raises(InvalidScope):
            refresh(pair.refresh_token, scope=[WRITE], now=after(minutes=1))
        assert Session.objects.get().generation == 1

    def test_refresh_with_a_policy_that_denies_all_omits_the_scope(self, pair, settings):
        with_hook(settings, SCOPE_POLICY=lambda user, scopes, request: ())
        new = refresh(pair.refresh_token, now=after(minutes=1))
        assert new.scope == scope_of(new, after(minutes=1)) == frozenset()
        assert "scope" not in new.to_response()


class TestExtraClaims:
    def test_extra_claims_hook_is_called_at_each_refresh(self, alice, pair, settings):
        hook_calls = []

        def count(user, session, request):
            hook_calls.append((user, session, request))
            return {"count": len(hook_calls)}

        with_hook(settings, EXTRA_CLAIMS=count)
        request = object()
        first = refresh(pair.refresh_token, request=request, now=after(minutes=1))
        second = refresh(first.refresh_token, request=request, now=after(minutes=2))
        assert hook_calls == [(alice, pair.session, request)] * 2
        claims = services.authenticate_access_token(second.access_token, now=after(minutes=2))
        assert claims.extra == {"count": 2}


@pytest.mark.parametrize("hook", ["EXTRA_CLAIMS", "SCOPE_POLICY"])
class TestFailingHooks:
    @pytest.fixture
    def failing(self, settings, hook):
        def fail(*arguments):
            raise LookupError

        with_hook(settings, **{hook: fail})

    def test_refresh_token_stays_valid_after_a_failing_hook(self, pair, settings, failing):
        with pytest.raises(LookupError):
            refresh(pair.refresh_token, now=after(minutes=1))
        with_hook(settings, EXTRA_CLAIMS=None, SCOPE_POLICY=None)
        now = after(hours=1)
        new = refresh(pair.refresh_token, now=now)
        claims = refresh_tokens(load()).decode(new.refresh_token, now=now.timestamp())
        assert claims.generation == Session.objects.get().generation == 2

    def test_refresh_with_failing_hook_leaves_session_unchanged(self, pair, failing):
        before = Session.objects.values().get()
        with pytest.raises(LookupError):
            refresh(pair.refresh_token, now=after(minutes=1))
        assert Session.objects.values().get() == before
