"""Requests over ASGI, where the server passes headers on unchanged."""

from __future__ import annotations

import json

import pytest

from tests.support.asgi import asgi_request
from tests.support.client import FORM, INVALID_TOKEN, UNAVAILABLE
from tests.support.unsaved import issue_tokens

REJECTED = {"detail": "The access token is not valid."}
SIGN_IN = b"username=alice&password=correct+horse"
AS_FORM = [(b"content-type", FORM.encode()), (b"content-length", str(len(SIGN_IN)).encode())]


class TestHeaders:
    # The view runs in another thread, which sees only committed rows.
    @pytest.mark.django_db(transaction=True)
    def test_sign_in_and_authentication_succeed_over_asgi(self, alice):
        status, headers, body = asgi_request("POST", "/auth/token/", *AS_FORM, body=SIGN_IN)
        assert (status, headers["cache-control"]) == (200, "no-store")
        bearer = b"Bearer " + json.loads(body)["access_token"].encode()
        assert asgi_request("GET", "/who/", (b"authorization", bearer))[0] == 200

    @pytest.mark.attack(105, 109, 111)
    @pytest.mark.parametrize(
        "values",
        [
            [b"Bearer %s", b"Bearer %s"],
            [b"Bearer %s", b"Basic YTpi"],
            [b"Bearer %s\xe9"],
            [b"Bearer \xff"],
            [b"Bearer %s\x00"],
            [b"Bearer %s %s"],
            # uvicorn replaces a line folding with one space.
            [b"Bearer  %s"],
            [b"Bearer " + b"x" * 1_000_000],
        ],
        ids=lambda values: str(values)[:40],
    )
    def test_malformed_authorization_header_over_asgi_returns_401(self, values):
        token = issue_tokens().access_token.encode()
        lines = [(b"authorization", value.replace(b"%s", token)) for value in values]
        status, headers, body = asgi_request("GET", "/who/", *lines)
        assert (status, json.loads(body)) == (401, REJECTED)
        assert headers["www-authenticate"] == INVALID_TOKEN

    @pytest.mark.attack(83)
    def test_sign_in_over_asgi_with_invalid_settings_returns_503(self, settings):
        settings.TOKENAUTH = {"ISUER": "x"}
        status, headers, body = asgi_request("POST", "/auth/token/", *AS_FORM, body=SIGN_IN)
        assert (status, json.loads(body)) == (503, UNAVAILABLE)
        assert headers["retry-after"] == "1"
