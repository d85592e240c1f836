"""Each library accepts what our server issues, and refuses everything else."""

from __future__ import annotations

import pytest

from tests.interop.issuer import claims_of
from tests.interop.libraries import PAIRS


@pytest.mark.parametrize(("library", "algorithm"), PAIRS, indirect=["library"], ids=str)
def test_a_library_accepts_our_tokens_and_no_other(library, algorithm, workbench, issuer):
    good = issuer.good()
    tokens = {**good, **issuer.hostile(good["as issued"])}
    answers = workbench.verify(library, list(tokens.values()), issuer.verifying)
    accepted = {
        name: answer["claims"]
        for name, answer in zip(tokens, answers, strict=True)
        if "refused" not in answer
    }
    assert accepted == {name: claims_of(token) for name, token in good.items()}
    # A secret is given; public keys are read where everybody can read them.
    assert ("/.well-known/jwks.json" in issuer.paths) == (algorithm != "HS256")
