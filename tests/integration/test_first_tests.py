"""Tests that users of the package write by habit pass the first time, or say what is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client, TestCase, TransactionTestCase, override_settings
from django.urls import NoReverseMatch, include, path, reverse
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIClient, APITestCase
from rest_framework.views import APIView

from django_tokenauth import services
from django_tokenauth.authentication import JWTAuthentication
from tests.support.client import BARE, EXPIRED_TOKEN, WRONG_PASSWORD, malformed
from tests.support.projects import ROOT

CREDENTIALS = {"username": "alice", "password": "correct horse"}


class Me(APIView):
    """A view for tokens and for Django's sessions."""

    authentication_classes = (JWTAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)

    def get(self, request):
        return Response({"name": request.user.get_username()})


urlpatterns = [path("me/", Me.as_view()), path("", include("tests.urls"))]
at_these_routes = override_settings(ROOT_URLCONF=__name__)


@at_these_routes
class SignInTests(APITestCase):
    @classmethod
    def setUpTestData(cls):
        cls.alice = get_user_model().objects.create_user(**CREDENTIALS)
        cls.token = services.sign_in(cls.alice).access_token

    def test_sign_in_by_each_habit(self):
        url = reverse("tokenauth:token")
        responses = [
            self.client.post(url, CREDENTIALS),
            self.client.post(url, CREDENTIALS, format="json"),
            self.client.post(url, CREDENTIALS, format="multipart"),
            Client().post(url, CREDENTIALS),
            Client().post(url, CREDENTIALS, content_type="application/json"),
            APIClient(enforce_csrf_checks=True).post(url, CREDENTIALS),
        ]
        assert [each.status_code for each in responses] == [200] * 6
        assert "access_token" in responses[0].data
        assert responses[0].data == {**responses[0].json()}

    def test_token_in_credentials(self):
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")
        with self.assertNumQueries(1):
            response = self.client.get("/me/")
        assert response.data == {"name": "alice"}

    def test_token_in_headers(self):
        headers = {"Authorization": f"Bearer {self.token}"}
        for client in (Client(), APIClient(), Client(headers=headers)):
            assert client.get("/me/", headers=headers).status_code == 200
        response = Client().get("/me/", HTTP_AUTHORIZATION=f"bearer {self.token}")
        assert response.status_code == 200

    def test_wrong_password(self):
        response = self.client.post("/auth/token/", {**CREDENTIALS, "password": "wrong"})
        assert (response.status_code, response.json()) == (400, WRONG_PASSWORD)

    def test_expired_token(self):
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")
        with time_machine.travel(timedelta(minutes=6)):
            response = self.client.get("/me/")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == EXPIRED_TOKEN
        assert str(response.data["detail"]) == "The access token expired."

    def test_forced_authentication(self):
        self.client.force_authenticate(self.alice)
        assert self.client.get("/me/").data == {"name": "alice"}
        response = self.client.get("/notes/")
        assert response.status_code == 403
        assert response.data == {"detail": "This view needs an access token."}

    def test_session_of_django_beside_a_token(self):
        assert self.client.login(**CREDENTIALS)
        assert self.client.get("/me/").data == {"name": "alice"}
        self.client.credentials(HTTP_AUTHORIZATION="Bearer x")
        assert self.client.get("/me/").status_code == 401
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")
        self.client.logout()
        assert self.client.get("/me/").status_code == 401

    def test_sign_out_in_a_transaction(self):
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")
        services.sign_out_everywhere(self.alice)
        assert self.client.get("/me/").status_code == 401
        assert self.client.get("/who/stateless/").status_code == 401


class OtherTests(TransactionTestCase):
    def test_tokens_in_a_transaction_test_case(self):
        get_user_model().objects.create_user(**CREDENTIALS)
        tokens = self.client.post("/auth/token/", CREDENTIALS).json()
        response = self.client.post(
            reverse("tokenauth:refresh"), {"refresh_token": tokens["refresh_token"]}
        )
        assert response.status_code == 200


@override_settings(TOKENAUTH={"ACCESS_TOKEN_LIFETIME": timedelta(minutes=1)})
class SettingsTests(TestCase):
    def test_settings_are_overridden(self):
        get_user_model().objects.create_user(**CREDENTIALS)
        for lifetime in (60, 120):
            with self.settings(TOKENAUTH={"ACCESS_TOKEN_LIFETIME": timedelta(seconds=lifetime)}):
                tokens = self.client.post("/auth/token/", CREDENTIALS).json()
            assert tokens["expires_in"] == lifetime

    async def test_async_client(self):
        user = await get_user_model().objects.acreate_user(**CREDENTIALS)
        response = await self.async_client.post("/auth/token/", CREDENTIALS)
        headers = {"authorization": f"Bearer {response.json()['access_token']}"}
        who = await AsyncClient().get("/who/", headers=headers)
        assert who.json() == {"user": str(user), "sub": str(user.pk)}


@pytest.mark.parametrize("scheme", ["JWT", "Token", "Bearer:"])
def test_token_with_another_scheme_gets_the_scheme_to_use(scheme):
    response = Client().get("/who/", headers={"Authorization": f"{scheme} a.b.c"})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, BARE)
    assert response.json() == {"detail": "Authentication credentials were not provided."}


class TestMistakes:
    """The message of each usual mistake names what is missing."""

    @pytest.mark.parametrize(
        ("path", "body", "missing"),
        [
            ("token/", {"email": "alice@example.com", "password": "x"}, "username"),
            ("token/", {"username": "alice"}, "password"),
            ("token/refresh/", {"refresh": "a.b.c"}, "refresh_token"),
            ("token/verify/", {"access_token": "a.b.c"}, "token"),
        ],
    )
    def test_body_with_other_names_returns_400_that_names_them(self, path, body, missing):
        for client in (Client(), APIClient()):
            response = client.post(f"/auth/{path}", body)
            assert (response.status_code, response.json()) == (400, malformed(missing))

    @pytest.mark.parametrize("debug", [True, False])
    def test_path_without_its_slash_is_explained_by_django(self, settings, debug):
        settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
        settings.DEBUG = debug
        if debug:
            with pytest.raises(RuntimeError, match="doesn't end in a slash"):
                Client().post("/auth/token", CREDENTIALS)
        else:
            response = Client().post("/auth/token", CREDENTIALS)
            assert (response.status_code, response.headers["Location"]) == (301, "/auth/token/")

    def test_names_of_simplejwt_are_in_the_migration_guide(self):
        text = (ROOT / "docs" / "migrating.rst").read_text(encoding="utf-8")
        for name in ("token_obtain_pair", "token_refresh", "token_verify"):
            with pytest.raises(NoReverseMatch):
                reverse(name)
            assert f"``{name}``" in text
        for name in ("token", "refresh", "verify"):
            assert reverse(f"tokenauth:{name}")
            assert f"``tokenauth:{name}``" in text
