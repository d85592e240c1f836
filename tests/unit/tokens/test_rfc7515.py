"""Examples of RFC 7515 in compact form, by appendix."""

from __future__ import annotations

import pytest

from django_tokenauth.errors import InvalidToken, TokenErrorCode
from django_tokenauth.keys.loading import load_key
from django_tokenauth.tokens import jws
from tests.support.jws_reading import parse_token, verify_token_with
from tests.support.raw_tokens import base64url
from tests.support.sample_keys import public_jwk, rsa_key

PAYLOAD = (
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
)
A_1_KEY = {
    "kty": "oct",
    "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
}
A_1 = (
    f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}."
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)
A_3_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
A_3 = (
    f"eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
A_5 = f"eyJhbGciOiJub25lIn0.{PAYLOAD}."
APPENDIX_E = (
    "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9l"
    "eGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA."
)


@pytest.mark.parametrize(
    ("token", "jwk", "algorithm"),
    [(A_1, A_1_KEY, "HS256"), (A_3, A_3_KEY, "ES256")],
    ids=["A.1", "A.3"],
)
def test_rfc7515_signed_example_is_verified(token, jwk, algorithm):
    parts = verify_token_with(token, load_key(jwk, algorithm))
    assert jws.json_object(parts.payload)["http://example.com/is_root"] is True


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
def test_rfc7515_unsecured_example_is_rejected(algorithm):
    jwk = public_jwk(rsa_key())
    if algorithm == "HS256":
        jwk = {"kty": "oct", "k": base64url(b"k" * 32)}
    with pytest.raises(InvalidToken) as caught:
        verify_token_with(A_5, load_key(jwk, algorithm))
    assert caught.value.code is TokenErrorCode.KEY


def test_rfc7515_unknown_critical_header_is_rejected():
    with pytest.raises(InvalidToken) as caught:
        parse_token(APPENDIX_E)
    assert caught.value.code is TokenErrorCode.HEADER


def test_token_of_two_segments_is_rejected():
    with pytest.raises(InvalidToken) as caught:
        parse_token(APPENDIX_E.removesuffix("."))
    assert caught.value.code is TokenErrorCode.MALFORMED
