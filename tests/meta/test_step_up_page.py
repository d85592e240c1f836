"""The examples of ``docs/step-up.rst``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.core.signing import TimestampSigner
from rest_framework.test import APIRequestFactory

from django_tokenauth import services
from django_tokenauth.permissions import InsufficientUserAuthentication
from tests.support.documents import DOCS, sections

BLOCKS = [block for each in sections(DOCS / "step-up.rst") for block in each.blocks]
REQUESTS = APIRequestFactory()
CREDENTIALS = {"username": "alice", "password": "correct horse"}


def example(file):
    """Run the example of *file* and return the names that it defines."""
    [block] = [each for each in BLOCKS if each.file == file]
    names = {"__name__": "mysite.example"}
    exec(block.text, names)  # noqa: S102
    return names


@pytest.fixture
def token(alice, settings):
    """Return an access token of a session that started two hours ago."""
    hooks = example("mysite/settings.py")["TOKENAUTH"]
    assert hooks["ACR"] == "mysite.contexts.acr"
    settings.TOKENAUTH = {**hooks, "ACR": example("mysite/contexts.py")["acr"]}
    pair = services.sign_in(alice, amr=["pwd"], now=datetime.now(UTC) - timedelta(hours=2))
    return services.refresh(pair.refresh_token)


def call(view, pair, method="post"):
    headers = {"Authorization": f"Bearer {pair.access_token}"}
    return view.as_view()(getattr(REQUESTS, method)("/", headers=headers))


def test_page_documents_the_challenge(token):
    [block] = [each for each in BLOCKS if each.language == "http"]
    response = call(example("mysite/payments.py")["PaymentView"], token)
    status, challenge = block.text.splitlines()
    assert status == f"HTTP/1.1 {response.status_code} Unauthorized"
    assert challenge == f"WWW-Authenticate: {response.headers['WWW-Authenticate']}"


def test_documented_views_accept_the_request_after_step_up(alice, token):
    views = example("mysite/payments.py")
    response = call(views["AccountView"], token, "delete")
    assert 'acr_values="mfa", max_age="3600"' in response.headers["WWW-Authenticate"]
    pair = services.step_up(alice, token.refresh_token, amr=["pwd", "mfa"])
    assert call(views["PaymentView"], pair).data == {"paid": True}
    assert call(views["AccountView"], pair, "delete").status_code == 204


def test_documented_confirmation_continues_the_session(alice, token):
    view = example("mysite/confirm.py")["ConfirmView"].as_view()
    link = TimestampSigner(salt="confirm").sign("alice")
    body = {**CREDENTIALS, "link": link, "refresh_token": token.refresh_token}
    for change in ({"link": f"{link}x"}, {"password": "wrong"}, {"refresh_token": "a.b.c"}):
        response = view(REQUESTS.post("/", {**body, **change}, format="json"))
        assert (response.status_code, response.data["error"]) == (400, "invalid_grant")
    response = view(REQUESTS.post("/", body, format="json"))
    claims = services.authenticate_access_token(response.data["access_token"])
    assert claims.session_id == str(token.session.pk)
    assert (claims.amr, claims.acr) == (("pwd", "mca", "mfa"), "urn:example:mfa")


def test_documented_contexts_depend_on_the_methods():
    acr = example("mysite/contexts.py")["acr"]
    values = example("mysite/settings.py")["TOKENAUTH"]["ACR_VALUES"]
    assert [acr({"pwd", "mfa"}), acr({"pwd"})] == values
    assert acr({"otp"}) is None


def test_documented_error_has_both_requirements():
    error = InsufficientUserAuthentication(max_age=600, acr_values=["mfa"])
    assert 'acr_values="mfa", max_age="600"' in error.auth_header
