"""Spellings of a username: which ones belong to one user, and what it costs to know."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User, UserManager
from django.db import connection, models

from django_tokenauth.errors import ServiceUnavailable
from django_tokenauth.sessions.usernames import get_stored_username, is_valid_username
from tests.support.locks import unreadable

pytestmark = pytest.mark.attack(149)

EXACT = connection.vendor in ("sqlite", "postgresql")


class FoldingManager(UserManager):
    """A manager that ignores dots and the part after a plus sign, as some e-mail providers do."""

    def get_by_natural_key(self, username):
        return self.get(username=username.partition("+")[0].replace(".", ""))


class LowerCaseField(models.CharField):
    def get_prep_value(self, value):
        return super().get_prep_value(value).lower()


def use_field(monkeypatch, field):
    """Make *field* the username field, without a column."""
    field.set_attributes_from_name("username")
    field.model = User
    fields = {**{each.name: each for each in User._meta.get_fields()}, "username": field}
    monkeypatch.setattr(User._meta, "get_field", fields.__getitem__)


class TestGetStoredUsername:
    @pytest.mark.parametrize(
        ("field", "spellings", "expected"),
        [
            (models.IntegerField(), ["7", "07", " 7", "7 ", "+7", "0_7", "\u0667", "\uff17"], "7"),
            (models.BigIntegerField(), ["70", "7_0", "0070"], "70"),
            (models.DecimalField(), ["1.5", "1.50", "01.500", "15e-1"], str(Decimal("1.5"))),
            (models.FloatField(), ["2", "2.0", "2e0", " 2"], "2.0"),
            (
                models.UUIDField(),
                [
                    "00000000-0000-0000-0000-000000000007",
                    "0" * 31 + "7",
                    "{" + "0" * 31 + "7}",
                    "urn:uuid:" + "0" * 31 + "7",
                ],
                "00000000-0000-0000-0000-000000000007",
            ),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, models.Field) else "",
    )
    def test_get_stored_username_normalizes_numbers_and_uuids(
        self, monkeypatch, field, spellings, expected
    ):
        use_field(monkeypatch, field)
        assert {get_stored_username(name) for name in spellings} == {expected}

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        ("field", "spellings", "expected"),
        [
            (LowerCaseField(), ["alice", "ALICE", "aLice"], "alice"),
            (models.GenericIPAddressField(), ["2001:db8::1", "2001:DB8:0::1"], "2001:db8::1"),
        ],
        ids=["lower case", "IP address"],
    )
    def test_get_stored_username_normalizes_values_of_text_fields(
        self, monkeypatch, django_assert_num_queries, field, spellings, expected
    ):
        use_field(monkeypatch, field)
        with django_assert_num_queries(0 if EXACT else len(spellings)):
            assert {get_stored_username(name) for name in spellings} == {expected}

    @pytest.mark.parametrize("name", ["", "x", "\0", "\ud800", "7;", "0x7"])
    @pytest.mark.parametrize(
        "field", [models.IntegerField(), models.DecimalField(), models.UUIDField()]
    )
    def test_get_stored_username_returns_invalid_value_unchanged(self, monkeypatch, field, name):
        use_field(monkeypatch, field)
        assert get_stored_username(name) == name

    @pytest.mark.parametrize("name", ["1e999", "9" * 254, "nan", "-inf", "1e-999999999999"])
    @pytest.mark.parametrize(
        "field", [models.IntegerField(), models.DecimalField(), models.FloatField()]
    )
    def test_get_stored_username_of_extreme_number_raises_no_error(self, monkeypatch, field, name):
        use_field(monkeypatch, field)
        assert get_stored_username(name)

    # It has no database, and its result depends on the kind of the database.
    @pytest.mark.database
    @pytest.mark.skipif(not EXACT, reason="this database compares loosely")
    @pytest.mark.parametrize("name", ["alice", "Alice", "al.ice", "nobody", "x" * 254])
    def test_get_stored_username_of_printable_ascii_takes_no_query(self, name):
        assert get_stored_username(name) == name

    @pytest.mark.parametrize("name", ["\xe1lice", "alice\x01", "a\u200dlice"])
    def test_get_stored_username_not_printable_ascii_takes_one_query(
        self, alice, django_assert_num_queries, name
    ):
        with django_assert_num_queries(1):
            stored = get_stored_username(name)
        assert stored == (User.objects.filter(username=name).first() or name) or stored == "alice"

    @pytest.mark.parametrize(
        ("name", "stored"),
        [("alice", "alice"), ("a.lice", "alice"), ("alice+1", "alice"), ("b.ob", "b.ob")],
    )
    def test_get_stored_username_uses_get_by_natural_key(self, alice, monkeypatch, name, stored):
        manager = FoldingManager()
        manager.model = User
        monkeypatch.setattr(User._meta, "default_manager", manager)
        assert User._default_manager is manager
        assert get_stored_username(name) == stored

    def test_get_stored_username_needs_no_get_by_natural_key(self, alice, monkeypatch):
        manager = models.Manager()
        manager.model = User
        monkeypatch.setattr(User._meta, "default_manager", manager)
        assert [get_stored_username(name) for name in ("alice", "\xe9")] == ["alice", "\xe9"]

    def test_get_stored_username_loose_collation_takes_one_query(
        self, alice, monkeypatch, django_assert_num_queries
    ):
        monkeypatch.setattr(User._meta.get_field("username"), "db_collation", "loose")
        with django_assert_num_queries(2):
            assert get_stored_username("alice") == "alice"
            assert get_stored_username("nobody") == "nobody"


@pytest.mark.django_db(transaction=True)
def test_get_stored_username_without_database_raises_unavailable(alice):
    with unreadable(get_user_model()), pytest.raises(ServiceUnavailable):
        get_stored_username("\xe1lice")


class TestIsValidUsername:
    @pytest.mark.parametrize(("name", "valid"), [("7", True), ("alice", False), ("7\0", False)])
    def test_numeric_username_is_valid_only_if_it_is_an_integer(self, monkeypatch, name, valid):
        use_field(monkeypatch, models.IntegerField())
        assert is_valid_username(name) == valid

    @pytest.mark.parametrize(("name", "valid"), [("", True), ("\xe1lice", True), ("a\0", False)])
    def test_string_username_is_valid_only_without_nul(self, name, valid):
        assert is_valid_username(name) == valid
