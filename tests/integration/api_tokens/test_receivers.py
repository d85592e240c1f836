"""Saving a user revokes the API tokens of an inactive user, and of no other user."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.serializers import deserialize, serialize
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_tokenauth.api_tokens.models import APIToken
from tests.support.api_tokens import issue
from tests.support.client import log_messages
from tests.support.clock import NOW

pytestmark = pytest.mark.django_db(transaction=True)
LOGGED = "API tokens of inactive users revoked: 1"


@pytest.fixture
def inactive(transactional_db, alice):
    """Return alice, inactive and not saved, with an API token."""
    issue(alice)
    alice.is_active = False
    return alice


def revoked():
    return {token.user.username for token in APIToken.objects.exclude(revoked_at=None)}


def statements_on_api_tokens(function):
    with CaptureQueriesContext(connection) as queries:
        function()
    return [query["sql"] for query in queries if "tokenauth_api_tokens" in query["sql"]]


def test_saved_deactivation_revokes_the_tokens_of_the_user(inactive, bob, caplog):
    issue(bob)
    caplog.set_level("INFO")
    inactive.save()
    assert revoked() == {"alice"}
    assert APIToken.objects.get(user=inactive).revoked_at == NOW
    assert log_messages(caplog) == [LOGGED]
    caplog.clear()
    inactive.save()
    assert log_messages(caplog) == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [(["is_active"], {"alice"}), (["last_login"], set()), (["email", "is_active"], {"alice"})],
)
def test_save_of_other_fields_revokes_nothing(inactive, fields, expected):
    inactive.save(update_fields=fields)
    assert revoked() == expected


def test_loading_a_fixture_revokes_nothing(inactive):
    [loaded] = deserialize("json", serialize("json", [inactive]))
    loaded.save()
    assert not get_user_model().objects.get().is_active
    assert revoked() == set()


def test_save_of_an_active_user_takes_no_statement(alice):
    issue(alice)
    assert statements_on_api_tokens(alice.save) == []
    assert revoked() == set()


def test_tokens_are_revoked_after_the_commit(inactive, caplog):
    caplog.set_level("INFO")
    with transaction.atomic():
        inactive.save()
        assert revoked() == set()
    assert revoked() == {"alice"}
    assert log_messages(caplog) == [LOGGED]


def test_user_activated_again_in_the_transaction_keeps_tokens(inactive):
    with transaction.atomic():
        inactive.save()
        inactive.is_active = True
        inactive.save()
    assert revoked() == set()


def test_rolled_back_deactivation_revokes_nothing(inactive, bob):
    with transaction.atomic():
        with transaction.atomic():
            inactive.save()
            transaction.set_rollback(True)
        bob.is_active = False
        issue(get_user_model().objects.get(username="bob"))
        bob.save()
        with transaction.atomic():
            inactive.save()
            transaction.set_rollback(True)
    assert revoked() == {"bob"}


def test_many_deactivations_take_one_statement(db):
    users = [get_user_model().objects.create_user(f"user{number}") for number in range(20)]
    for user in users:
        issue(user)
        user.is_active = False

    @transaction.atomic
    def save():
        for user in users:
            user.save()

    assert len(statements_on_api_tokens(save)) == 1
    assert len(revoked()) == 20
