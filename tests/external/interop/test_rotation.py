"""The programs of the page follow a change of keys while they run."""

from __future__ import annotations

import pytest

from tests.external.interop.libraries import ON_THE_PAGE

pytestmark = [
    pytest.mark.parametrize("algorithm", ["RS256"]),
    pytest.mark.parametrize("library", ON_THE_PAGE, indirect=True, ids=str),
]


def test_a_key_that_is_gone_is_forgotten_after_five_minutes(library, workbench, issuer, clock):
    token = issuer.sign_in()["access_token"]
    with workbench.conversation(library, {**issuer.verifying, **clock.environment}) as ask:
        assert "claims" in ask(token)
        issuer.configure(signing=1, VERIFYING_KEYS=[])
        clock.set(ahead=301)
        assert "refused" in ask(token)


def test_a_new_key_is_looked_for_after_half_a_minute(library, workbench, issuer, clock):
    old = issuer.sign_in()["access_token"]
    new = issuer.sign_in(signing=1)["access_token"]
    issuer.configure(VERIFYING_KEYS=[])
    with workbench.conversation(library, {**issuer.verifying, **clock.environment}) as ask:
        assert "claims" in ask(old)
        issuer.configure(signing=1)
        clock.set(ahead=31)
        assert "claims" in ask(new)
        assert "claims" in ask(old)
