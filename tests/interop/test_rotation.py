"""The programs of the page follow a change of keys while they run."""

from __future__ import annotations

import pytest

from tests.interop.libraries import ON_THE_PAGE


@pytest.mark.parametrize("algorithm", ["RS256"])
@pytest.mark.parametrize("library", ON_THE_PAGE, indirect=True, ids=str)
def test_a_program_reads_the_keys_again_when_they_are_five_minutes_old(
    library, workbench, issuer, clock
):
    old = issuer.sign_in()["access_token"]
    new = issuer.sign_in(signing=1)["access_token"]
    issuer.configure(VERIFYING_KEYS=[])
    with workbench.conversation(library, {**issuer.verifying, **clock.environment}) as ask:
        assert "claims" in ask(old)
        issuer.configure(signing=1, VERIFYING_KEYS=[])
        clock.set(ahead=301)
        # The old one first: for one by an unknown key a program may look before it has to.
        assert "refused" in ask(old)
        assert "claims" in ask(new)
