"""The package without ``cryptography``: secrets do all of their work, and key pairs say what to do.

The tests of ``TestWithout`` need a process that cannot import it. Where it is installed, the last
test starts such a process, in which the library takes its own way, and lets them run there.
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
from jwt.algorithms import has_crypto

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.errors import InvalidKey, TokenErrorCode
from django_tokenauth.keys.generating import make_jwk
from django_tokenauth.keys.loading import load_key
from django_tokenauth.keys.sources import access_keys, build_access_keys
from tests.support.client import INVALID_GRANT, get, outcome, post, sign_in
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
# RFC 8410 section 10.1 and RFC 8037 appendix A. Of the other types nothing is read but the label.
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


class TestWithout:
    __test__ = not has_crypto

    def test_it_cannot_be_imported(self):
        with pytest.raises(ImportError):
            import_module("cryptography")

    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize(
        "secret", [SIGNING_KEY, SIGNING_KEY.decode(), {"kty": "oct", "k": base64url(SIGNING_KEY)}]
    )
    def test_secrets_sign_and_verify(self, algorithm, secret):
        key = load_key(secret, algorithm)
        signature = key.sign(b"message")
        assert signature == hmac_with(SIGNING_KEY, algorithm.replace("HS", "sha"))(b"message")
        assert key.verify(b"message", signature)
        assert not key.verify(b"another", signature)

    def test_tokens_are_made_and_verified(self):
        for server in (Access(), Refresh()):
            claims = server.decode(server.token())
            assert server.decode(server.tokens.encode(claims)) == claims
            assert server.code(server.token(), now=NOW + 10**9) is TokenErrorCode.EXPIRED
            assert server.code(server.with_header(alg="RS256")) is TokenErrorCode.KEY
            assert server.code(server.with_header(alg="none")) is TokenErrorCode.KEY

    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    @pytest.mark.parametrize("form", FORMS)
    def test_a_key_pair_is_refused_with_what_to_install(self, algorithm, form):
        with pytest.raises(InvalidKey) as caught:
            load_key(material(algorithm, form), algorithm)
        assert str(caught.value) == f"{algorithm} needs the package cryptography."
        assert (caught.value.check_id, caught.value.hint) == ("E001", HINT)

    def test_so_is_one_beside_secrets(self):
        settings = read_settings(VERIFYING_KEYS=[material("EdDSA", "JWK with alg")])
        with pytest.raises(InvalidKey) as caught:
            build_access_keys(settings)
        assert (caught.value.check_id, caught.value.hint) == ("E001", HINT)

    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    def test_none_is_made_and_the_refusal_says_what_to_install(self, algorithm):
        with pytest.raises(InvalidKey) as caught:
            make_jwk(algorithm, now=NOW, not_before=NOW)
        assert str(caught.value) == f"{algorithm} needs the package cryptography."
        assert (caught.value.check_id, caught.value.hint) == ("E001", HINT)

    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    def test_secrets_are_made_and_can_be_rotated(self, algorithm):
        jwks = [make_jwk(algorithm, now=NOW, not_before=NOW + later) for later in (0, 60)]
        source = build_access_keys(read_settings(KEYS=jwks))
        signing = [source.at(NOW + seconds).signing for seconds in (0, 59, 60)]
        assert [key.kid for key in signing] == [jwks[0]["kid"], jwks[0]["kid"], jwks[1]["kid"]]
        assert signing[0].verify(b"message", signing[0].sign(b"message"))

    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    @pytest.mark.parametrize("setting", ["SIGNING_KEY", "VERIFYING_KEYS"])
    def test_the_system_check_and_the_first_use_say_so(self, settings, algorithm, setting):
        key = material(algorithm, "PEM")
        settings.TOKENAUTH = {
            "ALGORITHM": algorithm,
            setting: [key] if setting == "VERIFYING_KEYS" else key,
        }
        message = f"{algorithm} needs the package cryptography."
        found = [found for found in run_checks() if found.id.startswith("tokenauth.")]
        assert found == [Error(message, hint=HINT, id="tokenauth.E001")]
        values = {name: settings.TOKENAUTH[name] for name in settings.TOKENAUTH}
        with pytest.raises(ImproperlyConfigured) as caught:
            access_keys(read_settings(**values))
        assert str(caught.value) == f"tokenauth.E001: {message} {HINT}"

    def test_the_usual_settings_have_no_problem(self):
        assert [found for found in run_checks() if found.id.startswith("tokenauth.")] == []

    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    def test_alice_signs_in_refreshes_and_signs_out(self, settings, algorithm, alice):
        settings.TOKENAUTH = {"ALGORITHM": algorithm}
        first = sign_in("alice")
        assert outcome(get("/who/", first["access_token"])) == (
            HTTPStatus.OK,
            {"user": "alice", "sub": str(alice.pk)},
        )
        answer = post("token/refresh/", {"refresh_token": first["refresh_token"]})
        assert answer.status_code == HTTPStatus.OK
        second = answer.json()
        assert get("/who/stateless/", second["access_token"]).status_code == HTTPStatus.OK
        assert outcome(post("token/revoke/", {"token": second["refresh_token"]})) == (200, {})
        answer = post("token/refresh/", {"refresh_token": second["refresh_token"]})
        assert outcome(answer) == (HTTPStatus.BAD_REQUEST, INVALID_GRANT)
        assert get("/who/", second["access_token"]).status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.skipif(not has_crypto, reason="cryptography is not installed: see TestWithout")
def test_where_it_is_installed_the_others_pass_in_a_process_without_it():
    # None in sys.modules makes every import of it an ImportError, as if it were not there.
    start = "import sys; sys.modules['cryptography'] = None; import pytest; sys.exit(pytest.main())"
    # On SQLite, because the database of this process has but one test database.
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-c", start, "-q", "-p", "no:cacheprovider", __file__],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "DATABASE": "sqlite", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    said = f"{ended.stdout}{ended.stderr}"
    assert ended.returncode == 0, said
    passed = re.search(r"^(\d+) passed, 1 skipped", said, re.MULTILINE)
    assert passed is not None, said
    assert int(passed[1]) > 60
