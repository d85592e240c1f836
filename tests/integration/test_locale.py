"""Responses in the language that the client asks for."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient


@pytest.fixture
def client(settings):
    """Somebody who reads Korean, of a project that asks for the reader's language."""
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *settings.MIDDLEWARE]
    return APIClient(HTTP_ACCEPT_LANGUAGE="ko")


def sign_in(client, **changes):
    body = {"username": "alice", "password": "correct horse", **changes}
    return client.post("/auth/token/", body, format="json")


@pytest.mark.django_db
class TestAnswers:
    def test_a_wrong_password_is_explained_in_korean(self, client):
        answer = sign_in(client, password="wrong")
        assert answer.status_code == 400
        assert answer.json() == {
            "error": "invalid_grant",
            "error_description": "인증 정보 또는 토큰이 유효하지 않습니다.",
        }

    def test_the_parameters_that_are_missing_keep_their_names(self, client):
        answer = client.post("/auth/token/", {}, format="json")
        assert answer.json() == {
            "error": "invalid_request",
            "error_description": (
                "다음 매개변수가 없거나 형식이 올바르지 않습니다: password, username."
            ),
        }

    def test_a_refused_token_is_explained_in_korean_and_challenged_in_ascii(self, client):
        answer = client.get("/who/", HTTP_AUTHORIZATION="Bearer x")
        assert answer.status_code == 401
        assert answer.json() == {"detail": "액세스 토큰이 유효하지 않습니다."}
        assert answer["WWW-Authenticate"] == (
            'Bearer realm="api", error="invalid_token", '
            'error_description="The access token is not valid."'
        )

    def test_a_missing_scope_is_explained_in_korean_and_challenged_in_ascii(
        self, client, settings, alice
    ):
        settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}
        token = sign_in(client, scope="notes:read").json()["access_token"]
        answer = client.post("/notes/", {}, HTTP_AUTHORIZATION=f"Bearer {token}")
        assert answer.status_code == 403
        assert answer.json() == {"detail": "액세스 토큰에 필요한 스코프가 없습니다."}
        assert answer["WWW-Authenticate"] == (
            'Bearer realm="api", error="insufficient_scope", '
            'error_description="The access token does not have the required scope.", '
            'scope="notes:read notes:write"'
        )

    def test_who_asks_for_another_language_gets_english(self, client):
        client.credentials(HTTP_ACCEPT_LANGUAGE="xx")
        answer = sign_in(client, password="wrong")
        assert answer.json()["error_description"] == "The credentials or the token are not valid."
