"""Each library accepts what our server issues, and refuses everything else."""

from __future__ import annotations

import time

import pytest

from tests.external.interop.issuer import claims_of
from tests.external.interop.libraries import PAIRS


@pytest.mark.parametrize(("library", "algorithm"), PAIRS, indirect=["library"], ids=str)
def test_a_library_accepts_our_tokens_and_no_other(library, algorithm, workbench, issuer):
    start = time.monotonic()
    good = issuer.good()
    tokens = {**good, **issuer.hostile(good["as issued"])}
    answers = workbench.verify(library, list(tokens.values()), issuer.verifying)
    accepted = {
        name: answer["claims"]
        for name, answer in zip(tokens, answers, strict=True)
        if "refused" not in answer
    }
    assert accepted == {name: claims_of(token) for name, token in good.items()}
    # A secret is given; public keys are read where everybody can read them, and hundreds of tokens
    # by unknown keys do not make a program read them more often than twice a minute.
    reads = issuer.paths.count("/.well-known/jwks.json")
    assert (reads > 0) == (algorithm != "HS256")
    assert reads <= 2 + (time.monotonic() - start) // 30
