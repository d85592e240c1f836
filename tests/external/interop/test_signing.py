"""The server accepts tokens that a library signs with its key, and rejects a flipped bit."""

from __future__ import annotations

import uuid

import pytest

from tests.external.interop.issuer import bit_length, claims_of, flipped, header_of
from tests.external.interop.libraries import PAIRS

PROTECTED_PATHS = ("/who/", "/who/stateless/")


@pytest.mark.parametrize(("library", "algorithm"), PAIRS, indirect=["library"], ids=str)
def test_token_signed_by_library_is_accepted(library, algorithm, workbench, issuer):
    issued = issuer.sign_in()["access_token"]
    header, claims = header_of(issued), claims_of(issued)
    claims["jti"] = str(uuid.uuid4())
    token, wrong_type = workbench.sign(
        library, [(header, claims), ({**header, "typ": "JWT"}, claims)], issuer.signer_environment
    )
    assert (header_of(token), claims_of(token)) == (header, claims)
    for path in PROTECTED_PATHS:
        response = issuer.get(path, token)
        assert (response.status, response.json()["sub"]) == (200, claims["sub"])
        assert issuer.get(path, wrong_type).status == 401
        for part in range(3):
            last = bit_length(token, part) - 1
            for bit in (0, last // 2, last):
                assert issuer.get(path, flipped(token, part, bit)).status == 401
