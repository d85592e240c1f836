"""``/.well-known/jwks.json``: the public keys, for everybody and for caches."""

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
from tests.support.asgi import over_asgi
from tests.support.client import UNAVAILABLE
from tests.support.clock import NOW, after
from tests.support.http_server import exchange, serving
from tests.support.sample_keys import private_jwk, private_key, public_jwk

SECONDS = int(NOW.timestamp())
PATH = "/.well-known/jwks.json"
#: What must never be seen of a key (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2).
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def ask(now=NOW, **headers):
    with time_machine.travel(now, tick=False):
        return Client().get(PATH, headers=headers)


def kids(**options):
    return [key["kid"] for key in ask(**options).json()["keys"]]


@pytest.fixture
def jwk(settings):
    """The one key of the project."""
    jwk = make_jwk("EdDSA", now=SECONDS, not_before=SECONDS - 50)
    settings.TOKENAUTH = {"KEYS": [jwk]}
    return jwk


class TestKeys:
    @pytest.mark.standard("rfc7517-4.1-1")
    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    def test_each_says_what_it_is_and_what_it_is_for(self, settings, algorithm):
        key = private_key(algorithm)
        settings.TOKENAUTH = {"ALGORITHM": algorithm, "SIGNING_KEY": private_jwk(key)}
        [published] = ask().json()["keys"]
        kid = published.pop("kid")
        assert re.fullmatch("[A-Za-z0-9_-]{43}", kid)
        assert published == {**public_jwk(key), "alg": algorithm, "use": "sig"}

    @pytest.mark.promise(21)
    @pytest.mark.standard("rfc7517-9.2-1")
    @pytest.mark.attack(117)
    @pytest.mark.parametrize("algorithm", ASYMMETRIC_ALGORITHMS)
    def test_of_a_private_key_nothing_else_is_shown(self, settings, algorithm):
        extra = {"nbf": SECONDS - 50, "exp": SECONDS + 50, "iat": SECONDS, "x5c": ["a"], "note": 1}
        jwk = {**private_jwk(private_key(algorithm)), **extra, "alg": algorithm}
        settings.TOKENAUTH = {"KEYS": [jwk]}
        body = ask().content.decode()
        [published] = json.loads(body)["keys"]
        assert PRIVATE_MEMBERS.isdisjoint(published)
        assert set(published) - set(public_jwk(private_key(algorithm))) == {"kid", "alg", "use"}
        shown = [jwk[name] for name in PRIVATE_MEMBERS & jwk.keys() if jwk[name] in body]
        assert shown == []

    @pytest.mark.promise(21)
    @pytest.mark.standard("rfc7517-9.2-1")
    @pytest.mark.attack(117)
    @pytest.mark.parametrize("algorithm", HMAC_ALGORITHMS)
    @pytest.mark.parametrize("source", ["SECRET_KEY", "SIGNING_KEY", "KEYS"])
    def test_secrets_are_not_shown_at_all(self, settings, algorithm, source):
        secret = make_jwk(algorithm, now=SECONDS, not_before=SECONDS - 50)
        settings.TOKENAUTH = {
            "SECRET_KEY": {"ALGORITHM": algorithm},
            "SIGNING_KEY": {"ALGORITHM": algorithm, "SIGNING_KEY": secret["k"] * 2},
            "KEYS": {"KEYS": [secret]},
        }[source]
        answer = ask()
        assert (answer.status_code, answer.json()) == (200, {"keys": []})

    def test_keys_that_only_verify_are_among_them(self, jwk, settings):
        other = public_jwk(private_key("ES256"))
        settings.TOKENAUTH = {"KEYS": [jwk], "VERIFYING_KEYS": [other]}
        assert [key["kty"] for key in ask().json()["keys"]] == ["OKP", "EC"]

    @pytest.mark.standard("rfc7517-5-1")
    def test_future_keys_are_among_them_and_those_that_ended_are_not(self, settings):
        ended, signing, following = (
            {**make_jwk("EdDSA", now=SECONDS, not_before=SECONDS + begins), **end}
            for begins, end in ((-90, {"exp": SECONDS}), (-50, {"exp": SECONDS + 9}), (5, {}))
        )
        settings.TOKENAUTH = {"KEYS": [following, ended, signing]}
        assert kids() == [signing["kid"], following["kid"]]
        assert kids(now=after(seconds=-1))[0] == ended["kid"]
        assert kids(now=after(seconds=9)) == [following["kid"]]

    def test_those_in_files_are_followed(self, settings, tmp_path):
        first, second = (make_jwk("EdDSA", now=SECONDS, not_before=SECONDS) for _ in range(2))
        settings.TOKENAUTH = {"KEY_DIRECTORY": tmp_path}
        write_jwk(tmp_path / "first.jwk", first)
        assert kids() == [first["kid"]]
        write_jwk(tmp_path / "second.jwk", second)
        assert set(kids(now=after(seconds=POLL_INTERVAL))) == {first["kid"], second["kid"]}
        (tmp_path / "first.jwk").unlink()
        assert kids(now=after(seconds=2 * POLL_INTERVAL)) == [second["kid"]]

    @pytest.mark.attack(118)
    def test_nobody_keeps_an_answer_without_the_next_key_until_that_signs(self, settings, tmp_path):
        settings.TOKENAUTH = {"KEY_DIRECTORY": tmp_path, "JWKS_MAX_AGE": timedelta(seconds=90)}
        write_jwk(tmp_path / "a.jwk", make_jwk("EdDSA", now=SECONDS, not_before=SECONDS))
        assert len(kids()) == 1
        with time_machine.travel(NOW, tick=False):
            call_command("tokenauth_keys", "rotate", stdout=StringIO())
        begins = max(read_file(path).jwk["nbf"] for path in tmp_path.glob("*.jwk"))
        # Running processes see the file some seconds late.
        answers = [(SECONDS + late, ask(now=after(seconds=late))) for late in range(60)]
        *_, (asked, last) = (one for one in answers if len(one[1].json()["keys"]) == 1)
        assert asked < SECONDS + 59
        assert asked + int(last.headers["Cache-Control"].split("max-age=")[1]) < begins


@pytest.mark.usefixtures("jwk")
class TestHeaders:
    @pytest.mark.standard("rfc7517-8.5-1")
    def test_it_is_json_that_every_script_may_read(self):
        headers = ask(origin="https://app.example.com").headers
        assert headers["Content-Type"] == "application/json"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Credentials" not in headers
        assert "Set-Cookie" not in headers

    @pytest.mark.attack(118)
    @pytest.mark.parametrize("max_age", [1, 300, 86400])
    def test_it_says_how_long_it_may_be_kept(self, jwk, settings, max_age):
        settings.TOKENAUTH = {"KEYS": [jwk], "JWKS_MAX_AGE": timedelta(seconds=max_age)}
        assert ask().headers["Cache-Control"] == f"public, max-age={max_age}"

    # A proxy that compresses makes the tag a weak one.
    @pytest.mark.parametrize("asked", ["{}", "W/{}", '"another", {}', "*"])
    def test_who_has_it_already_gets_no_body(self, asked):
        first = ask()
        again = ask(if_none_match=asked.format(first.headers["ETag"]))
        assert (again.status_code, again.content) == (304, b"")
        kept = ("ETag", "Cache-Control", "Access-Control-Allow-Origin")
        assert [again.headers[name] for name in kept] == [first.headers[name] for name in kept]

    @pytest.mark.parametrize("tag", ['"another"', '""', "nonsense", 'W/"another", "third"'])
    def test_who_has_something_else_gets_it_whole(self, tag):
        assert ask(if_none_match=tag).json() == ask().json()

    def test_the_tag_is_strong_and_is_another_for_other_keys(self, settings):
        before = ask().headers["ETag"]
        assert re.fullmatch('"[0-9a-f]{32}"', before)
        settings.TOKENAUTH = {"KEYS": [make_jwk("EdDSA", now=SECONDS, not_before=SECONDS)]}
        assert ask().headers["ETag"] != before
        assert ask(if_none_match=before).status_code == 200

    def test_every_process_gives_the_same_keys_the_same_tag(self, jwk, settings):
        before = ask().headers["ETag"]
        settings.TOKENAUTH = {"KEYS": {"keys": [dict(reversed(jwk.items()))]}}
        assert ask().headers["ETag"] == before


@pytest.mark.usefixtures("jwk")
class TestRequests:
    def test_it_needs_no_sign_in_where_everything_else_does(self, settings):
        settings.MIDDLEWARE = [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.auth.middleware.LoginRequiredMiddleware",
        ]
        assert ask().status_code == 200

    def test_it_needs_no_database_where_every_request_is_a_transaction(self, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        assert ask().status_code == 200

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
    def test_it_is_only_read(self, method):
        answer = getattr(Client(), method)(PATH)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, HEAD"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"

    @pytest.mark.parametrize(
        "query", ["?kid=x", "?callback=alert", "?format=html", "?" + "a" * 5000]
    )
    def test_a_query_changes_nothing(self, query):
        assert Client().get(PATH + query).json() == Client().get(PATH).json()

    def test_over_a_real_server_a_head_is_a_get_without_its_body(self):
        with serving() as address:
            whole = exchange(address, b"GET /.well-known/jwks.json HTTP/1.1")
            head = exchange(address, b"HEAD /.well-known/jwks.json HTTP/1.1")
            tag = whole.headers["ETag"].encode()
            again = exchange(
                address, b"GET /.well-known/jwks.json HTTP/1.1", b"If-None-Match: " + tag
            )
        assert (whole.status, head.status, again.status) == (200, 200, 304)
        assert len(whole.json()["keys"]) == 1
        assert (head.body, again.body) == (b"", b"")
        assert head.headers["ETag"] == whole.headers["ETag"]
        assert head.headers["Cache-Control"] == whole.headers["Cache-Control"]

    def test_so_it_is_under_asgi(self):
        status, headers, body = over_asgi("GET", PATH)
        assert (status, headers["access-control-allow-origin"]) == (200, "*")
        assert json.loads(body) == Client().get(PATH).json()


class TestFaults:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"ISUER": "x"},
            {"ALGORITHM": "EdDSA"},
            {"KEY_DIRECTORY": "/no/such/folder"},
            {"KEYS": [{"kty": "oct", "k": "swordfish"}]},
        ],
    )
    def test_settings_that_cannot_be_used_are_a_503_that_shows_nothing(
        self, settings, wrong, caplog
    ):
        settings.TOKENAUTH = wrong
        with caplog.at_level(logging.CRITICAL, "django_tokenauth"):
            answer = ask()
        assert (answer.status_code, answer.json()) == (503, UNAVAILABLE)
        assert answer.headers["Cache-Control"] == "no-store"
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        [record] = caplog.records
        assert "TOKENAUTH cannot be used" in record.getMessage()
        assert "swordfish" not in record.getMessage()
