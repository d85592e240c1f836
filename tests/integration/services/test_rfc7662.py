"""Requirements of RFC 7662 that the tests of introspection do not cover."""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.services import introspect
from tests.support.clock import NOW, after


@pytest.mark.django_db
class TestIntrospection:
    """RFC 7662 section 4: checks before a token is reported as active."""

    @pytest.mark.standard("rfc7662-4-2")
    def test_introspect_token_before_its_issue_time_is_inactive(self, alice):
        token = services.sign_in(alice, now=NOW).access_token
        assert introspect(token, now=after(seconds=-1)) == {"active": False}
        assert introspect(token, now=NOW)["active"] is True

    @pytest.mark.standard("rfc7662-4-5")
    def test_introspect_token_for_another_audience_is_inactive(self, alice, settings):
        """A server reports only tokens for its own audience as active."""
        settings.TOKENAUTH = {"AUDIENCE": "https://mail.example.com"}
        token = services.sign_in(alice, now=NOW).access_token
        assert introspect(token, now=NOW)["active"] is True
        settings.TOKENAUTH = {"AUDIENCE": "https://notes.example.com"}
        assert introspect(token, now=NOW) == {"active": False}
