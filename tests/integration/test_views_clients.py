"""Who the client is, at all the endpoints that ask it (RFC 6749 section 2.3)."""

from __future__ import annotations

from urllib.parse import quote_plus, urlencode

import pytest
from django.contrib.auth.signals import user_login_failed

from django_tokenauth.models import Session
from tests.support.client import (
    BARE,
    BASIC,
    FORM,
    INVALID_CLIENT,
    INVALID_REQUEST,
    JSON,
    UNAVAILABLE,
    get,
    logged,
    malformed,
    outcome,
    post,
    sign_in,
)
from tests.support.confidential_clients import SECRETS, CountingHasher, basic, listed
from tests.support.reports import server_errors
from tests.support.signal_capture import received

PATHS = ("token/", "token/refresh/", "token/revoke/", "token/introspect/")
EACH = pytest.mark.parametrize("path", PATHS)
SECRET = SECRETS["reports"]
BODY = {"client_id": "reports", "client_secret": SECRET}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _clients(settings):
    settings.TOKENAUTH = {"CLIENTS": listed()}


@pytest.fixture
def wanted(alice):
    """What each endpoint wants besides, of a session of the client."""
    tokens = sign_in(**BODY)
    return {
        "username": "alice",
        "password": "correct horse",
        "refresh_token": tokens["refresh_token"],
        "token": tokens["access_token"],
    }


def is_no_client(answer, path):
    challenge = f"{BASIC}, {BARE}" if path == "token/introspect/" else BASIC
    return (
        outcome(answer) == (401, INVALID_CLIENT)
        and answer.headers["WWW-Authenticate"] == challenge
        and answer.headers["Cache-Control"] == "no-store"
    )


@EACH
class TestProved:
    @pytest.mark.parametrize(("content_type", "write"), [(JSON, dict), (FORM, urlencode)])
    def test_by_two_parameters_of_the_body(self, wanted, path, content_type, write):
        assert post(path, write({**wanted, **BODY}), content_type).status_code == 200

    def test_by_the_header(self, wanted, path):
        assert post(path, wanted, Authorization=basic("reports")).status_code == 200

    def test_by_the_header_with_its_name_in_the_body_too(self, wanted, path):
        body = {**wanted, "client_id": "reports", "client_secret": ""}
        assert post(path, body, Authorization=basic("reports")).status_code == 200

    @pytest.mark.parametrize("client_id", ["reports", "re:ports 50%"])
    @pytest.mark.parametrize("encode", [str, quote_plus])
    def test_by_a_header_that_is_encoded_and_by_one_that_is_not(
        self, alice, settings, path, client_id, encode
    ):
        if encode is str and ":" in client_id:
            client_id = client_id.replace(":", "")
        settings.TOKENAUTH = {"CLIENTS": listed(**{client_id: "a+b%20c: \xe9"})}
        whole = {"client_id": client_id, "client_secret": "a+b%20c: \xe9"}
        tokens = sign_in(**whole)
        wanted = {
            "username": "alice",
            "password": "correct horse",
            "refresh_token": tokens["refresh_token"],
            "token": tokens["access_token"],
        }
        header = basic(encode(client_id), encode(whole["client_secret"]))
        for _ in range(2):  # the second time from memory
            assert post("token/", wanted, Authorization=header).status_code == 200
        assert post(path, wanted, Authorization=header).status_code == 200


@EACH
@pytest.mark.attack(126)
class TestNotProved:
    @pytest.mark.parametrize(
        "body",
        [
            {"client_id": "reports"},
            {"client_id": "reports", "client_secret": ""},
            {"client_id": "reports", "client_secret": "wrong"},
            {"client_id": "reports", "client_secret": SECRET.upper()},
            {"client_id": "reports", "client_secret": f" {SECRET}"},
            {"client_id": "reports", "client_secret": SECRETS["billing"]},
            {"client_id": "nobody", "client_secret": SECRET},
        ],
    )
    def test_by_a_body_without_the_secret(self, wanted, path, body, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = post(path, {**wanted, **body})
        assert is_no_client(answer, path)

    @pytest.mark.parametrize(
        "header",
        [
            basic("reports", ""),
            basic("reports", "wrong"),
            basic("reports", SECRETS["billing"]),
            basic("nobody", SECRET),
            basic("", SECRET),
            *("Basic", "Basic x", "Basic \xe9", "basic eA=="),
        ],
    )
    def test_by_a_header_without_it(self, wanted, path, header, django_assert_num_queries):
        with django_assert_num_queries(0):
            answer = post(path, wanted, Authorization=header)
        assert is_no_client(answer, path)

    @pytest.mark.parametrize(
        ("header", "body"),
        [
            (basic("reports"), BODY),
            (basic("reports"), {"client_secret": SECRET}),
            (basic("reports"), {"client_id": "billing"}),
            (basic("reports"), {"client_id": "phone"}),
            (basic("phone", ""), {"client_id": "reports"}),
            ("", {"client_secret": SECRET}),
        ],
    )
    def test_two_ways_or_half_a_way_are_malformed(self, wanted, path, header, body):
        """RFC 6749 section 2.3: no more than one way in each request."""
        headers = {"Authorization": header} if header else {}
        assert outcome(post(path, {**wanted, **body}, **headers)) == (400, INVALID_REQUEST)

    @pytest.mark.parametrize("field", ["client_id", "client_secret"])
    @pytest.mark.parametrize(
        "value", [None, 1, [SECRET], {"a": SECRET}, "a\0b", "a\nb", "x" * 4097]
    )
    def test_a_parameter_that_cannot_be_is_named(self, wanted, path, field, value):
        answer = post(path, {**wanted, **BODY, field: value})
        assert outcome(answer) == (400, malformed(field))

    def test_in_the_query_it_does_not_count(self, wanted, path):
        query = urlencode({"client_id": "reports", "client_secret": "wrong"})
        wanted = {**wanted, "client_id": "reports"}
        assert is_no_client(post(f"{path}?{query}", wanted), path)

    def test_by_a_secret_that_is_too_long_for_the_hasher(self, wanted, path, settings):
        settings.PASSWORD_HASHERS = ["tests.support.confidential_clients.PickyHasher"]
        settings.TOKENAUTH = {"CLIENTS": listed()}
        for client_id in ("reports", "nobody"):
            pair = {"client_id": client_id, "client_secret": "x" * 73}
            assert is_no_client(post(path, {**wanted, **pair}), path)

    def test_a_secret_that_is_no_hash_is_no_fault_of_the_client(
        self, alice, path, settings, caplog
    ):
        settings.TOKENAUTH = {"CLIENTS": {"reports": f"sha${SECRET}"}}
        wanted = {"username": "x", "password": "x", "token": "x", "refresh_token": "x"}
        answer = post(path, {**wanted, **BODY})
        assert outcome(answer) == (503, UNAVAILABLE)
        [line] = logged(caplog, "CRITICAL")
        assert line.startswith("TOKENAUTH cannot be used: tokenauth.E008")
        assert SECRET not in caplog.text


class TestWithoutClients:
    """Where nobody has a secret, whoever brings one means somebody else."""

    @pytest.fixture(autouse=True)
    def _nobody(self, settings):
        settings.PASSWORD_HASHERS = ["tests.support.confidential_clients.CountingHasher"]
        settings.TOKENAUTH = {"SIGN_IN_RATE_IP": "1/min"}

    @pytest.mark.parametrize(
        ("header", "body"),
        [
            (basic("staging", "secret"), {}),
            (basic("staging", "secret"), {"client_id": "phone"}),
            ("Basic x", {}),
            ("", {"client_id": "phone", "client_secret": "secret"}),
            ("", {"client_secret": "secret"}),
        ],
    )
    def test_it_counts_for_nothing(self, alice, header, body):
        """A proxy may ask for HTTP Basic itself and pass it on, as many do before a test server."""
        headers = {"Authorization": header} if header else {}
        CountingHasher.hashed.clear()
        password = {"username": "alice", "password": "correct horse"}
        for _ in range(3):
            answer = post("token/", {**password, **body}, **headers)
            assert answer.status_code == 200
            tokens = answer.json()
            assert [
                post("token/refresh/", {**tokens, **body}, **headers).status_code,
                post("token/revoke/", {"token": tokens["access_token"]}, **headers).status_code,
                post("token/introspect/", {"token": "x", **body}, **headers).status_code,
            ] == [200, 200, 401]
        assert CountingHasher.hashed == ["correct horse"] * 3
        client_id = body.get("client_id", "django-tokenauth")
        assert set(Session.objects.values_list("client_id", flat=True)) == {client_id}


class TestSignIn:
    def client_of(self, tokens):
        return get("/auth/sessions/", tokens["access_token"]).json()[0]["client_id"]

    @pytest.mark.parametrize("secret", [{}, {"client_secret": ""}])
    def test_a_client_without_a_secret_is_a_label(self, alice, secret):
        assert self.client_of(sign_in(client_id="phone", **secret)) == "phone"

    @pytest.mark.parametrize("body", [{}, {"client_id": "phone"}])
    def test_it_may_be_in_the_header(self, alice, body):
        body = {"username": "alice", "password": "correct horse", **body}
        answer = post("token/", body, Authorization=basic("phone", ""))
        assert self.client_of(answer.json()) == "phone"

    @pytest.mark.parametrize("header", ["Basic Og==", "Bearer x", "Token x"])
    def test_a_header_that_names_nobody_is_nobody(self, alice, header):
        body = {"username": "alice", "password": "correct horse"}
        answer = post("token/", body, Authorization=header)
        assert self.client_of(answer.json()) == "django-tokenauth"

    def test_a_client_with_a_secret_is_in_the_session(self, alice):
        assert self.client_of(sign_in(**BODY)) == "reports"

    def test_the_client_comes_before_the_password(self, alice, settings):
        settings.PASSWORD_HASHERS = ["tests.support.confidential_clients.CountingHasher"]
        settings.TOKENAUTH = {"CLIENTS": listed()}
        CountingHasher.hashed.clear()
        body = {"username": "alice", "password": "wrong", "client_id": "reports"}
        with received(user_login_failed) as failures:
            assert is_no_client(post("token/", body), "token/")
        assert failures == []
        assert CountingHasher.hashed == []
        assert not Session.objects.exists()

    def test_a_client_that_is_refused_is_logged_without_its_name(self, alice, caplog):
        caplog.set_level("INFO", "django_tokenauth")
        post("token/", {"username": "alice", "password": "x", "client_id": "reports"})
        assert logged(caplog) == ["client refused"]


@pytest.mark.attack(173)
@EACH
@pytest.mark.parametrize("where", ["body", "header"])
def test_the_report_of_a_server_error_shows_no_secret(settings, path, where):
    """Django sends it to ``ADMINS`` by mail, with the variables of all functions."""
    settings.PASSWORD_HASHERS = ["tests.support.broken.BrokenHasher"]
    settings.TOKENAUTH = {"CLIENTS": listed()}
    wanted = {"username": "x", "password": "x", "token": "x", "refresh_token": "x"}
    headers = {"Authorization": basic("reports")} if where == "header" else {}
    with server_errors() as reports:
        body = wanted if where == "header" else {**wanted, **BODY}
        assert post(path, body, **headers).status_code == 500
    [report] = reports
    assert "RuntimeError" in report
    assert SECRET not in report
    assert basic("reports").removeprefix("Basic ") not in report
