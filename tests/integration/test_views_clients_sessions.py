"""Sessions of clients that have a secret: other clients cannot refresh or end them."""

from __future__ import annotations

import pytest

from django_tokenauth.models import Session
from tests.support.client import INVALID_CLIENT, INVALID_GRANT, get, outcome, post, sign_in
from tests.support.confidential_clients import SECRETS, basic, listed

OK, NO_CLIENT, NOT_THEIRS = "ok", (401, INVALID_CLIENT), (400, INVALID_GRANT)
#: The client of a request, by its parameters and headers.
WHO = {
    "nobody": ({}, {}),
    "phone": ({"client_id": "phone"}, {}),
    "web": ({"client_id": "web"}, {}),
    "reports": ({}, {"Authorization": basic("reports")}),
    "billing": ({"client_id": "billing", "client_secret": SECRETS["billing"]}, {}),
}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clients(settings):
    settings.TOKENAUTH = {"CLIENTS": listed()}


def session_of(client_id):
    """The tokens of a new sign-in of a client, or of a label."""
    secret = {"client_secret": SECRETS[client_id]} if client_id in SECRETS else {}
    return sign_in(client_id=client_id, **secret)


def ask(path, who, **wanted):
    body, headers = WHO[who]
    return post(path, {**wanted, **body}, **headers)


class TestRefresh:
    """RFC 6749 section 6: authenticate the client, and check that the token was issued to it."""

    @pytest.mark.promise(15)
    @pytest.mark.standard("rfc6749-10.4-5", "rfc6749-6-5", "rfc6749-6-6")
    @pytest.mark.parametrize("stateless", [False, True])
    @pytest.mark.parametrize("grant", ["token/refresh/", "token/"])
    @pytest.mark.parametrize(
        ("owner", "who", "expected"),
        [
            ("reports", "reports", OK),
            ("reports", "nobody", NO_CLIENT),
            ("reports", "phone", NO_CLIENT),
            ("reports", "billing", NOT_THEIRS),
            ("phone", "phone", OK),
            ("phone", "nobody", OK),
            ("phone", "web", NOT_THEIRS),
            ("phone", "reports", NOT_THEIRS),
        ],
    )
    def test_refresh_is_for_the_client_of_the_sign_in(
        self, alice, settings, stateless, grant, owner, who, expected
    ):
        settings.TOKENAUTH = {"CLIENTS": listed(), "STATELESS_REFRESH": stateless}
        token = session_of(owner)["refresh_token"]
        answer = ask(grant, who, grant_type="refresh_token", refresh_token=token)
        if expected is OK:
            assert answer.status_code == 200
            return
        assert outcome(answer) == expected
        assert ask("token/refresh/", owner, refresh_token=token).status_code == 200

    @pytest.mark.promise(15)
    @pytest.mark.standard("rfc6749-6-6")
    @pytest.mark.parametrize("who", ["nobody", "phone", "billing"])
    def test_spent_token_of_another_client_is_not_a_reuse(self, alice, time_machine, who):
        """A client that cannot use a token cannot end the session with it either."""
        time_machine.move_to("2030-01-01T12:00:00Z", tick=False)
        first = session_of("reports")["refresh_token"]
        second = ask("token/refresh/", "reports", refresh_token=first).json()["refresh_token"]
        time_machine.shift(60)
        assert outcome(ask("token/refresh/", who, refresh_token=first)) in (NO_CLIENT, NOT_THEIRS)
        assert ask("token/refresh/", "reports", refresh_token=second).status_code == 200
        assert outcome(ask("token/refresh/", "reports", refresh_token=first)) == NOT_THEIRS
        assert Session.objects.get().revoked_reason == "reused"

    @pytest.mark.standard("rfc6749-2.2-1")
    @pytest.mark.parametrize("stateless", [False, True])
    @pytest.mark.parametrize("who", WHO)
    def test_refresh_for_a_client_that_is_shut_out_is_rejected(
        self, alice, settings, stateless, who
    ):
        settings.TOKENAUTH = {"CLIENTS": listed(), "STATELESS_REFRESH": stateless}
        token = session_of("reports")["refresh_token"]
        closed = {**listed(), "reports": None}
        settings.TOKENAUTH = {"CLIENTS": closed, "STATELESS_REFRESH": stateless}
        answer = ask("token/refresh/", who, refresh_token=token)
        assert outcome(answer) == (NOT_THEIRS if who == "billing" else NO_CLIENT)

    def test_client_that_is_removed_from_the_list_is_a_label(self, alice, settings):
        token = session_of("reports")["refresh_token"]
        settings.TOKENAUTH = {}
        assert ask("token/refresh/", "nobody", refresh_token=token).status_code == 200


class TestRevoke:
    """RFC 7009 section 2.1: reject a token of another client and inform the client."""

    @pytest.mark.standard("rfc7009-2.1-4")
    @pytest.mark.parametrize("which", ["access_token", "refresh_token"])
    @pytest.mark.parametrize(
        ("owner", "who", "expected"),
        [
            ("reports", "reports", OK),
            ("reports", "nobody", NO_CLIENT),
            ("reports", "phone", NO_CLIENT),
            ("reports", "billing", NOT_THEIRS),
            ("phone", "phone", OK),
            ("phone", "nobody", OK),
            ("phone", "web", OK),
            ("phone", "reports", NOT_THEIRS),
        ],
    )
    def test_revocation_is_for_the_client_of_the_sign_in(self, alice, which, owner, who, expected):
        tokens = session_of(owner)
        answer = ask("token/revoke/", who, token=tokens[which])
        assert outcome(answer) == ((200, {}) if expected is OK else expected)
        alive = get("/who/", tokens["access_token"]).status_code == 200
        assert alive is (expected is not OK)

    @pytest.mark.parametrize("who", WHO)
    @pytest.mark.parametrize("token", ["garbage", "{ended}", "{pruned}"])
    def test_revocation_of_an_invalid_token_answers_200(self, alice, who, token):
        """RFC 7009 section 2.2."""
        ended, pruned = session_of("reports"), session_of("reports")
        ask("token/revoke/", "reports", token=ended["refresh_token"])
        Session.objects.filter(revoked_at=None).delete()
        token = token.format(ended=ended["refresh_token"], pruned=pruned["refresh_token"])
        assert outcome(ask("token/revoke/", who, token=token)) == (200, {})
