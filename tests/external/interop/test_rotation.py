"""The documented programs follow a key rotation while they run."""

from __future__ import annotations

import pytest

from tests.external.interop.libraries import DOCUMENTED

pytestmark = [
    pytest.mark.parametrize("algorithm", ["RS256"]),
    pytest.mark.parametrize("library", DOCUMENTED, indirect=True, ids=str),
]


def test_library_rejects_token_of_removed_key_after_5_minutes(library, workbench, issuer, clock):
    token = issuer.sign_in()["access_token"]
    with workbench.verifier(
        library, {**issuer.verifier_environment, **clock.environment}
    ) as verify:
        assert "claims" in verify(token)
        issuer.configure(signing=1, VERIFYING_KEYS=[])
        clock.set(ahead=301)
        assert "error" in verify(token)


def test_library_fetches_a_new_key_after_half_a_minute(library, workbench, issuer, clock):
    old = issuer.sign_in()["access_token"]
    new = issuer.sign_in(signing=1)["access_token"]
    issuer.configure(VERIFYING_KEYS=[])
    with workbench.verifier(
        library, {**issuer.verifier_environment, **clock.environment}
    ) as verify:
        assert "claims" in verify(old)
        issuer.configure(signing=1)
        clock.set(ahead=31)
        assert "claims" in verify(new)
        assert "claims" in verify(old)
