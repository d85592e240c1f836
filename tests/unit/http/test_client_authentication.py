"""``Authorization: Basic`` in the forms of real clients."""

from __future__ import annotations

import base64

import pytest

from django_tokenauth.errors import InvalidClient
from django_tokenauth.http.client_authentication import basic_credentials
from django_tokenauth.services.clients import Credentials
from tests.support.client import log_messages
from tests.support.confidential_clients import basic


class TestBasicCredentials:
    @pytest.mark.parametrize("header", ["", "Bearer x", "Basics eDp5", "Token eDp5", "Digest x"])
    def test_authorization_without_basic_scheme_gives_no_credentials(self, header):
        assert basic_credentials(header) == []

    def test_basic_header_of_a_single_colon_gives_no_credentials(self):
        assert basic_credentials("Basic Og==") == []

    @pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic  "])
    def test_basic_scheme_is_case_insensitive(self, scheme):
        """RFC 9110 section 11.1."""
        header = basic("reports", "secret").replace("Basic", scheme)
        assert basic_credentials(header) == [Credentials("reports", "secret")]

    @pytest.mark.parametrize(
        ("client_id", "secret", "expected"),
        [
            ("reports", "a:b", [("reports", "a:b")]),
            ("reports", "", [("reports", "")]),
            ("", "secret", [("", "secret")]),
            ("reports", "\xe9", [("reports", "\xe9")]),
            ("reports", "a+b", [("reports", "a b"), ("reports", "a+b")]),
            ("re%3Aports", "a%2Bb", [("re:ports", "a+b"), ("re%3Aports", "a%2Bb")]),
            ("reports", "%C3%A9", [("reports", "\xe9"), ("reports", "%C3%A9")]),
            ("reports", "100%", [("reports", "100%")]),
            ("reports", "%E9", [("reports", "%E9")]),
            ("reports", "%00x", [("reports", "%00x")]),
            # In base64, this one starts with an X.
            ("_reports", "secret", [("_reports", "secret")]),
        ],
    )
    def test_basic_credentials_are_read_raw_and_form_decoded(self, client_id, secret, expected):
        """RFC 6749 section 2.3.1 requires form encoding, and many clients omit it."""
        credentials = basic_credentials(basic(client_id, secret))
        assert [(each.client_id, each.secret) for each in credentials] == expected

    @pytest.mark.attack(126)
    @pytest.mark.parametrize(
        "header",
        [
            *(
                "Basic",
                "Basic ",
                "Basic x",
                "Basic \xe9",
                "Basic eDp5 eDp5",
                "Basic eDp5!",
                "Basic \teDp5",
            ),
            "Basic " + base64.b64encode(b"no colon").decode(),
            "Basic " + base64.b64encode(b"reports:\xff").decode(),
            basic("rep\0orts", "secret"),
            basic("reports", "sec\nret"),
            basic("r" * 256, "secret"),
            basic("reports", "s" * 4097),
        ],
    )
    def test_malformed_basic_header_raises_invalid_client(self, header, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        with pytest.raises(InvalidClient):
            basic_credentials(header)
        assert log_messages(caplog) == ["client rejected"]

    @pytest.mark.parametrize(("client_id", "secret"), [("r" * 255, "x"), ("reports", "s" * 4096)])
    def test_basic_credentials_of_maximum_length_are_accepted(self, client_id, secret):
        assert basic_credentials(basic(client_id, secret)) == [Credentials(client_id, secret)]
