"""Scope and extra claims at a refresh: asked for anew each time, and never more than granted."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth import services
from django_tokenauth.conf.settings import load
from django_tokenauth.errors import InvalidScope
from django_tokenauth.models import Session
from django_tokenauth.services import refresh
from django_tokenauth.tokens.refresh import refresh_tokens
from tests.support.clock import NOW, after

pytestmark = pytest.mark.django_db

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
    def test_what_was_granted_is_given_again(self, pair):
        new = refresh(pair.refresh_token, now=after(minutes=1))
        assert new.scope == scope_of(new, after(minutes=1)) == {READ, WRITE}

    def test_less_is_given_to_who_asks_for_less(self, pair):
        new = refresh(pair.refresh_token, scope=[READ], now=after(minutes=1))
        assert new.scope == scope_of(new, after(minutes=1)) == {READ}
        assert new.to_response()["scope"] == READ

    @pytest.mark.standard("rfc6749-6-4")
    def test_asking_for_less_narrows_one_access_token_and_not_the_session(self, pair):
        narrow = refresh(pair.refresh_token, scope=[READ], now=after(minutes=1))
        assert Session.objects.get().scopes == {READ, WRITE}
        assert refresh(narrow.refresh_token, now=after(minutes=2)).scope == {READ, WRITE}

    def test_a_narrow_one_of_the_grace_leaves_the_refresh_token_as_it_is(self, pair):
        current = refresh(pair.refresh_token, now=after(minutes=1))
        again = refresh(pair.refresh_token, scope=[READ], now=after(minutes=1))
        assert again.refresh_token == current.refresh_token
        assert again.scope == {READ}

    @pytest.mark.promise(11)
    @pytest.mark.standard("rfc6749-6-2")
    @pytest.mark.attack(115)
    @pytest.mark.parametrize("scope", [[READ, ADMIN], [ADMIN], ["unknown"], ["notes"]], ids=str)
    def test_more_is_refused_and_nothing_is_written(self, pair, scope):
        with CaptureQueriesContext(connection) as statements, pytest.raises(InvalidScope):
            refresh(pair.refresh_token, scope=scope, now=after(minutes=1))
        assert [statement["sql"][:6] for statement in statements] == ["SELECT"]
        assert refresh(pair.refresh_token, now=after(minutes=1)).session.generation == 2

    def test_a_scope_that_the_project_gave_up_is_given_no_more(self, pair, settings):
        settings.TOKENAUTH = {"SCOPES": (READ,)}
        assert refresh(pair.refresh_token, now=after(minutes=1)).scope == {READ}


class TestScopePolicy:
    def test_it_is_asked_at_each_refresh(self, alice, pair, settings):
        asked = []

        def only_reading(user, scopes, request):
            asked.append((user, scopes, request))
            return [READ, ADMIN]

        with_hook(settings, SCOPE_POLICY=only_reading)
        request = object()
        new = refresh(pair.refresh_token, request=request, now=after(minutes=1))
        assert asked == [(alice, frozenset({READ, WRITE}), request)]
        assert new.scope == {READ}
        assert Session.objects.get().scopes == {READ, WRITE}

    def test_what_it_denies_is_refused_to_who_asks_for_it(self, pair, settings):
        with_hook(settings, SCOPE_POLICY=lambda user, scopes, request: [READ])
        with pytest.raises(InvalidScope):
            refresh(pair.refresh_token, scope=[WRITE], now=after(minutes=1))
        assert Session.objects.get().generation == 1

    def test_one_that_gives_nothing_leaves_a_token_without_rights(self, pair, settings):
        with_hook(settings, SCOPE_POLICY=lambda user, scopes, request: ())
        new = refresh(pair.refresh_token, now=after(minutes=1))
        assert new.scope == scope_of(new, after(minutes=1)) == frozenset()
        assert "scope" not in new.to_response()


class TestExtraClaims:
    def test_they_are_asked_for_at_each_refresh(self, alice, pair, settings):
        asked = []

        def count(user, session, request):
            asked.append((user, session, request))
            return {"count": len(asked)}

        with_hook(settings, EXTRA_CLAIMS=count)
        request = object()
        first = refresh(pair.refresh_token, request=request, now=after(minutes=1))
        second = refresh(first.refresh_token, request=request, now=after(minutes=2))
        assert asked == [(alice, pair.session, request)] * 2
        claims = services.authenticate_access_token(second.access_token, now=after(minutes=2))
        assert claims.extra == {"count": 2}


@pytest.mark.parametrize("hook", ["EXTRA_CLAIMS", "SCOPE_POLICY"])
class TestFailingHooks:
    @pytest.fixture
    def failing(self, settings, hook):
        def fail(*arguments):
            raise LookupError

        with_hook(settings, **{hook: fail})

    def test_the_token_is_as_good_as_before(self, pair, settings, failing):
        with pytest.raises(LookupError):
            refresh(pair.refresh_token, now=after(minutes=1))
        with_hook(settings, EXTRA_CLAIMS=None, SCOPE_POLICY=None)
        now = after(hours=1)
        new = refresh(pair.refresh_token, now=now)
        claims = refresh_tokens(load()).decode(new.refresh_token, now=now.timestamp())
        assert claims.generation == Session.objects.get().generation == 2

    def test_nothing_is_written(self, pair, failing):
        before = Session.objects.values().get()
        with pytest.raises(LookupError):
            refresh(pair.refresh_token, now=after(minutes=1))
        assert Session.objects.values().get() == before
