"""Tests of a project that uses django_tokenauth, over its URLs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import override_settings
from django_tokenauth.test import (
    TokenClient,
    TokenTestMixin,
    assert_needs_scope,
    assert_signed_out,
    expired_token,
    other_issuers_token,
    revoked_token,
    tampered_token,
)
from rest_framework.test import APITestCase

PASSWORD = "correct horse battery staple"


class NotesTestCase(TokenTestMixin, APITestCase):
    """Has the users alice and bob."""

    alice: User
    bob: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = User.objects.create_user("alice")
        cls.bob = User.objects.create_user("bob")

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
        self.client.sign_in(self.alice)
        self.write("Buy oranges")
        self.write("Call Bob")
        self.assertEqual(self.texts(), ["Call Bob", "Buy oranges"])

    def test_deleted_note_is_not_listed(self) -> None:
        self.client.sign_in(self.alice)
        note = self.write("Buy oranges")
        response = self.client.delete(f"/notes/{note['id']}/")
        self.assertEqual(response.status_code, 204)
        self.assertEqual(self.texts(), [])

    def test_empty_note_is_rejected(self) -> None:
        self.client.sign_in(self.alice)
        response = self.client.post("/notes/", {"text": " "})
        self.assertEqual(response.status_code, 400)

    def test_notes_of_another_user_are_not_found(self) -> None:
        self.client.sign_in(self.alice)
        note = self.write("Buy oranges")
        self.client.sign_in(self.bob)
        self.assertEqual(self.texts(), [])
        self.assertEqual(self.client.delete(f"/notes/{note['id']}/").status_code, 404)
        self.client.sign_in(self.alice)
        self.assertEqual(self.texts(), ["Buy oranges"])

    def test_each_method_needs_its_scope(self) -> None:
        for method, path, scope in (
            ("get", "/notes/", "notes:read"),
            ("post", "/notes/", "notes:write"),
            ("delete", "/notes/1/", "notes:write"),
        ):
            with self.subTest(f"{method} {path}"):
                assert_needs_scope(self.client, self.alice, method, path, scope=scope)


class StatisticsTests(NotesTestCase):
    def test_statistics_need_their_scope(self) -> None:
        staff = User.objects.create_user("admin", is_staff=True)
        assert_needs_scope(self.client, staff, "get", "/statistics/", scope="statistics:read")

    def test_statistics_count_users_and_notes(self) -> None:
        self.client.sign_in(User.objects.create_user("admin", is_staff=True))
        self.write("Buy oranges")
        response = self.client.get("/statistics/")
        self.assertEqual(response.json(), {"users": 3, "notes": 1})

    def test_user_who_is_not_staff_cannot_get_the_scope(self) -> None:
        self.client.sign_in(self.alice)
        self.assertEqual(self.client.get("/statistics/").status_code, 403)


class TokenTests(NotesTestCase):
    def test_request_without_a_token_gets_a_challenge(self) -> None:
        response = self.client.get("/notes/")
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response["WWW-Authenticate"], 'Bearer realm="api"')

    def test_invalid_tokens_are_rejected(self) -> None:
        for make in (expired_token, revoked_token, tampered_token, other_issuers_token):
            with self.subTest(make.__name__):
                self.client.use_token(make(self.alice))
                self.assert_invalid_token(self.client.get("/notes/"))
                self.assert_invalid_token(self.client.get("/whoami/"))

    def test_refresh_token_is_rejected_by_the_api(self) -> None:
        self.client.use_token(self.client.sign_in(self.alice).refresh_token)
        self.assert_invalid_token(self.client.get("/notes/"))

    def test_stateless_view_knows_the_user_without_a_query(self) -> None:
        self.client.sign_in(self.alice)
        self.client.get("/whoami/")  # The first request reads the revoked sessions.
        with self.assertNumQueries(0):
            response = self.client.get("/whoami/")
        self.assertEqual(response.json()["preferred_username"], "alice")


class SessionTests(NotesTestCase):
    def refresh(self, refresh_token: str) -> Any:
        return self.client.post("/auth/token/refresh/", {"refresh_token": refresh_token})

    def test_refreshed_token_works(self) -> None:
        pair = self.client.sign_in(self.alice)
        self.write("Buy oranges")
        response = self.refresh(pair.refresh_token)
        self.assertEqual(response.status_code, 200)
        self.client.use_token(response.json()["access_token"])
        self.assertEqual(self.texts(), ["Buy oranges"])

    def test_revocation_route_ends_the_session(self) -> None:
        pair = self.client.sign_in(self.alice)
        response = self.client.post("/auth/token/revoke/", {"token": pair.refresh_token})
        self.assertEqual(response.status_code, 200)
        assert_signed_out(pair)

    def test_reused_refresh_token_ends_the_session(self) -> None:
        stolen = self.client.sign_in(self.alice)
        second = self.refresh(stolen.refresh_token).json()
        third = self.refresh(second["refresh_token"]).json()
        with self.assertLogs("django_tokenauth", "WARNING"):
            self.assertEqual(self.refresh(stolen.refresh_token).status_code, 400)
        assert_signed_out(third)

    def test_other_sessions_survive_a_sign_out(self) -> None:
        phone = self.client.sign_in(self.alice, device_name="Phone")
        laptop = TokenClient()
        laptop.sign_in(self.alice, device_name="Laptop")
        sessions = laptop.get("/auth/sessions/").json()
        self.assertEqual({session["device_name"] for session in sessions}, {"Phone", "Laptop"})
        [other] = [session["id"] for session in sessions if not session["current"]]
        self.assertEqual(laptop.delete(f"/auth/sessions/{other}/").status_code, 204)
        assert_signed_out(phone)
        self.assertEqual(laptop.get("/notes/").status_code, 200)


# Django's first hasher takes half a second for each user and sign-in.
@override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])
class PasswordTests(NotesTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = User.objects.create_user("alice", password=PASSWORD)

    def sign_in_over_http(self, password: str) -> Any:
        return self.client.post("/auth/token/", {"username": "alice", "password": password})

    def test_password_gets_a_token_that_works(self) -> None:
        response = self.sign_in_over_http(PASSWORD)
        self.assertEqual(response.status_code, 200, response.content)
        self.client.use_token(response.json()["access_token"])
        self.assertEqual(self.texts(), [])

    def test_wrong_passwords_get_no_token_and_are_throttled(self) -> None:
        for _ in range(20):
            response = self.sign_in_over_http("tangerine lantern gravel song")
            self.assertEqual(response.status_code, 400)
            self.assertEqual(response.json()["error"], "invalid_grant")
        with self.assertLogs("django_tokenauth", "WARNING"):
            self.assertEqual(self.sign_in_over_http(PASSWORD).status_code, 429)
