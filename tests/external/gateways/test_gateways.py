"""Each gateway with its documented configuration, between a client and a service."""

from __future__ import annotations

import posixpath
import re
import socket
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import unquote

import pytest

from tests.support.http_server import TIMEOUT

BOTH = "notes:read notes:write"
GET = "GET /notes/ HTTP/1.1"
#: The status line of a response that is not interim.
FINAL_STATUS = re.compile(rb"^HTTP/1\.1 ([2-5]\d\d) ", re.MULTILINE)
REPORTS = "GET /reports/7 HTTP/1.1"
SPELLINGS = [
    *("/%72eports/7", "/reports%2F7", "//reports/7", "/./reports/7"),
    *("/notes/../reports/7", "/notes/%2e%2e/reports/7", "/notes/..%2freports/7"),
]


@pytest.fixture(scope="module")
def alice(server):
    """Return the tokens of a session with all scopes. Tests must not revoke the session."""
    return server.sign_in("alice", scope=BOTH)


@pytest.fixture(scope="module")
def bob(server):
    """Return the tokens of a session with one scope. Tests must not revoke the session."""
    return server.sign_in("bob", scope="notes:read")


def identity(server, tokens):
    claims = server.claims(tokens["access_token"])
    return [[claims["sub"]], [claims["scope"]], [claims["sid"]], []]


def altered(token):
    """Return *token* with one changed bit in the signature."""
    head, _, signature = token.rpartition(".")
    content = bytearray(urlsafe_b64decode(signature + "=="))
    content[7] ^= 1
    return f"{head}.{urlsafe_b64encode(bytes(content)).rstrip(b'=').decode()}"


REJECTED = {
    "junk": lambda server, tokens: "junk",
    "empty": lambda server, tokens: "",
    "refresh token": lambda server, tokens: tokens["refresh_token"],
    "changed signature": lambda server, tokens: altered(tokens["access_token"]),
    "expired": lambda server, tokens: server.signed(
        tokens["access_token"], iat=int(time.time()) - 302, exp=int(time.time()) - 2
    ),
    "no expiry": lambda server, tokens: server.signed(tokens["access_token"], exp=None),
    "other audience": lambda server, tokens: server.signed(tokens["access_token"], aud="notes"),
    "other issuer": lambda server, tokens: server.signed(
        tokens["access_token"], iss="https://other.example.com"
    ),
    "other kind": lambda server, tokens: server.signed(tokens["access_token"], typ="JWT"),
    "unsigned": lambda server, tokens: server.unsigned(tokens["access_token"]),
    "public key as secret": lambda server, tokens: server.signed_with_public_key(
        tokens["access_token"]
    ),
}


class TestTokens:
    def test_gateway_passes_request_and_user_of_a_valid_token(self, gateway, server, alice):
        start = "GET /notes/?page=2&scope=x HTTP/1.1"
        response, requests = gateway.send(start, token=alice["access_token"])
        assert (response.status, response.body) == (200, b"from the service"), gateway.logs()
        [request] = requests
        assert (request.method, request.path) == ("GET", "/notes/?page=2&scope=x")
        assert request.identity() == identity(server, alice)

    def test_gateway_returns_401_without_a_token(self, gateway):
        response, requests = gateway.send()
        assert (response.status, requests) == (401, [])
        assert response.challenge.startswith("Bearer")

    @pytest.mark.attack(180, 187)
    @pytest.mark.parametrize("kind", REJECTED)
    def test_gateway_returns_401_for_an_invalid_token(self, gateway, server, alice, kind):
        token = REJECTED[kind](server, alice)
        response, requests = gateway.send(token=token)
        assert (response.status, requests) == (401, [])
        assert response.challenge.startswith("Bearer")

    @pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
    def test_gateway_accepts_the_bearer_scheme_in_any_case(self, gateway, alice, scheme):
        response, _ = gateway.send(GET, f"Authorization: {scheme} {alice['access_token']}")
        assert response.status == 200

    @pytest.mark.attack(188)
    @pytest.mark.parametrize("first", [True, False])
    def test_gateway_rejects_two_authorization_headers(self, gateway, alice, bob, first):
        tokens = [alice["access_token"], bob["access_token"]]
        lines = [f"Authorization: Bearer {token}" for token in tokens[:: 1 if first else -1]]
        response, requests = gateway.send(GET, *lines)
        assert (response.status in (400, 401), requests) == (True, [])

    def test_gateway_ignores_tokens_in_query_and_cookie(self, gateway, alice):
        token = alice["access_token"]
        start = f"GET /notes/?access_token={token} HTTP/1.1"
        response, requests = gateway.send(start, f"Cookie: access_token={token}")
        assert (response.status, requests) == (401, [])

    @pytest.mark.attack(185)
    def test_gateway_rejects_a_signed_out_token_at_once(self, exact_gateway, server):
        tokens = server.sign_in()
        assert exact_gateway.send(token=tokens["access_token"])[0].status == 200
        server.sign_out(tokens)
        response, requests = exact_gateway.send(token=tokens["access_token"])
        assert (response.status, requests) == (401, [])

    @pytest.mark.attack(185)
    def test_gateway_passes_the_right_user_for_alternating_tokens(
        self, gateway, server, alice, bob
    ):
        for tokens in (alice, bob, alice, bob):
            _, [request] = gateway.send(token=tokens["access_token"])
            assert request.identity() == identity(server, tokens)
            assert gateway.send()[0].status == 401

    def test_gateway_accepts_a_token_of_seven_kilobytes(self, gateway, server, alice):
        token = server.signed(alice["access_token"], padding="x" * 5_000)
        assert 7_000 < len(token) < 8_000
        response, requests = gateway.send(token=token)
        assert response.status == 200, gateway.logs()
        assert requests[0].identity() == identity(server, alice)


class TestScope:
    def test_gateway_accepts_a_token_with_the_required_scope(self, gateway, server, alice):
        response, [request] = gateway.send(REPORTS, token=alice["access_token"])
        assert (response.status, request.path) == (200, "/reports/7")
        assert request.identity() == identity(server, alice)

    def test_gateway_rejects_a_token_without_the_required_scope(self, gateway, bob):
        response, requests = gateway.send(REPORTS, token=bob["access_token"])
        assert (response.status, requests) == (gateway.program.forbidden, [])

    @pytest.mark.attack(184)
    @pytest.mark.parametrize("query", ["?scope=notes:read", "?scope", "?status=200&scope="])
    def test_client_query_does_not_lower_the_required_scope(self, gateway, bob, query):
        start = f"GET /reports/{query} HTTP/1.1"
        response, requests = gateway.send(start, token=bob["access_token"])
        assert (response.status, requests) == (gateway.program.forbidden, [])

    def test_gateway_matches_the_required_scope_as_a_whole_name(self, gateway, server, bob):
        for scope in ("notes:writes", "xnotes:write", "a:notes:write notes:write:b"):
            token = server.signed(bob["access_token"], scope=scope)
            response, requests = gateway.send(REPORTS, token=token)
            assert (response.status, requests) == (gateway.program.forbidden, [])

    @pytest.mark.attack(184)
    @pytest.mark.parametrize("path", SPELLINGS)
    def test_gateway_requires_the_scope_for_each_path_spelling(self, gateway, bob, path):
        """WSGI servers decode a path, and some services normalize it."""
        _, requests = gateway.send(f"GET {path} HTTP/1.1", token=bob["access_token"])
        for request in requests:
            read = re.sub("/+", "/", posixpath.normpath(unquote(request.path)))
            assert not read.startswith("/reports/")

    def test_gateway_returns_401_before_it_checks_the_scope(self, gateway):
        assert gateway.send(REPORTS)[0].status == 401
        assert gateway.send(REPORTS, token="junk")[0].status == 401


FORGED = [
    "X-Auth-User: 99",
    "x-auth-user: 99",
    "X_Auth_User: 99",
    "X-Auth_User: 99",
    "X_Auth-User: 99",
    "X-Auth-Scope: admin",
    "X_Auth_Scope: admin",
    "X_AUTH-SCOPE: admin",
    "X-Auth_Scope: admin",
    "X-Auth-Session: 0f8fad5b-d9cb-469f-a165-70867728950e",
    "X_Auth_Session: 0f8fad5b-d9cb-469f-a165-70867728950e",
    "x-auth_session: 0f8fad5b-d9cb-469f-a165-70867728950e",
    "x_auth-session: 0f8fad5b-d9cb-469f-a165-70867728950e",
    "X-Auth-Actor: 98",
    "X_Auth_Actor: 98",
    "x-auth_actor: 98",
    "x_auth-actor: 98",
]


class TestHeaders:
    @pytest.mark.attack(181)
    def test_gateway_removes_forged_identity_headers(self, gateway, server, alice):
        for lines in (FORGED, FORGED * 2, *([line] for line in FORGED)):
            _, [request] = gateway.send(GET, *lines, token=alice["access_token"])
            assert request.identity() == identity(server, alice), lines

    def test_gateway_returns_401_for_forged_headers_without_token(self, gateway):
        response, requests = gateway.send(GET, *FORGED)
        assert (response.status, requests) == (401, [])

    @pytest.mark.attack(182)
    def test_gateway_removes_forged_headers_missing_in_the_response(
        self, forwarding_gateway, alice
    ):
        """The configuration removes the client's headers even if the response has none."""
        forged = {line.partition(": ")[2] for line in FORGED}
        for bare in (b"204 No Content", b"200 OK\r\nContent-Length: 0"):
            with forwarding_gateway.switch.responding(bare):
                _, requests = forwarding_gateway.send(GET, *FORGED, token=alice["access_token"])
            seen = [value for request in requests for _, value in request.headers]
            assert forged.isdisjoint(seen)
        assert requests

    @pytest.mark.attack(182)
    def test_gateway_removes_a_forged_scope_if_the_token_has_none(self, gateway, server):
        tokens = server.sign_in("bob", scope="notes:read")
        token = server.signed(tokens["access_token"], scope=None)
        response, requests = gateway.send(GET, *FORGED, token=token)
        assert response.status == 200, gateway.logs()
        user, session = server.claims(token)["sub"], server.claims(token)["sid"]
        assert requests[0].identity() == [[user], [], [session], []]

    def test_gateway_logs_contain_no_token(self, gateway, server, alice):
        gateway.send(token=alice["access_token"])
        gateway.send(token=altered(alice["access_token"]))
        gateway.send(token=alice["refresh_token"])
        for token in alice["access_token"], alice["refresh_token"]:
            assert max(token.split("."), key=len) not in gateway.logs()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
class TestMethods:
    BODY = bytes(range(256)) * 40

    @pytest.mark.attack(188)
    def test_gateway_passes_method_and_body_unchanged(self, gateway, alice, method):
        body = b"" if method in ("GET", "HEAD", "OPTIONS") else self.BODY
        lines = [f"Content-Length: {len(body)}", "Content-Type: image/png"] if body else []
        response, [request] = gateway.send(
            f"{method} /notes/ HTTP/1.1", *lines, token=alice["access_token"], body=body
        )
        assert (response.status, request.method, request.body) == (200, method, body)

    @pytest.mark.attack(188)
    def test_gateway_rejects_each_method_without_a_valid_token(self, gateway, method):
        body = b"" if method in ("GET", "HEAD", "OPTIONS") else self.BODY
        lines = [f"Content-Length: {len(body)}"] if body else []
        for token in (None, "junk"):
            start = f"{method} /notes/ HTTP/1.1"
            response, requests = gateway.send(start, *lines, token=token, body=body)
            assert (response.status, requests) == (401, [])


class TestBodies:
    @pytest.mark.attack(188)
    def test_gateway_passes_a_chunked_body_unchanged(self, gateway, alice):
        chunks = b"5\r\nhello\r\n7\r\n, alice\r\n0\r\n\r\n"
        response, [request] = gateway.send(
            "POST /notes/ HTTP/1.1",
            "Transfer-Encoding: chunked",
            token=alice["access_token"],
            body=chunks,
        )
        assert (response.status, request.body) == (200, b"hello, alice")

    @pytest.mark.attack(188)
    @pytest.mark.parametrize("valid", [True, False])
    def test_gateway_sends_final_status_after_expect_100_continue(self, gateway, alice, valid):
        token = alice["access_token"] if valid else "junk"
        head = (
            "POST /notes/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {token}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
        gateway.service.requests.clear()
        with socket.create_connection(gateway.address, timeout=TIMEOUT) as connection:
            connection.sendall(head.encode())
            received = connection.recv(65536)
            if received.startswith(b"HTTP/1.1 100"):
                connection.sendall(b"hello")
            while not (statuses := FINAL_STATUS.findall(received)):
                received += connection.recv(65536)
        assert statuses == [b"200" if valid else b"401"]
        assert [each.body for each in gateway.service.requests] == ([b"hello"] if valid else [])
