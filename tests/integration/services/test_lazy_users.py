"""The services accept the lazy ``request.user`` of plain views."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.http import JsonResponse
from django.test import Client
from django.urls import path
from django.utils.functional import SimpleLazyObject

from django_tokenauth import services, signals
from django_tokenauth.errors import ImpersonationDenied
from django_tokenauth.models import Session
from tests.support import plain_views
from tests.support.signal_capture import received

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def change_password(request):
    request.user.set_password("new")
    request.user.save()
    return JsonResponse({"kept": services.update_session_auth_hash(request, request.user)})


def change_password_first(request):
    request.user.set_password("new")
    kept = services.update_session_auth_hash(request, request.user)
    request.user.save()
    return JsonResponse({"kept": kept})


urlpatterns = [path("save/", change_password), path("update/", change_password_first)]


def lazy(user):
    """Return *user* as ``AuthenticationMiddleware`` sets it."""
    return SimpleLazyObject(lambda: user)


@pytest.mark.parametrize("path", ["/save/", "/update/"])
def test_own_password_change_in_a_plain_view_keeps_the_session(alice, settings, path):
    settings.MIDDLEWARE = plain_views.MIDDLEWARE
    pair, other = services.sign_in(alice), services.sign_in(alice)
    headers = {"Authorization": f"Bearer {pair.access_token}"}
    assert Client().post(path, headers=headers).json() == {"kept": True}
    assert services.refresh(pair.refresh_token).session.pk == pair.session.pk
    assert [each.pk for each in services.list_sessions(lazy(alice))] == [pair.session.pk]
    other.session.refresh_from_db()
    assert other.session.revoked_at is not None


@pytest.mark.parametrize("stateless", [False, True])
def test_sign_in_passes_the_user_itself_to_receivers_and_hooks(alice, settings, stateless):
    users = []

    def extra_claims(user, session, request):
        users.append(user)
        return {}

    settings.TOKENAUTH = {"STATELESS_REFRESH": stateless, "EXTRA_CLAIMS": extra_claims}
    with received(user_logged_in) as calls, received(signals.signed_in) as own:
        pair = services.sign_in(lazy(lazy(alice)))
    users += [calls[0]["user"], own[0]["user"], pair.user]
    assert [type(user) for user in users] == [type(alice)] * 4
    assert calls[0]["sender"] is type(alice)


def test_impersonated_session_has_the_users_themselves(alice, bob, settings):
    settings.TOKENAUTH = {"IMPERSONATION": lambda *_: True}
    session = services.impersonate(lazy(bob), lazy(alice)).session
    assert type(session.user) is type(session.actor) is type(bob)


@pytest.mark.django_db(transaction=True)
def test_impersonation_by_a_deleted_user_is_denied(alice, bob, settings):
    settings.TOKENAUTH = {"IMPERSONATION": lambda *_: True}
    type(bob).objects.filter(pk=bob.pk).delete()
    with pytest.raises(ImpersonationDenied):
        services.impersonate(lazy(bob), lazy(alice))


def test_sign_out_accepts_lazy_users(alice, bob):
    first, second, third = (services.sign_in(alice).session for _ in range(3))
    with received(signals.session_revoked) as calls:
        assert services.sign_out(lazy(alice), first.pk)
        assert services.sign_out_everywhere(lazy(alice), keep=second.pk) == 1
        assert services.sign_out_users([lazy(alice), lazy(bob)]) == 1
    assert [type(call["user"]) for call in calls] == [type(alice)] * 3
    assert {call["session"].pk for call in calls} == {first.pk, second.pk, third.pk}
    assert not Session.objects.filter(revoked_at=None).exists()


def test_lazy_anonymous_user_is_named_in_the_error():
    with pytest.raises(TypeError, match="not an object of AnonymousUser"):
        services.sign_out_everywhere(lazy(AnonymousUser()))
