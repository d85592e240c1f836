"""A session that is not stored: its text, its scopes and its methods."""

from __future__ import annotations

import pytest

from django_tokenauth.models import RevokedReason, Session


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


class TestRevokedReason:
    @pytest.mark.parametrize("reason", RevokedReason)
    def test_each_one_fits_into_its_column(self, reason):
        assert len(reason) <= Session._meta.get_field("revoked_reason").max_length
