"""What Django makes of odd headers under ASGI, where a server hands them over as they came."""

from __future__ import annotations

import json

import pytest

from django_tokenauth import services
from tests.support.asgi import over_asgi
from tests.support.client import FORM, INVALID_TOKEN, UNAVAILABLE

REFUSED = {"detail": "The access token is not valid."}
GOOD = b"username=alice&password=correct+horse"
AS_FORM = [(b"content-type", FORM.encode()), (b"content-length", str(len(GOOD)).encode())]


# The view runs in a thread of its own, which sees what was committed.
@pytest.mark.django_db(transaction=True)
class TestHeaders:
    def test_signing_in_and_a_good_token(self, alice):
        status, headers, body = over_asgi("POST", "/auth/token/", *AS_FORM, body=GOOD)
        assert (status, headers["cache-control"]) == (200, "no-store")
        bearer = b"Bearer " + json.loads(body)["access_token"].encode()
        assert over_asgi("GET", "/who/", (b"authorization", bearer))[0] == 200

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
            # uvicorn makes one blank of a folded line.
            [b"Bearer  %s"],
            [b"Bearer " + b"x" * 1_000_000],
        ],
        ids=lambda values: str(values)[:40],
    )
    def test_what_is_not_exactly_one_token_is_refused(self, alice, values):
        token = services.sign_in(alice).access_token.encode()
        lines = [(b"authorization", value.replace(b"%s", token)) for value in values]
        status, headers, body = over_asgi("GET", "/who/", *lines)
        assert (status, json.loads(body)) == (401, REFUSED)
        assert headers["www-authenticate"] == INVALID_TOKEN

    @pytest.mark.attack(83)
    def test_settings_that_cannot_be_used_are_503(self, alice, settings):
        settings.TOKENAUTH = {"ISUER": "x"}
        status, headers, body = over_asgi("POST", "/auth/token/", *AS_FORM, body=GOOD)
        assert (status, json.loads(body)) == (503, UNAVAILABLE)
        assert headers["retry-after"] == "1"
