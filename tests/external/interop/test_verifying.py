"""Each library accepts the tokens of the server, and rejects all invalid ones."""

from __future__ import annotations

import time

import pytest

from tests.external.interop.issuer import claims_of
from tests.external.interop.libraries import PAIRS


@pytest.mark.parametrize(("library", "algorithm"), PAIRS, indirect=["library"], ids=str)
def test_library_accepts_exactly_the_valid_tokens(library, algorithm, workbench, issuer):
    start = time.monotonic()
    valid = issuer.valid_tokens()
    tokens = {**valid, **issuer.invalid_tokens(valid["issued"])}
    results = workbench.verify(library, list(tokens.values()), issuer.verifier_environment)
    accepted = {
        name: result["claims"]
        for name, result in zip(tokens, results, strict=True)
        if "error" not in result
    }
    assert accepted == {name: claims_of(token) for name, token in valid.items()}
    # HS256 uses a secret. For the other algorithms, programs fetch the public keys, at most twice a
    # minute, even for hundreds of tokens with an unknown kid.
    reads = issuer.paths.count("/.well-known/jwks.json")
    assert (reads > 0) == (algorithm != "HS256")
    assert reads <= 2 + (time.monotonic() - start) // 30
