"""Without ``cryptography``, HMAC keys work and asymmetric keys raise an error with a hint.

``TestWithoutCryptography`` needs a process that cannot import the package. The last test starts
such a process if ``cryptography`` is installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from http import HTTPStatus
from importlib import import_module
from pathlib import Path

import pytest
from django.core.checks import Error, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from jwt.algorithms import has_crypto

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.errors import InvalidKey, TokenErrorCode
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.sources import access_keys, build_access_keys
from tests.support.client import SESSION_ENDED, get, post, sign_in, status_and_json
from tests.support.raw_tokens import (
    NOW,
    SIGNING_KEY,
    Access,
    Refresh,
    base64url,
    hmac_with,
    read_settings,
)

HINT = 'Install the extra: pip install "drf-tokenauth[crypto]"'
# Keys of RFC 8410 section 10.1 and RFC 8037 appendix A. Only the type of the other JWKs is read.
PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""
JWKS = {
    "RS": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    "PS": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    "ES": {"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"},
    "Ed": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
}
FORMS = ["PEM", "JWK", "JWK with alg"]


def material(algorithm, form):
    jwk = JWKS[algorithm[:2]]
    return {"PEM": PEM, "JWK": jwk, "JWK with alg": {**jwk, "alg": algorithm}}[form]


class TestWithoutCryptography:
    __test__ = not has_crypto

    def test_cryptography_cannot_be_imported(self):
        with pytest.raises(ImportError):
            import_module("cryptography")

    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize(
        "secret", [SIGNING_KEY, SIGNING_KEY.decode(), {"kty": "oct", "k": base64url(SIGNING_KEY)}]
    )
    def test_hmac_key_signs_and_verifies_without_cryptography(self, algorithm, secret):
        key = load_key(secret, algorithm)
        signature = key.sign(b"message")
        assert signature == hmac_with(SIGNING_KEY, algorithm.replace("HS", "sha"))(b"message")
        assert key.verify(b"message", signature)
        assert not key.verify(b"another", signature)

    def test_tokens_are_encoded_and_decoded_without_cryptography(self):
        for server in (Access(), Refresh()):
            claims = server.decode(server.token())
            assert server.decode(server.tokens.encode(claims)) == claims
            assert server.code(server.token(), now=NOW + 10**9) is TokenErrorCode.EXPIRED
            assert server.code(server.with_header(alg="RS256")) is TokenErrorCode.KEY
            assert server.code(server.with_header(alg="none")) is TokenErrorCode.KEY

    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    @pytest.mark.parametrize("form", FORMS)
    def test_load_key_without_cryptography_names_the_extra(self, algorithm, form):
        with pytest.raises(InvalidKey) as caught:
            load_key(material(algorithm, form), algorithm)
        assert str(caught.value) == f"{algorithm} needs the package cryptography."
        assert (caught.value.check_id, caught.value.hint) == ("E001", HINT)

    def test_asymmetric_key_beside_hmac_key_needs_cryptography(self):
        settings = read_settings(VERIFYING_KEYS=[material("EdDSA", "JWK with alg")])
        with pytest.raises(InvalidKey) as caught:
            build_access_keys(settings)
        assert (caught.value.check_id, caught.value.hint) == ("E001", HINT)

    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    def test_make_jwk_without_cryptography_names_the_extra(self, algorithm):
        with pytest.raises(InvalidKey) as caught:
            make_jwk(algorithm, now=NOW, not_before=NOW)
        assert str(caught.value) == f"{algorithm} needs the package cryptography."
        assert (caught.value.check_id, caught.value.hint) == ("E001", HINT)

    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    def test_hmac_keys_rotate_without_cryptography(self, algorithm):
        jwks = [make_jwk(algorithm, now=NOW, not_before=NOW + later) for later in (0, 60)]
        source = build_access_keys(read_settings(KEYS=jwks))
        signing = [source.at(NOW + seconds).signing for seconds in (0, 59, 60)]
        assert [key.kid for key in signing] == [jwks[0]["kid"], jwks[0]["kid"], jwks[1]["kid"]]
        assert signing[0].verify(b"message", signing[0].sign(b"message"))

    @pytest.mark.parametrize("form", ["jwks", "pem"])
    def test_keys_publish_without_cryptography_has_no_public_key(self, settings, form):
        settings.TOKENAUTH = {}
        with pytest.raises(CommandError, match="There is no public key"):
            call_command("tokenauth_keys", "publish", "--format", form)

    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    @pytest.mark.parametrize("setting", ["SIGNING_KEY", "VERIFYING_KEYS"])
    def test_check_and_first_use_without_cryptography_name_extra(
        self, settings, algorithm, setting
    ):
        key = material(algorithm, "PEM")
        settings.TOKENAUTH = {
            "ALGORITHM": algorithm,
            setting: [key] if setting == "VERIFYING_KEYS" else key,
        }
        message = f"{algorithm} needs the package cryptography."
        messages = [messages for messages in run_checks() if messages.id.startswith("tokenauth.")]
        assert messages == [Error(message, hint=HINT, id="tokenauth.E001")]
        values = {name: settings.TOKENAUTH[name] for name in settings.TOKENAUTH}
        with pytest.raises(ImproperlyConfigured) as caught:
            access_keys(read_settings(**values))
        assert str(caught.value) == f"tokenauth.E001: {message} {HINT}"

    def test_check_of_default_settings_without_cryptography_passes(self):
        assert [messages for messages in run_checks() if messages.id.startswith("tokenauth.")] == []

    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    def test_sign_in_refresh_sign_out_succeed_without_cryptography(
        self, settings, algorithm, alice
    ):
        settings.TOKENAUTH = {"ALGORITHM": algorithm}
        first = sign_in("alice")
        assert status_and_json(get("/who/", first["access_token"])) == (
            HTTPStatus.OK,
            {"user": "alice", "sub": str(alice.pk)},
        )
        response = post("token/refresh/", {"refresh_token": first["refresh_token"]})
        assert response.status_code == HTTPStatus.OK
        second = response.json()
        assert get("/who/stateless/", second["access_token"]).status_code == HTTPStatus.OK
        assert status_and_json(post("token/revoke/", {"token": second["refresh_token"]})) == (
            200,
            {},
        )
        response = post("token/refresh/", {"refresh_token": second["refresh_token"]})
        assert status_and_json(response) == (HTTPStatus.BAD_REQUEST, SESSION_ENDED)
        assert get("/who/", second["access_token"]).status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.skipif(
    not has_crypto, reason="cryptography is not installed: TestWithoutCryptography runs"
)
def test_tests_pass_in_a_process_without_cryptography():
    # None in sys.modules makes each import of cryptography raise ImportError.
    start = "import sys; sys.modules['cryptography'] = None; import pytest; sys.exit(pytest.main())"
    # Use SQLite, because this process already uses the test database of the server.
    process = subprocess.run(  # noqa: S603
        [sys.executable, "-c", start, "-q", "-p", "no:cacheprovider", __file__],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "DATABASE": "sqlite", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    output = f"{process.stdout}{process.stderr}"
    assert process.returncode == 0, output
    passed = re.search(r"^(\d+) passed, 1 skipped", output, re.MULTILINE)
    assert passed is not None, output
    assert int(passed[1]) > 60
