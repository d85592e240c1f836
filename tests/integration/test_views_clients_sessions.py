"""Sessions of clients that have a secret: other clients cannot refresh or revoke them."""

from __future__ import annotations

import pytest

from django_tokenauth.models import Session
from tests.support.client import (
    INVALID_CLIENT,
    INVALID_GRANT,
    SESSION_ENDED,
    get,
    post,
    sign_in,
    status_and_json,
)
from tests.support.confidential_clients import SECRETS, basic, clients_setting

OK, NO_CLIENT, OTHER_CLIENT = "ok", (401, INVALID_CLIENT), (400, INVALID_GRANT)
ENDED = (400, SESSION_ENDED)
#: The client of a request, by its parameters and headers.
CREDENTIALS = {
    "nobody": ({}, {}),
    "phone": ({"client_id": "phone"}, {}),
    "web": ({"client_id": "web"}, {}),
    "reports": ({}, {"Authorization": basic("reports")}),
    "billing": ({"client_id": "billing", "client_secret": SECRETS["billing"]}, {}),
}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clients(settings):
    settings.TOKENAUTH = {"CLIENTS": clients_setting()}


def session_of(client_id):
    """Sign in with *client_id*, and its secret if it has one, and return the tokens."""
    secret = {"client_secret": SECRETS[client_id]} if client_id in SECRETS else {}
    return sign_in(client_id=client_id, **secret)


def post_as(path, requester, **parameters):
    body, headers = CREDENTIALS[requester]
    return post(path, {**parameters, **body}, **headers)


class TestRefresh:
    """RFC 6749 section 6: authenticate the client, and check that the token was issued to it."""

    @pytest.mark.promise(15)
    @pytest.mark.standard("rfc6749-10.4-5", "rfc6749-6-5", "rfc6749-6-6")
    @pytest.mark.parametrize("stateless", [False, True])
    @pytest.mark.parametrize("grant", ["token/refresh/", "token/"])
    @pytest.mark.parametrize(
        ("owner", "requester", "expected"),
        [
            ("reports", "reports", OK),
            ("reports", "nobody", NO_CLIENT),
            ("reports", "phone", NO_CLIENT),
            ("reports", "billing", ENDED),
            ("phone", "phone", OK),
            ("phone", "nobody", OK),
            ("phone", "web", ENDED),
            ("phone", "reports", ENDED),
        ],
    )
    def test_refresh_checks_the_client_of_the_sign_in(
        self, alice, settings, stateless, grant, owner, requester, expected
    ):
        settings.TOKENAUTH = {"CLIENTS": clients_setting(), "STATELESS_REFRESH": stateless}
        token = session_of(owner)["refresh_token"]
        response = post_as(grant, requester, grant_type="refresh_token", refresh_token=token)
        if expected is OK:
            assert response.status_code == 200
            return
        assert status_and_json(response) == expected
        assert post_as("token/refresh/", owner, refresh_token=token).status_code == 200

    @pytest.mark.promise(15)
    @pytest.mark.standard("rfc6749-6-6")
    @pytest.mark.parametrize("requester", ["nobody", "phone", "billing"])
    def test_rotated_token_from_another_client_is_not_reuse(self, alice, time_machine, requester):
        """A client that cannot use a token cannot revoke the session with it either."""
        time_machine.move_to("2030-01-01T12:00:00Z", tick=False)
        first = session_of("reports")["refresh_token"]
        second = post_as("token/refresh/", "reports", refresh_token=first).json()["refresh_token"]
        time_machine.shift(60)
        assert status_and_json(post_as("token/refresh/", requester, refresh_token=first)) in (
            NO_CLIENT,
            ENDED,
        )
        assert post_as("token/refresh/", "reports", refresh_token=second).status_code == 200
        assert status_and_json(post_as("token/refresh/", "reports", refresh_token=first)) == ENDED
        assert Session.objects.get().revoked_reason == "reused"

    @pytest.mark.standard("rfc6749-2.2-1")
    @pytest.mark.parametrize("stateless", [False, True])
    @pytest.mark.parametrize("requester", CREDENTIALS)
    def test_refresh_of_a_disabled_client_is_rejected(self, alice, settings, stateless, requester):
        settings.TOKENAUTH = {"CLIENTS": clients_setting(), "STATELESS_REFRESH": stateless}
        token = session_of("reports")["refresh_token"]
        closed = {**clients_setting(), "reports": None}
        settings.TOKENAUTH = {"CLIENTS": closed, "STATELESS_REFRESH": stateless}
        response = post_as("token/refresh/", requester, refresh_token=token)
        assert status_and_json(response) == (ENDED if requester == "billing" else NO_CLIENT)

    @pytest.mark.attack(200)
    @pytest.mark.parametrize("requester", ["nobody", "phone", "reports"])
    @pytest.mark.parametrize("stateless", [False, True])
    def test_refresh_of_a_client_removed_from_clients_is_rejected(
        self, alice, settings, requester, stateless
    ):
        """Without its entry, any client could send its client_id."""
        listed = {**settings.TOKENAUTH, "STATELESS_REFRESH": stateless}
        settings.TOKENAUTH = listed
        token = session_of("reports")["refresh_token"]
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
        response = post_as("token/refresh/", requester, refresh_token=token)
        assert status_and_json(response) == NO_CLIENT
        settings.TOKENAUTH = listed
        assert post_as("token/refresh/", "reports", refresh_token=token).status_code == 200

    @pytest.mark.attack(200)
    @pytest.mark.parametrize("stateless", [False, True])
    def test_client_removed_after_refresh_with_secret_is_rejected(self, alice, settings, stateless):
        listed = {**settings.TOKENAUTH, "STATELESS_REFRESH": stateless}
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
        label = session_of("reports")["refresh_token"]
        settings.TOKENAUTH = listed
        token = post_as("token/refresh/", "reports", refresh_token=label).json()["refresh_token"]
        settings.TOKENAUTH = {"STATELESS_REFRESH": stateless}
        response = post_as("token/refresh/", "nobody", refresh_token=token)
        assert status_and_json(response) == NO_CLIENT

    def test_refresh_token_of_a_removed_client_can_be_revoked(self, alice, settings):
        token = session_of("reports")["refresh_token"]
        settings.TOKENAUTH = {}
        assert status_and_json(post_as("token/revoke/", "nobody", token=token)) == (200, {})
        assert Session.objects.get().revoked_at is not None


class TestRevoke:
    """RFC 7009 section 2.1: reject a token of another client and inform the client."""

    @pytest.mark.standard("rfc7009-2.1-4")
    @pytest.mark.parametrize("token_name", ["access_token", "refresh_token"])
    @pytest.mark.parametrize(
        ("owner", "requester", "expected"),
        [
            ("reports", "reports", OK),
            ("reports", "nobody", NO_CLIENT),
            ("reports", "phone", NO_CLIENT),
            ("reports", "billing", OTHER_CLIENT),
            ("phone", "phone", OK),
            ("phone", "nobody", OK),
            ("phone", "web", OK),
            ("phone", "reports", OTHER_CLIENT),
        ],
    )
    def test_revocation_checks_the_client_of_the_sign_in(
        self, alice, token_name, owner, requester, expected, settings
    ):
        settings.TOKENAUTH = {**settings.TOKENAUTH, "REVOKE_BY_ACCESS_TOKEN": ["phone"]}
        tokens = session_of(owner)
        response = post_as("token/revoke/", requester, token=tokens[token_name])
        assert status_and_json(response) == ((200, {}) if expected is OK else expected)
        valid = get("/who/", tokens["access_token"]).status_code == 200
        assert valid is (expected is not OK)

    @pytest.mark.parametrize("requester", CREDENTIALS)
    @pytest.mark.parametrize("token", ["garbage", "{revoked}", "{pruned}"])
    def test_revocation_of_an_invalid_token_returns_200(self, alice, requester, token):
        """RFC 7009 section 2.2."""
        revoked, pruned = session_of("reports"), session_of("reports")
        post_as("token/revoke/", "reports", token=revoked["refresh_token"])
        Session.objects.filter(revoked_at=None).delete()
        token = token.format(revoked=revoked["refresh_token"], pruned=pruned["refresh_token"])
        assert status_and_json(post_as("token/revoke/", requester, token=token)) == (200, {})
