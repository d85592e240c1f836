"""``request.user`` while the signals of a sign-in are sent."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.test import RequestFactory
from rest_framework.request import Request

from django_tokenauth import services, signals
from tests.support.client import post

pytestmark = pytest.mark.django_db

ALICE = {"username": "alice", "password": "correct horse"}


@pytest.fixture
def seen():
    """Return the users that receivers find in their request."""
    seen = []

    def look(request, **keywords):
        seen.append(request.user if request else None)

    user_logged_in.connect(look)
    signals.signed_in.connect(look)
    yield seen
    user_logged_in.disconnect(look)
    signals.signed_in.disconnect(look)


@pytest.mark.parametrize("tokenauth", [{}, {"STATELESS_REFRESH": True}])
def test_receivers_of_a_sign_in_over_http_find_the_user(alice, seen, settings, tokenauth):
    settings.TOKENAUTH = tokenauth
    assert post("token/", ALICE).status_code == 200
    assert seen == [alice, alice]


@pytest.mark.parametrize("wrap", [lambda request: request, Request])
@pytest.mark.parametrize("former", ["bob", AnonymousUser(), None])
def test_former_user_of_the_request_is_restored(alice, bob, seen, wrap, former):
    """A member of the staff may sign in another user."""
    request = RequestFactory().get("/")
    former = bob if former == "bob" else former
    if former is not None:
        request.user = former
    services.sign_in(alice, request=wrap(request))
    assert seen == [alice, alice]
    assert getattr(request, "user", None) == former


def test_former_user_is_restored_after_an_error(alice, bob):
    def fail(**keywords):
        raise LookupError

    request = RequestFactory().get("/")
    request.user = bob
    user_logged_in.connect(fail)
    try:
        with pytest.raises(LookupError):
            services.sign_in(alice, request=request)
    finally:
        user_logged_in.disconnect(fail)
    assert request.user == bob


def test_receiver_may_delete_the_user_of_the_request(alice):
    def delete(request, **keywords):
        del request.user

    request = RequestFactory().get("/")
    signals.signed_in.connect(delete)
    try:
        services.sign_in(alice, request=request)
    finally:
        signals.signed_in.disconnect(delete)
    assert not hasattr(request, "user")


def test_sign_in_without_a_request_sends_none(alice, seen):
    services.sign_in(alice)
    assert seen == [None, None]
