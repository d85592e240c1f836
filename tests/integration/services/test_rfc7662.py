"""Requirements of RFC 7662 that no other test covers; the page of standards names them."""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.services import introspect
from tests.support.clock import NOW, after


@pytest.mark.django_db
class TestIntrospection:
    """RFC 7662 section 4: what is looked at before a token is called active."""

    @pytest.mark.standard("rfc7662-4-2")
    def test_a_token_that_has_not_begun_is_not_active(self, alice):
        token = services.sign_in(alice, now=NOW).access_token
        assert introspect(token, now=after(seconds=-1)) == {"active": False}
        assert introspect(token, now=NOW)["active"] is True

    @pytest.mark.standard("rfc7662-4-5")
    def test_a_token_of_another_audience_is_not_active(self, alice, settings):
        """Of all the services of an issuer a server speaks for its own only."""
        settings.TOKENAUTH = {"AUDIENCE": "https://mail.example.com"}
        token = services.sign_in(alice, now=NOW).access_token
        assert introspect(token, now=NOW)["active"] is True
        settings.TOKENAUTH = {"AUDIENCE": "https://notes.example.com"}
        assert introspect(token, now=NOW) == {"active": False}
