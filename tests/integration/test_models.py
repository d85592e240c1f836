"""The row of a session: what it says of itself, and what it does not hold."""

from __future__ import annotations

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError

from django_tokenauth import services
from django_tokenauth.models import RevokedReason, Session
from tests.support.clock import NOW, after


class TestSession:
    def test_it_is_called_by_the_name_of_its_device(self):
        assert str(Session(device_name="Alice's phone")) == "Alice's phone"

    def test_without_a_name_it_is_called_by_its_id(self):
        session = Session()
        assert str(session) == str(session.pk)

    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("", frozenset()),
            ("notes:read", frozenset({"notes:read"})),
            ("notes:read notes:write", frozenset({"notes:read", "notes:write"})),
        ],
    )
    def test_its_scopes_are_a_set_of_names(self, text, names):
        assert Session(scope=text).scopes == names

    @pytest.mark.parametrize(("text", "methods"), [("", ()), ("pwd otp", ("pwd", "otp"))])
    def test_its_methods_keep_their_order(self, text, methods):
        assert Session(amr=text).methods == methods

    def test_each_one_has_an_id_that_nobody_can_guess(self):
        first, second = Session(), Session()
        assert first.pk != second.pk
        assert first.pk.version == 4

    @pytest.mark.django_db
    def test_a_user_has_sessions(self, alice, bob):
        session = services.sign_in(alice, now=NOW).session
        services.sign_in(bob, now=NOW)
        assert list(alice.tokenauth_sessions.all()) == [session]

    @pytest.mark.django_db
    def test_a_row_outlives_its_user(self, alice):
        pk = services.sign_in(alice, now=NOW).session.pk
        alice.delete()
        assert Session.objects.get(pk=pk).user is None

    @pytest.mark.attack(141)
    @pytest.mark.django_db
    def test_no_part_of_a_token_is_stored(self, alice):
        first = services.sign_in(alice, device_name="Alice's phone", user_agent="Browser", now=NOW)
        second = services.refresh(first.refresh_token, now=after(minutes=1))
        stored = serializers.serialize("json", Session.objects.all())
        assert "Alice's phone" in stored
        for pair in (first, second):
            for token in (pair.access_token, pair.refresh_token):
                assert not [part for part in token.split(".") if part in stored]

    @pytest.mark.django_db
    def test_an_address_is_an_address(self, alice):
        session = services.sign_in(alice, ip="2001:db8::1", now=NOW).session
        session.refresh_from_db()
        assert session.ip == "2001:db8::1"
        session.ip = "somewhere"
        with pytest.raises(ValidationError, match="ip"):
            session.full_clean()


class TestRevokedReason:
    @pytest.mark.parametrize("reason", RevokedReason)
    def test_each_one_fits_into_its_column(self, reason):
        assert len(reason) <= Session._meta.get_field("revoked_reason").max_length
