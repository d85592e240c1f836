"""Tests of a project that uses django_tokenauth, over its URLs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpResponse
from django.test import override_settings
from rest_framework.test import APITestCase

PASSWORDS = {"alice": "correct horse battery staple", "bob": "tangerine lantern gravel song"}


# Django's first hasher takes half a second for each user and sign-in.
@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
class NotesTestCase(APITestCase):
    """Signs in alice and bob with their passwords."""

    @classmethod
    def setUpTestData(cls) -> None:
        for name, password in PASSWORDS.items():
            User.objects.create_user(name, password=password)

    def setUp(self) -> None:
        # The cache counts failed sign-ins, and the end of a test does not roll it back.
        cache.clear()

    def sign_in(self, user: str, **more: str) -> dict[str, Any]:
        """Sign in, send the token with each later request, and return the tokens."""
        body = {"username": user, "password": PASSWORDS[user], **more}
        response = self.client.post("/auth/token/", body)
        self.assertEqual(response.status_code, 200, response.content)
        self.use(response.json())
        return dict(response.json())

    def use(self, tokens: dict[str, Any]) -> None:
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")

    def refresh(self, tokens: dict[str, Any]) -> Any:
        body = {"refresh_token": tokens["refresh_token"]}
        return self.client.post("/auth/token/refresh/", body)

    def write(self, text: str) -> dict[str, Any]:
        response = self.client.post("/notes/", {"text": text})
        self.assertEqual(response.status_code, 201, response.content)
        return dict(response.json())

    def texts(self) -> list[str]:
        response = self.client.get("/notes/")
        self.assertEqual(response.status_code, 200, response.content)
        return [note["text"] for note in response.json()]

    def assert_invalid_token(self, response: HttpResponse) -> None:
        self.assertEqual(response.status_code, 401)
        self.assertIn('error="invalid_token"', response["WWW-Authenticate"])


class NoteTests(NotesTestCase):
    def test_notes_are_listed_newest_first(self) -> None:
        self.sign_in("alice")
        self.write("Buy oranges")
        self.write("Call Bob")
        self.assertEqual(self.texts(), ["Call Bob", "Buy oranges"])

    def test_deleted_note_is_not_listed(self) -> None:
        self.sign_in("alice")
        note = self.write("Buy oranges")
        response = self.client.delete(f"/notes/{note['id']}/")
        self.assertEqual(response.status_code, 204)
        self.assertEqual(self.texts(), [])

    def test_empty_note_is_rejected(self) -> None:
        self.sign_in("alice")
        response = self.client.post("/notes/", {"text": " "})
        self.assertEqual(response.status_code, 400)

    def test_notes_of_another_user_are_not_found(self) -> None:
        self.sign_in("alice")
        note = self.write("Buy oranges")
        self.sign_in("bob")
        self.assertEqual(self.texts(), [])
        self.assertEqual(self.client.delete(f"/notes/{note['id']}/").status_code, 404)
        self.sign_in("alice")
        self.assertEqual(self.texts(), ["Buy oranges"])


class TokenTests(NotesTestCase):
    def test_wrong_password_gets_no_token(self) -> None:
        body = {"username": "alice", "password": PASSWORDS["bob"]}
        response = self.client.post("/auth/token/", body)
        self.assertEqual(response.status_code, 400)
        self.assertEqual(response.json()["error"], "invalid_grant")

    def test_request_without_a_token_gets_a_challenge(self) -> None:
        response = self.client.get("/notes/")
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response["WWW-Authenticate"], 'Bearer realm="api"')

    def test_refresh_token_is_rejected_by_the_api(self) -> None:
        tokens = self.sign_in("alice")
        self.use({"access_token": tokens["refresh_token"]})
        self.assert_invalid_token(self.client.get("/notes/"))

    def test_token_with_read_scope_cannot_write(self) -> None:
        self.sign_in("alice", scope="notes:read")
        self.assertEqual(self.texts(), [])
        response = self.client.post("/notes/", {"text": "Buy oranges"})
        self.assertEqual(response.status_code, 403)
        self.assertIn('error="insufficient_scope"', response["WWW-Authenticate"])
        self.assertIn('scope="notes:write"', response["WWW-Authenticate"])

    def test_stateless_view_knows_the_user_without_a_query(self) -> None:
        self.sign_in("alice")
        self.client.get("/whoami/")  # The first request may read the revoked sessions.
        with self.assertNumQueries(0):
            response = self.client.get("/whoami/")
        self.assertEqual(response.json()["preferred_username"], "alice")


class SessionTests(NotesTestCase):
    def test_refreshed_token_works(self) -> None:
        tokens = self.sign_in("alice")
        self.write("Buy oranges")
        response = self.refresh(tokens)
        self.assertEqual(response.status_code, 200)
        self.use(response.json())
        self.assertEqual(self.texts(), ["Buy oranges"])

    def test_token_is_rejected_after_sign_out(self) -> None:
        tokens = self.sign_in("alice")
        response = self.client.post("/auth/token/revoke/", {"token": tokens["refresh_token"]})
        self.assertEqual(response.status_code, 200)
        self.assert_invalid_token(self.client.get("/notes/"))
        self.assertEqual(self.refresh(tokens).json()["error"], "invalid_grant")

    def test_reused_refresh_token_ends_the_session(self) -> None:
        stolen = self.sign_in("alice")
        second = self.refresh(stolen).json()
        third = self.refresh(second).json()
        with self.assertLogs("django_tokenauth", "WARNING"):
            self.assertEqual(self.refresh(stolen).status_code, 400)
        self.use(third)
        self.assert_invalid_token(self.client.get("/notes/"))

    def test_other_sessions_survive_a_sign_out(self) -> None:
        self.sign_in("alice", device_name="Phone")
        self.sign_in("alice", device_name="Laptop")
        phone, laptop = sorted(
            self.client.get("/auth/sessions/").json(), key=lambda s: s["current"]
        )
        self.assertEqual([phone["device_name"], laptop["device_name"]], ["Phone", "Laptop"])
        self.assertEqual(self.client.delete(f"/auth/sessions/{phone['id']}/").status_code, 204)
        self.assertEqual(self.texts(), [])
        self.assertEqual(len(self.client.get("/auth/sessions/").json()), 1)
