"""The services of API tokens, called by code that the project trusts."""

from __future__ import annotations

import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection

from django_tokenauth.api_tokens import formats, services
from django_tokenauth.api_tokens.models import APIToken
from django_tokenauth.errors import InvalidGrant, InvalidScope, InvalidToken
from django_tokenauth.services import authenticate_token
from tests.support.api_tokens import SCOPES, issue
from tests.support.client import log_messages
from tests.support.clock import NOW, after
from tests.support.slow_statements import before


def is_accepted(token, now=NOW):
    try:
        authenticate_token(token, now=now)
    except InvalidToken:
        return False
    return True


class TestCreate:
    def test_row_contains_hash_and_last_characters_only(self, alice):
        issued = issue(alice, scope=["notes:write", "notes:read"])
        row = APIToken.objects.get()
        assert row == issued.api_token
        assert row.digest == formats.digest(issued.token)
        assert row.last_four == issued.token[-4:]
        assert (row.scope, row.scopes) == ("notes:read notes:write", {"notes:read", "notes:write"})
        assert (row.created_at, row.expires_at) == (NOW, after(days=90))
        assert (row.auth_hash, row.ends_with_password, str(row)) == ("", False, "nightly")

    def test_end_date_of_another_type_is_an_error(self, alice):
        with pytest.raises(TypeError, match="expires_at must be a datetime, not str"):
            issue(alice, expires_at="2027-01-01")

    def test_limit_that_is_a_string_is_an_error(self, alice):
        with pytest.raises(TypeError, match="within"):
            issue(alice, within="notes:read")

    def test_token_cannot_end_with_a_password_that_has_no_hash(self):
        """The user model of the project may not inherit from AbstractBaseUser."""
        user = SimpleNamespace(pk=1, is_active=True)
        with pytest.raises(ImproperlyConfigured, match="get_session_auth_hash"):
            issue(user, ends_with_password=True)

    def test_creation_takes_two_statements(self, alice, django_assert_num_queries):
        with django_assert_num_queries(2):
            issue(alice)

    def test_creation_is_logged_without_the_token(self, alice, caplog):
        caplog.set_level("INFO")
        issued = issue(alice)
        assert log_messages(caplog) == [
            f"API token {issued.api_token.pk} of user {alice.pk} created"
        ]

    def test_prefix_and_lifetime_of_the_settings_apply(self, alice, settings):
        settings.TOKENAUTH = {"API_TOKEN_PREFIX": "acme", "API_TOKEN_LIFETIME": timedelta(days=1)}
        issued = issue(alice)
        assert issued.token.startswith("acme_")
        assert services.pattern() == formats.pattern("acme")
        assert issued.api_token.expires_at == after(days=1)
        assert is_accepted(issued.token)
        settings.TOKENAUTH = {}
        assert not is_accepted(issued.token)

    def test_end_date_up_to_the_maximum_is_accepted(self, alice):
        latest = services.latest_expiry()
        assert latest == after(days=366)
        assert issue(alice, expires_at=latest).api_token.expires_at == latest

    @pytest.mark.parametrize("end", [NOW, after(seconds=-1), after(days=366, seconds=1)])
    def test_end_date_outside_of_the_range_is_an_error(self, alice, end):
        with pytest.raises(ValueError, match="MAX_API_TOKEN_LIFETIME"):
            issue(alice, expires_at=end)

    @pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\0b"])
    def test_unusable_name_is_an_error(self, alice, name):
        with pytest.raises(ValueError, match="name must"):
            issue(alice, name=name)

    @pytest.mark.parametrize("scope", [["unknown"], ["notes:read", "unknown"]])
    def test_unknown_scope_is_rejected(self, alice, scope):
        with pytest.raises(InvalidScope):
            issue(alice, scope=scope)

    def test_scope_outside_of_the_limit_is_rejected(self, alice):
        with pytest.raises(InvalidScope):
            issue(alice, scope=["notes:write"], within=["notes:read"])
        assert issue(alice, scope=["notes:read"], within=["notes:read"])

    def test_scope_string_is_an_error(self, alice):
        with pytest.raises(TypeError, match="scope"):
            issue(alice, scope="notes:read")

    def test_scope_too_long_for_the_column_is_rejected(self, alice, settings):
        names = [f"{number}{'x' * 300}" for number in range(4)]
        settings.TOKENAUTH = {"SCOPES": names, "SCOPE_POLICY": lambda user, names, request: names}
        with pytest.raises(InvalidScope):
            issue(alice, scope=names)

    def test_scope_policy_narrows_a_new_token(self, alice, settings):
        settings.TOKENAUTH = {**SCOPES, "SCOPE_POLICY": lambda *args: ["notes:read"]}
        assert issue(alice, scope=SCOPES["SCOPES"]).api_token.scope == "notes:read"
        with pytest.raises(InvalidScope):
            issue(alice, scope=["notes:write"])

    def test_inactive_user_gets_no_token(self, alice):
        alice.is_active = False
        with pytest.raises(InvalidGrant):
            issue(alice)

    def test_user_who_is_not_stored_is_an_error(self, db):
        with pytest.raises(TypeError):
            issue(AnonymousUser())

    def test_creation_deletes_tokens_that_ended_long_ago(self, alice, bob):
        expired, revoked = issue(alice), issue(alice, name="revoked")
        other, active = issue(bob), issue(alice, expires_at=after(days=200))
        services.revoke(alice, revoked.api_token.pk)
        issue(alice, now=after(days=7))
        rows = {*APIToken.objects.values_list("pk", flat=True)}
        assert {expired.api_token.pk, revoked.api_token.pk} <= rows
        issue(alice, now=after(days=7, seconds=1))
        assert not APIToken.objects.filter(pk=revoked.api_token.pk).exists()
        issue(alice, now=after(days=97, seconds=1))
        rows = {*APIToken.objects.values_list("pk", flat=True)}
        assert expired.api_token.pk not in rows
        assert {other.api_token.pk, active.api_token.pk} <= rows

    def test_repr_of_a_new_token_does_not_contain_it(self, alice):
        issued = issue(alice)
        assert issued.token[10:] not in repr(issued)


class TestListAndRename:
    def test_list_contains_active_tokens_newest_first(self, alice, bob):
        first, expired = issue(alice), issue(alice, expires_at=after(seconds=1))
        last, revoked = issue(alice, now=after(seconds=1)), issue(alice)
        issue(bob)
        services.revoke(alice, revoked.api_token.pk)
        listed = list(services.list_api_tokens(alice, now=after(seconds=1)))
        assert listed == [last.api_token, first.api_token]
        assert expired.api_token not in listed

    def test_tokens_from_before_not_before_are_not_listed(self, alice, settings):
        issued = issue(alice)
        settings.TOKENAUTH = {"NOT_BEFORE": after(seconds=1)}
        assert not services.list_api_tokens(alice).exists()
        assert services.rotate(alice, issued.api_token.pk) is None

    def test_rename_changes_the_name_only(self, alice, django_assert_num_queries):
        issued = issue(alice)
        with django_assert_num_queries(2):
            renamed = services.rename(alice, issued.api_token.pk, "hourly")
        assert renamed == issued.api_token
        assert APIToken.objects.get().name == "hourly"
        assert is_accepted(issued.token)

    @pytest.mark.parametrize("key", [uuid.uuid4(), "no uuid"])
    def test_unknown_token_is_not_found(self, alice, key):
        issue(alice)
        assert services.rename(alice, key, "x") is None
        assert services.rotate(alice, key) is None
        assert services.revoke(alice, key) is False

    def test_token_of_another_user_is_not_found(self, alice, bob):
        key = issue(alice).api_token.pk
        assert services.rename(bob, key, "x") is None
        assert services.rotate(bob, key) is None
        assert services.revoke(bob, key) is False
        assert APIToken.objects.get().revoked_at is None


def test_token_that_ended_with_the_password_is_not_active(alice):
    ended = issue(alice, ends_with_password=True).api_token
    kept = issue(alice).api_token
    alice.set_password("other")
    alice.save()
    assert list(services.list_api_tokens(alice)) == [kept]
    assert services.rotate(alice, ended.pk) is None
    assert services.rename(alice, ended.pk, "x") is None
    assert services.revoke(alice, ended.pk)


class TestRotate:
    def test_old_token_works_for_the_overlap(self, alice):
        old = issue(alice, scope=["notes:read"])
        new = services.rotate(alice, old.api_token.pk)
        row = APIToken.objects.get()
        assert row == new.api_token
        assert row.previous_expires_at == after(days=1)
        assert (row.name, row.scope, row.rotated_at) == ("nightly", "notes:read", NOW)
        assert row.expires_at == old.api_token.expires_at
        assert row.last_four == new.token[-4:]
        for now, expected in ((NOW, True), (after(hours=23), True), (after(days=1), False)):
            assert is_accepted(old.token, now) is expected
            assert is_accepted(new.token, now)
        claims = authenticate_token(old.token)
        assert claims.expires_at == after(days=1).timestamp()

    def test_old_token_does_not_outlive_the_end_date(self, alice):
        old = issue(alice, expires_at=after(hours=1))
        services.rotate(alice, old.api_token.pk)
        assert authenticate_token(old.token).expires_at == after(hours=1).timestamp()
        assert not is_accepted(old.token, after(hours=1))

    def test_new_end_date_is_that_of_the_new_token(self, alice):
        old = issue(alice, expires_at=after(hours=1))
        new = services.rotate(alice, old.api_token.pk, expires_at=after(days=100))
        assert new.api_token.previous_expires_at == after(hours=1)
        assert not is_accepted(old.token, after(hours=1))
        assert is_accepted(new.token, after(days=99))

    def test_rotation_without_overlap_ends_the_old_token(self, alice):
        old = issue(alice)
        new = services.rotate(alice, old.api_token.pk, overlap=timedelta(0))
        assert (is_accepted(old.token), is_accepted(new.token)) == (False, True)
        assert APIToken.objects.get().previous_digest is None

    def test_second_rotation_ends_the_oldest_token(self, alice):
        first = issue(alice)
        second = services.rotate(alice, first.api_token.pk)
        third = services.rotate(alice, first.api_token.pk)
        accepted = [is_accepted(each.token) for each in (first, second, third)]
        assert accepted == [False, True, True]

    def test_rotation_may_set_a_new_end_date(self, alice):
        key = issue(alice).api_token.pk
        new = services.rotate(alice, key, expires_at=after(days=100))
        assert new.api_token.expires_at == after(days=100)
        with pytest.raises(ValueError, match="expires_at"):
            services.rotate(alice, key, expires_at=NOW)

    @pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=1, seconds=1)])
    def test_overlap_outside_of_the_range_is_an_error(self, alice, overlap):
        with pytest.raises(ValueError, match="overlap"):
            services.rotate(alice, issue(alice).api_token.pk, overlap=overlap)

    def test_overlap_of_another_type_is_an_error(self, alice):
        with pytest.raises(TypeError, match="overlap must be a timedelta, not int"):
            services.rotate(alice, issue(alice).api_token.pk, overlap=5)

    @pytest.mark.parametrize("lost", [{"SCOPES": ["notes:read"]}, {"SCOPE_POLICY": None}])
    def test_token_with_a_lost_scope_is_rotated(self, alice, settings, lost):
        token = issue(alice, scope=["notes:read", "notes:write"]).api_token
        if "SCOPE_POLICY" in lost:
            lost = {"SCOPE_POLICY": lambda user, scopes, request: scopes - {"notes:write"}}
        settings.TOKENAUTH = {**SCOPES, **lost}
        new = services.rotate(alice, token.pk, within=["notes:read"])
        assert authenticate_token(new.token).scope == {"notes:read"}

    def test_token_with_more_scopes_than_the_limit_is_not_rotated(self, alice):
        old = issue(alice, scope=["notes:write"])
        with pytest.raises(InvalidScope):
            services.rotate(alice, old.api_token.pk, within=["notes:read"])
        assert APIToken.objects.get().digest == old.api_token.digest

    def test_concurrent_rotation_is_reported(self, alice):
        key = issue(alice).api_token.pk
        winners = []

        def rotate():
            winners.append(services.rotate(alice, key))

        with before("UPDATE", rotate), pytest.raises(services.ConcurrentRotation):
            services.rotate(alice, key)
        assert APIToken.objects.get().digest == winners[0].api_token.digest

    def test_rotation_does_not_undo_a_concurrent_revocation(self, alice):
        issued = issue(alice)
        revoke = lambda: services.revoke(alice, issued.api_token.pk)  # noqa: E731
        with before("UPDATE", revoke), pytest.raises(services.ConcurrentRotation):
            services.rotate(alice, issued.api_token.pk)
        assert not is_accepted(issued.token)

    def test_rotation_takes_two_statements(self, alice, django_assert_num_queries):
        key = issue(alice).api_token.pk
        with django_assert_num_queries(2):
            services.rotate(alice, key)


class TestRevoke:
    def test_revocation_ends_both_tokens_of_a_rotation(self, alice, django_assert_num_queries):
        old = issue(alice)
        new = services.rotate(alice, old.api_token.pk)
        with django_assert_num_queries(1):
            assert services.revoke(alice, old.api_token.pk)
        assert (is_accepted(old.token), is_accepted(new.token)) == (False, False)

    def test_ended_token_is_not_revoked_again(self, alice):
        revoked, expired = issue(alice), issue(alice, expires_at=after(seconds=1))
        assert services.revoke(alice, revoked.api_token.pk)
        assert not services.revoke(alice, revoked.api_token.pk, now=after(hours=1))
        assert not services.revoke(alice, expired.api_token.pk, now=after(seconds=1))
        row = APIToken.objects.get(pk=revoked.api_token.pk)
        assert row.revoked_at == NOW


def test_table_permits_each_digest_once(alice):
    row = issue(alice).api_token
    row.pk = uuid.uuid4()
    with pytest.raises(IntegrityError):
        row.save(force_insert=True)


def test_table_has_the_label_of_the_app(db):
    assert "tokenauth_api_tokens_apitoken" in connection.introspection.table_names()
