"""Our server accepts what each library signs with its key, and refuses it after a changed bit."""

from __future__ import annotations

import uuid

import pytest

from tests.external.interop.issuer import bits, claims_of, flipped, header_of
from tests.external.interop.libraries import PAIRS

VIEWS = ("/who/", "/who/stateless/")


@pytest.mark.parametrize(("library", "algorithm"), PAIRS, indirect=["library"], ids=str)
def test_a_token_of_a_library_is_as_good_as_ours(library, algorithm, workbench, issuer):
    ours = issuer.sign_in()["access_token"]
    header, claims = header_of(ours), claims_of(ours)
    claims["jti"] = str(uuid.uuid4())
    token, of_another_type = workbench.sign(
        library, [(header, claims), ({**header, "typ": "JWT"}, claims)], issuer.signing
    )
    assert (header_of(token), claims_of(token)) == (header, claims)
    for view in VIEWS:
        answer = issuer.ask(view, token)
        assert (answer.status, answer.json()["sub"]) == (200, claims["sub"])
        assert issuer.ask(view, of_another_type).status == 401
        for part in range(3):
            last = bits(token, part) - 1
            for bit in (0, last // 2, last):
                assert issuer.ask(view, flipped(token, part, bit)).status == 401
