"""Session without the database: ``str()``, scopes and methods."""

from __future__ import annotations

import pytest

from django_tokenauth.models import RevokedReason, Session


class TestSession:
    def test_session_str_is_its_device_name(self):
        assert str(Session(device_name="Alice's phone")) == "Alice's phone"

    def test_session_str_without_device_name_is_its_id(self):
        session = Session()
        assert str(session) == str(session.pk)

    @pytest.mark.parametrize(
        ("stored", "names"),
        [
            ("", frozenset()),
            ("notes:read", frozenset({"notes:read"})),
            ("notes:read notes:write", frozenset({"notes:read", "notes:write"})),
        ],
    )
    def test_session_scopes_are_a_set_of_names(self, stored, names):
        assert Session(scope=stored).scopes == names

    @pytest.mark.parametrize(("stored", "methods"), [("", ()), ("pwd otp", ("pwd", "otp"))])
    def test_session_methods_keep_their_order(self, stored, methods):
        assert Session(amr=stored).methods == methods

    def test_session_default_id_is_random(self):
        first, second = Session(), Session()
        assert first.pk != second.pk
        assert first.pk.version == 4


class TestRevokedReason:
    @pytest.mark.parametrize("reason", RevokedReason)
    def test_revoked_reason_fits_its_column(self, reason):
        assert len(reason) <= Session._meta.get_field("revoked_reason").max_length
