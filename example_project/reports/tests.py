"""Tests of the report service without the API. `manage.py demo --check` runs both."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import jwt
from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings
from django_tokenauth.keys.files import read_files
from django_tokenauth.keys.publishing import to_jwks
from django_tokenauth.test import TokenTestMixin, other_audiences_token
from rest_framework.test import APITestCase

from demo.keys import make_first
from demo.parties import REPORTS, REPORTS_CLIENT
from reports.notes_api import assertion
from reports.settings import TOKENAUTH as OWN_SETTINGS


@override_settings(ROOT_URLCONF="reports.urls")
class ReportTests(TokenTestMixin, APITestCase):
    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = User.objects.create_user("alice")

    def setUp(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            issuer = f"http://127.0.0.1:{closed.getsockname()[1]}"
        scopes = ("notes:read", "reports:create")
        own = {**settings.TOKENAUTH, "AUDIENCE": REPORTS, "ISSUER": issuer, "SCOPES": scopes}
        self.enterContext(self.settings(TOKENAUTH=own))
        self.keys = Path(self.enterContext(TemporaryDirectory()))
        make_first(self.keys)
        [file] = read_files(self.keys)
        before = os.environ.get("EXAMPLE_REPORTS_KEY")
        self.addCleanup(self.set_key, before)
        self.set_key(str(file.path))

    def set_key(self, path: str | None) -> None:
        if path is None:
            del os.environ["EXAMPLE_REPORTS_KEY"]
        else:
            os.environ["EXAMPLE_REPORTS_KEY"] = path

    def test_token_for_another_audience_is_rejected(self) -> None:
        self.client.use_token(other_audiences_token(self.alice))
        response = self.client.post("/reports/")
        self.assertEqual(response.status_code, 401)
        self.assertIn('error="invalid_token"', response["WWW-Authenticate"])

    def test_token_without_one_of_the_scopes_is_rejected(self) -> None:
        for scope in ("reports:create", "notes:read"):
            with self.subTest(scope):
                self.client.sign_in(self.alice, scope=scope)
                response = self.client.post("/reports/")
                self.assertEqual(response.status_code, 403)

    def test_report_is_unavailable_without_the_api(self) -> None:
        self.client.sign_in(self.alice)
        with self.assertLogs("reports", "ERROR") as logs:
            self.assertEqual(self.client.post("/reports/").status_code, 503)
        self.assertIn("the exchange failed with status 0", logs.output[0])

    def test_report_is_unavailable_without_a_usable_key(self) -> None:
        private = {"kty": "OKP", "crv": "Ed25519", "d": "secret", "kid": "1", "alg": "EdDSA"}
        path = self.keys / "other.json"
        self.set_key(str(path))
        self.client.sign_in(self.alice)
        for text in (None, "", "[]", "{}", json.dumps(private)):
            with self.subTest(text), self.assertLogs("reports", "ERROR") as logs:
                if text is not None:
                    path.write_text(text, encoding="utf-8")
                self.assertEqual(self.client.post("/reports/").status_code, 503)
                self.assertNotIn("secret", "".join(logs.output))

    def test_assertion_names_the_client_and_is_valid_for_a_minute(self) -> None:
        [key] = jwt.PyJWKSet.from_json(to_jwks([read_files(self.keys)[0].key])).keys
        issuer = settings.TOKENAUTH["ISSUER"]
        first, second = (
            jwt.decode(assertion(), key, ["EdDSA"], audience=issuer, issuer=REPORTS_CLIENT)
            for _ in range(2)
        )
        self.assertEqual(first["sub"], REPORTS_CLIENT)
        self.assertNotEqual(first["jti"], second["jti"])
        with self.assertRaises(jwt.ExpiredSignatureError):
            jwt.decode(assertion(), key, ["EdDSA"], audience=issuer, leeway=-61)


class SettingsTests(APITestCase):
    def test_report_service_has_no_secret_of_the_api(self) -> None:
        self.assertEqual(
            set(OWN_SETTINGS) & {"KEY_DIRECTORY", "KEYS", "SIGNING_KEY", "CLIENTS"}, set()
        )
        self.assertEqual(OWN_SETTINGS["AUDIENCE"], REPORTS)
