"""``/.well-known/jwks.json``: the public keys, for all origins and for caches."""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test import Client

from django_tokenauth.conf.settings import ASYMMETRIC_ALGORITHMS, HMAC_ALGORITHMS
from django_tokenauth.keys.directory import POLL_INTERVAL
from django_tokenauth.keys.files import read_file, write_jwk
from django_tokenauth.keys.generating import make_jwk
from tests.support.asgi import asgi_request
from tests.support.client import UNAVAILABLE
from tests.support.clock import NOW, after
from tests.support.http_server import send_request, serve
from tests.support.sample_keys import private_jwk, private_key, public_jwk

SECONDS = int(NOW.timestamp())
PATH = "/.well-known/jwks.json"
#: The secret members of keys (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def get_jwks(now=NOW, **headers):
    with time_machine.travel(now, tick=False):
        return Client().get(PATH, headers=headers)


def kids(**options):
    return [key["kid"] for key in get_jwks(**options).json()["keys"]]


@pytest.fixture
def jwk(settings):
    """Return the only key of the project."""
    jwk = make_jwk("EdDSA", now=SECONDS, not_before=SECONDS - 50)
    settings.TOKENAUTH = {"KEYS": [jwk]}
    return jwk


class TestKeys:
    @pytest.mark.standard("rfc7517-4.1-1")
    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    def test_jwks_key_has_its_algorithm_use_and_thumbprint(self, settings, algorithm):
        key = private_key(algorithm)
        settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": private_jwk(key)}
        [published] = get_jwks().json()["keys"]
        kid = published.pop("kid")
        assert re.fullmatch("[A-Za-z0-9_-]{43}", kid)
        assert published == {**public_jwk(key), "alg": algorithm, "use": "sig"}

    @pytest.mark.promise(21)
    @pytest.mark.standard("rfc7517-9.2-1")
    @pytest.mark.attack(117)
    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    def test_jwks_contains_no_private_member(self, settings, algorithm):
        extra = {"nbf": SECONDS - 50, "exp": SECONDS + 50, "iat": SECONDS, "x5c": ["a"], "note": 1}
        jwk = {**private_jwk(private_key(algorithm)), **extra, "alg": algorithm}
        settings.TOKENAUTH = {"KEYS": [jwk]}
        body = get_jwks().content.decode()
        [published] = json.loads(body)["keys"]
        assert PRIVATE_MEMBERS.isdisjoint(published)
        assert set(published) - set(public_jwk(private_key(algorithm))) == {"kid", "alg", "use"}
        secrets = [jwk[name] for name in PRIVATE_MEMBERS & jwk.keys() if jwk[name] in body]
        assert secrets == []

    @pytest.mark.promise(21)
    @pytest.mark.standard("rfc7517-9.2-1")
    @pytest.mark.attack(117)
    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize("source", ["SECRET_KEY", "SIGNING_KEY", "KEYS"])
    def test_jwks_contains_no_hmac_secret(self, settings, algorithm, source):
        secret = make_jwk(algorithm, now=SECONDS, not_before=SECONDS - 50)
        settings.TOKENAUTH = {
            "SECRET_KEY": {"ALGORITHM": algorithm},
            "SIGNING_KEY": {"ALGORITHM": algorithm, "SIGNING_KEY": secret["k"] * 2},
            "KEYS": {"KEYS": [secret]},
        }[source]
        response = get_jwks()
        assert (response.status_code, response.json()) == (200, {"keys": []})

    def test_jwks_contains_keys_that_only_verify(self, jwk, settings):
        other = public_jwk(private_key("ES256"))
        settings.TOKENAUTH = {"KEYS": [jwk], "VERIFYING_KEYS": [other]}
        assert [key["kty"] for key in get_jwks().json()["keys"]] == ["OKP", "EC"]

    @pytest.mark.standard("rfc7517-5-1")
    def test_jwks_contains_future_keys_but_no_expired_keys(self, settings):
        expired, signing, following = (
            {**make_jwk("EdDSA", now=SECONDS, not_before=SECONDS + start), **expiry}
            for start, expiry in ((-90, {"exp": SECONDS}), (-50, {"exp": SECONDS + 9}), (5, {}))
        )
        settings.TOKENAUTH = {"KEYS": [following, expired, signing]}
        assert kids() == [signing["kid"], following["kid"]]
        assert kids(now=after(seconds=-1))[0] == expired["kid"]
        assert kids(now=after(seconds=9)) == [following["kid"]]

    def test_jwks_adds_and_removes_keys_with_their_key_files(self, settings, tmp_path):
        first, second = (make_jwk("EdDSA", now=SECONDS, not_before=SECONDS) for _ in range(2))
        settings.TOKENAUTH = {"KEY_DIRECTORY": tmp_path}
        write_jwk(tmp_path / "first.jwk", first)
        assert kids() == [first["kid"]]
        write_jwk(tmp_path / "second.jwk", second)
        assert set(kids(now=after(seconds=POLL_INTERVAL))) == {first["kid"], second["kid"]}
        (tmp_path / "first.jwk").unlink()
        assert kids(now=after(seconds=2 * POLL_INTERVAL)) == [second["kid"]]

    @pytest.mark.attack(118)
    def test_cached_jwks_expires_before_the_next_key_signs(self, settings, tmp_path):
        settings.TOKENAUTH = {"KEY_DIRECTORY": tmp_path, "JWKS_MAX_AGE": timedelta(seconds=90)}
        write_jwk(tmp_path / "a.jwk", make_jwk("EdDSA", now=SECONDS, not_before=SECONDS))
        assert len(kids()) == 1
        with time_machine.travel(NOW, tick=False):
            call_command("tokenauth_keys", "rotate", stdout=StringIO())
        start = max(read_file(path).jwk["nbf"] for path in tmp_path.glob("*.jwk"))
        # Running processes load the new file after some seconds.
        responses = [(SECONDS + delay, get_jwks(now=after(seconds=delay))) for delay in range(60)]
        *_, (time, last) = (pair for pair in responses if len(pair[1].json()["keys"]) == 1)
        assert time < SECONDS + 59
        assert time + int(last.headers["Cache-Control"].split("max-age=")[1]) < start


@pytest.mark.usefixtures("jwk")
class TestHeaders:
    @pytest.mark.standard("rfc7517-8.5-1")
    def test_jwks_is_json_for_all_origins_without_cookies(self):
        headers = get_jwks(origin="https://app.example.com").headers
        assert headers["Content-Type"] == "application/json"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Credentials" not in headers
        assert "Set-Cookie" not in headers

    @pytest.mark.attack(118)
    @pytest.mark.parametrize("max_age", [1, 300, 86400])
    def test_jwks_cache_lifetime_is_the_jwks_max_age_setting(self, jwk, settings, max_age):
        settings.TOKENAUTH = {"KEYS": [jwk], "JWKS_MAX_AGE": timedelta(seconds=max_age)}
        assert get_jwks().headers["Cache-Control"] == f"public, max-age={max_age}"

    # A compressing proxy makes the tag weak.
    @pytest.mark.parametrize("if_none_match", ["{}", "W/{}", '"another", {}', "*"])
    def test_jwks_request_with_current_etag_returns_304(self, if_none_match):
        first = get_jwks()
        again = get_jwks(if_none_match=if_none_match.format(first.headers["ETag"]))
        assert (again.status_code, again.content) == (304, b"")
        names = ("ETag", "Cache-Control", "Access-Control-Allow-Origin")
        assert [again.headers[name] for name in names] == [first.headers[name] for name in names]

    @pytest.mark.parametrize("tag", ['"another"', '""', "nonsense", 'W/"another", "third"'])
    def test_jwks_request_with_other_etag_returns_the_body(self, tag):
        assert get_jwks(if_none_match=tag).json() == get_jwks().json()

    def test_jwks_etag_is_strong_and_changes_with_the_keys(self, settings):
        before = get_jwks().headers["ETag"]
        assert re.fullmatch('"[0-9a-f]{32}"', before)
        settings.TOKENAUTH = {"KEYS": [make_jwk("EdDSA", now=SECONDS, not_before=SECONDS)]}
        assert get_jwks().headers["ETag"] != before
        assert get_jwks(if_none_match=before).status_code == 200

    def test_jwks_etag_is_equal_for_equal_keys(self, jwk, settings):
        before = get_jwks().headers["ETag"]
        settings.TOKENAUTH = {"KEYS": {"keys": [dict(reversed(jwk.items()))]}}
        assert get_jwks().headers["ETag"] == before


@pytest.mark.usefixtures("jwk")
class TestRequests:
    def test_jwks_needs_no_sign_in_with_login_middleware(self, settings):
        settings.MIDDLEWARE = [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
        assert get_jwks().status_code == 200

    def test_jwks_needs_no_database_with_atomic_requests(self, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        assert get_jwks().status_code == 200

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
    def test_jwks_permits_only_get_and_head(self, method):
        response = getattr(Client(), method)(PATH)
        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, HEAD"
        assert response.headers["Access-Control-Allow-Origin"] == "*"

    @pytest.mark.parametrize(
        "query", ["?kid=x", "?callback=alert", "?format=html", "?" + "a" * 5000]
    )
    def test_jwks_ignores_the_query_string(self, query):
        assert Client().get(PATH + query).json() == Client().get(PATH).json()

    def test_jwks_head_equals_get_without_body_on_real_server(self):
        with serve() as address:
            whole = send_request(address, b"GET /.well-known/jwks.json HTTP/1.1")
            head = send_request(address, b"HEAD /.well-known/jwks.json HTTP/1.1")
            tag = whole.headers["ETag"].encode()
            again = send_request(
                address, b"GET /.well-known/jwks.json HTTP/1.1", b"If-None-Match: " + tag
            )
        assert (whole.status, head.status, again.status) == (200, 200, 304)
        assert len(whole.json()["keys"]) == 1
        assert (head.body, again.body) == (b"", b"")
        assert head.headers["ETag"] == whole.headers["ETag"]
        assert head.headers["Cache-Control"] == whole.headers["Cache-Control"]

    def test_jwks_is_served_under_asgi(self):
        status, headers, body = asgi_request("GET", PATH)
        assert (status, headers["access-control-allow-origin"]) == (200, "*")
        assert json.loads(body) == Client().get(PATH).json()


class TestErrors:
    @pytest.mark.parametrize(
        "values",
        [
            {"ISUER": "x"},
            {"ALGORITHM": "EdDSA"},
            {"KEY_DIRECTORY": "/no/such/folder"},
            {"KEYS": [{"kty": "oct", "k": "swordfish"}]},
        ],
    )
    def test_jwks_with_invalid_settings_returns_503_without_details(self, settings, values, caplog):
        settings.TOKENAUTH = values
        with caplog.at_level(logging.CRITICAL, "django_tokenauth"):
            response = get_jwks()
        assert (response.status_code, response.json()) == (503, UNAVAILABLE)
        assert response.headers["Cache-Control"] == "no-store"
        assert int(response.headers["Retry-After"]) > 0
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        [record] = caplog.records
        assert "TOKENAUTH cannot be used" in record.getMessage()
        assert "swordfish" not in record.getMessage()
