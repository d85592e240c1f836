"""Responses in the language that the client asks for."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient


@pytest.fixture
def client(settings):
    """Return a client that prefers Korean, of a project with LocaleMiddleware."""
    settings.MIDDLEWARE = ["django.middleware.locale.LocaleMiddleware", *settings.MIDDLEWARE]
    return APIClient(HTTP_ACCEPT_LANGUAGE="ko")


def sign_in(client, **changes):
    body = {"username": "alice", "password": "correct horse", **changes}
    return client.post("/auth/token/", body, format="json")


class TestLanguage:
    @pytest.mark.django_db
    def test_korean_client_gets_the_wrong_password_error_in_korean(self, client):
        response = sign_in(client, password="wrong")
        assert response.status_code == 400
        assert response.json() == {
            "error": "invalid_grant",
            "error_description": "사용자 이름 또는 비밀번호가 올바르지 않습니다.",
        }

    def test_korean_error_keeps_the_names_of_parameters(self, client):
        response = client.post("/auth/token/", {}, format="json")
        assert response.json() == {
            "error": "invalid_request",
            "error_description": (
                "다음 매개변수가 없거나 형식이 올바르지 않습니다: password, username."
            ),
        }

    def test_rejected_token_has_korean_detail_and_ascii_challenge(self, client):
        response = client.get("/who/", HTTP_AUTHORIZATION="Bearer x")
        assert response.status_code == 401
        assert response.json() == {"detail": "액세스 토큰이 유효하지 않습니다."}
        assert response["WWW-Authenticate"] == (
            'Bearer realm="api", error="invalid_token", '
            'error_description="The access token is not valid."'
        )

    def test_missing_scope_has_korean_detail_and_ascii_challenge(self, client, settings, alice):
        settings.TOKENAUTH = {"SCOPES": ["notes:read", "notes:write"]}
        token = sign_in(client, scope="notes:read").json()["access_token"]
        response = client.post("/notes/", {}, HTTP_AUTHORIZATION=f"Bearer {token}")
        assert response.status_code == 403
        assert response.json() == {"detail": "액세스 토큰에 필요한 스코프가 없습니다."}
        assert response["WWW-Authenticate"] == (
            'Bearer realm="api", error="insufficient_scope", '
            'error_description="The access token does not have the required scope.", '
            'scope="notes:read notes:write"'
        )

    @pytest.mark.django_db
    def test_untranslated_language_falls_back_to_english(self, client):
        client.credentials(HTTP_ACCEPT_LANGUAGE="xx")
        response = sign_in(client, password="wrong")
        assert response.json()["error_description"] == "Wrong username or password."
