"""Tokens with a valid signature that PyJWT accepts and this package rejects.

These tokens are the reason for the JWS reader of this package: see docs/decisions/jws-reader.rst.
"""

from __future__ import annotations

import json

import jwt
import pytest
import time_machine

from django_tokenauth.errors import TokenErrorCode
from tests.support.raw_tokens import MISSING, NOW, SIGNING_KEY, Access, access_members

ACCESS = Access()
PAYLOAD = json.dumps(access_members())
TOKENS = {
    "refresh_token_type": (ACCESS.with_header(typ="rt+jwt"), TokenErrorCode.TYP),
    "numeric_type": (ACCESS.with_header(typ=5), TokenErrorCode.TYP),
    "missing_type": (ACCESS.with_header(typ=MISSING), TokenErrorCode.TYP),
    "compressed": (ACCESS.with_header(zip="DEF"), TokenErrorCode.HEADER),
    "encrypted": (ACCESS.with_header(enc="A128GCM"), TokenErrorCode.HEADER),
    "content_type": (ACCESS.with_header(cty="JWT"), TokenErrorCode.HEADER),
    "duplicate_header_name": (
        ACCESS.token(header=f'{{"alg": "none", {json.dumps(ACCESS.header())[1:]}'.encode()),
        TokenErrorCode.MALFORMED,
    ),
    "duplicate_claim_name": (
        ACCESS.token(payload=f'{{"sub": "2", {PAYLOAD[1:]}'.encode()),
        TokenErrorCode.MALFORMED,
    ),
    "nan": (
        ACCESS.token(payload=f'{PAYLOAD[:-1]}, "a": NaN}}'.encode()),
        TokenErrorCode.MALFORMED,
    ),
    "utf_16": (ACCESS.token(payload=PAYLOAD.encode("utf-16")), TokenErrorCode.MALFORMED),
    "byte_order_mark": (
        ACCESS.token(payload=PAYLOAD.encode("utf-8-sig")),
        TokenErrorCode.MALFORMED,
    ),
    "padding": (f"{ACCESS.token()}=", TokenErrorCode.MALFORMED),
    "more_than_8_kib": (ACCESS.with_claims(a="a" * 9000), TokenErrorCode.MALFORMED),
    "string_expiry": (ACCESS.with_claims(exp=str(NOW + 300)), TokenErrorCode.CLAIMS),
    "boolean_not_before": (ACCESS.with_claims(nbf=True), TokenErrorCode.CLAIMS),
    "lifetime_of_a_year": (ACCESS.with_claims(exp=NOW + 366 * 86400), TokenErrorCode.CLAIMS),
}


@pytest.mark.parametrize(("token", "code"), TOKENS.values(), ids=TOKENS)
@time_machine.travel(NOW, tick=False)
def test_token_accepted_by_pyjwt_is_rejected_by_decoder(token, code):
    claims = jwt.decode(
        token,
        SIGNING_KEY,
        algorithms=["HS256"],
        audience="django-tokenauth",
        issuer="django-tokenauth",
        options={"require": ["exp", "iat", "iss", "aud", "sub"]},
    )
    assert claims["sub"] == "1"
    assert ACCESS.code(token) is code
