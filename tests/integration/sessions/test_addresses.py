"""The IP addresses of the latest sign-ins of a user."""

from __future__ import annotations

import pytest

from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.models import Session
from django_tokenauth.sessions import addresses
from django_tokenauth.sessions.addresses import sign_in_addresses
from tests.support.clock import NOW, after
from tests.support.locks import unreadable
from tests.support.session_rows import create_session


def test_sign_in_addresses_are_those_of_the_user_in_one_query(
    alice, bob, django_assert_num_queries
):
    create_session(alice, ip="192.0.2.1")
    create_session(alice, ip="192.0.2.2", revoked_at=NOW)
    create_session(alice, ip=None)
    create_session(bob, ip="192.0.2.3")
    with django_assert_num_queries(1):
        assert sign_in_addresses("alice") == {"192.0.2.1", "192.0.2.2"}


def test_sign_in_addresses_are_those_of_the_latest_sign_ins(alice, monkeypatch):
    monkeypatch.setattr(addresses, "_SIGN_INS", 2)
    for day in (2, 4, 1, 3):
        create_session(alice, ip=f"192.0.2.{day}", created_at=after(days=day))
    create_session(alice, ip=None, created_at=after(days=5))
    assert sign_in_addresses("alice") == {"192.0.2.3", "192.0.2.4"}


def test_sign_in_addresses_in_stateless_mode_take_no_query(settings):
    settings.TOKENAUTH = {"STATELESS_REFRESH": True}
    assert sign_in_addresses("alice") == set()


@pytest.mark.django_db(transaction=True)
def test_sign_in_addresses_without_database_raise_unavailable():
    with unreadable(Session), pytest.raises(ServiceUnavailable):
        sign_in_addresses("alice")
