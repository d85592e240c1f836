"""docs/audiences.rst: the example of a sign-in with several audiences runs."""

from __future__ import annotations

import pytest

from django_tokenauth import services
from django_tokenauth.services import refresh
from tests.meta import docs_examples
from tests.meta.docs_examples import python


def run(block):
    """Run an example and return all names that it defines."""
    names = {}
    exec(block.text, names)  # noqa: S102
    return names


@pytest.mark.django_db
def test_documented_sign_in_is_for_two_audiences(alice, settings, rf):
    configuration, sign_in = map(run, python(docs_examples.AUDIENCES))
    settings.TOKENAUTH = configuration["TOKENAUTH"]
    pair = sign_in["sign_in_reader"](alice, rf.get("/"))
    assert (pair.audience, pair.scope) == ("https://notes.example.com", {"notes:read"})
    reports = "https://reports.example.com"
    new = refresh(pair.refresh_token, audience=reports)
    claims = services.authenticate_access_token(new.access_token, audience=reports)
    assert claims.scope == {"notes:read"}
