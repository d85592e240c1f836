"""Requests as raw bytes over a socket: unusual headers and bodies."""

from __future__ import annotations

from functools import partial

import pytest

from django_tokenauth import services
from tests.support.client import BARE, FORM, INVALID_TOKEN, JSON, unreadable
from tests.support.http_server import send_request, serve
from tests.support.unsaved import issue_tokens

REJECTED = {"detail": "The access token is not valid."}
SIGN_IN = b"username=alice&password=correct+horse"


@pytest.fixture
def send():
    """Return a function that sends raw bytes to a server and reads the whole response."""
    with serve() as address:
        yield partial(send_request, address)


@pytest.fixture
def token(alice):
    return services.sign_in(alice).access_token.encode()


@pytest.fixture
def unsaved_token():
    """Return a token that is valid, but whose use is an error: its test has no database."""
    return issue_tokens().access_token.encode()


WHO = b"GET /who/ HTTP/1.1"
STATELESS = b"GET /who/stateless/ HTTP/1.1"
BOTH_VIEWS = pytest.mark.parametrize("start", [WHO, STATELESS], ids=["user", "stateless"])


# The server's threads see only committed rows. Rejected requests use no database.
COMMITTED = pytest.mark.django_db(transaction=True)


@pytest.mark.promise(4)
@pytest.mark.parametrize("path", [b"/auth/token/", b"/who/", b"/nowhere/"])
@pytest.mark.parametrize("charset", [b"base64", b"rot13", b"hex", b"zlib"])
def test_non_text_charset_with_a_query_string_returns_500(send, caplog, path, charset):
    """Django decodes the query string before it calls a middleware or a view."""
    content_type = b"Content-Type: a/b; charset=" + charset
    assert send(b"GET " + path + b"?a=b HTTP/1.1", content_type).status == 500
    # Without a query string there is nothing to decode.
    assert send(b"GET " + path + b" HTTP/1.1", content_type).status in (401, 404, 405)


@BOTH_VIEWS
class TestAuthorization:
    @pytest.mark.attack(106)
    @COMMITTED
    @pytest.mark.parametrize(
        "line",
        [
            b"Authorization: Bearer %s",
            b"authorization: bearer %s",
            b"AUTHORIZATION:BEARER %s",
            # RFC 9110 section 5.5: whitespace around a value is not part of it.
            b"Authorization:   Bearer %s  ",
            b"Authorization:\tBearer %s\t",
        ],
    )
    def test_authorization_header_ignores_case_and_outer_whitespace(self, send, token, start, line):
        response = send(start, line % token)
        assert response.status == 200
        assert response.challenge is None

    @pytest.mark.attack(108, 112)
    @pytest.mark.parametrize(
        "lines",
        [
            [],
            [b"Authorization:"],
            [b"Authorization: "],
            [b"Authorization: Basic YTpi"],
            [b"Authorization: Token %s"],
            [b"Authorization: %s"],
            [b"Authorization: Bearer%s"],
            [b"Authorization: Basic YTpi", b"Authorization: Bearer %s"],
            [b"Proxy-Authorization: Bearer %s"],
            [b"X-Authorization: Bearer %s"],
            [b"Cookie: access_token=%s; Authorization=Bearer %s"],
        ],
        ids=lambda lines: str(b" / ".join(lines)),
    )
    def test_challenge_for_a_missing_bearer_token_has_no_error_code(
        self, send, unsaved_token, start, lines
    ):
        response = send(start, *[line.replace(b"%s", unsaved_token) for line in lines])
        assert response.status == 401
        assert response.challenge == BARE

    @pytest.mark.attack(105, 107, 109, 113)
    @pytest.mark.parametrize(
        "lines",
        [
            [b"Authorization: Bearer"],
            [b"Authorization: Bearer "],
            [b"Authorization: Bearer  %s"],
            [b"Authorization: Bearer\t%s"],
            [b"Authorization: Bearer %s %s"],
            [b"Authorization: Bearer %s, %s"],
            [b"Authorization: Bearer %s,Bearer %s"],
            [b'Authorization: Bearer "%s"'],
            [b"Authorization: Bearer %s="],
            [b"Authorization: Bearer %s\x00"],
            [b"Authorization: Bearer %s\x01"],
            [b"Authorization: Bearer %s\x7f"],
            [b"Authorization: Bearer %s\xe9"],
            [b"Authorization: Bearer \xc3\xa9"],
            [b"Authorization: Bearer \xff\xfe\x9d"],
            [b"Authorization: Bearer\xa0%s"],
            # The server joins two headers with a comma.
            [b"Authorization: Bearer %s", b"Authorization: Bearer %s"],
            [b"Authorization: Bearer %s", b"authorization: Basic YTpi"],
            [b"Authorization: Bearer %s", b"Authorization:"],
            # A folded line (RFC 9112 section 5.2).
            [b"Authorization: Bearer\r\n %s"],
            [b"Authorization: Bearer\r\n\t%s"],
            [b"Authorization: Bearer %s\r\n x"],
            [b"Authorization: Bearer " + b"x" * 60_000],
            [b"Authorization: Bearer " + b"." * 60_000],
            [b'Authorization: Bearer x", error="none'],
            [b"Authorization: Bearer <script>alert(1)</script>"],
        ],
        ids=lambda lines: (
            b" / ".join(lines)[:60].decode("latin-1").encode("unicode_escape").decode()
        ),
    )
    def test_malformed_bearer_header_returns_401_invalid_token(
        self, send, unsaved_token, start, lines
    ):
        response = send(start, *[line.replace(b"%s", unsaved_token) for line in lines])
        assert (response.status, response.json()) == (401, REJECTED)
        assert response.challenge == INVALID_TOKEN
        assert unsaved_token not in response.body
        assert b"script" not in response.body

    @pytest.mark.attack(111)
    def test_header_of_100_kb_is_rejected_by_the_server(self, send, start):
        response = send(start, b"Authorization: Bearer " + b"x" * 100_000)
        assert response.status == 431

    @COMMITTED
    def test_request_after_a_malformed_header_succeeds(self, send, token, start):
        assert send(start, b"Authorization: Bearer \xff").status == 401
        assert send(start, b"Authorization: Bearer " + token).status == 200


POST = b"POST /auth/token/ HTTP/1.1"
AS_FORM = b"Content-Type: " + FORM.encode()
AS_JSON = b"Content-Type: " + JSON.encode()


def length(number):
    return f"Content-Length: {number}".encode()


class TestBody:
    @COMMITTED
    @pytest.mark.usefixtures("alice")
    def test_sign_in_with_a_form_over_a_socket_succeeds(self, send):
        response = send(POST, AS_FORM, length(len(SIGN_IN)), body=SIGN_IN)
        assert response.status == 200
        assert response.json()["token_type"] == "Bearer"
        assert response.headers["Content-Type"] == JSON
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Pragma"] == "no-cache"
        assert response.headers["Set-Cookie"] is None

    @pytest.mark.attack(120)
    @pytest.mark.parametrize(
        ("lines", "body"),
        [
            ([AS_FORM], SIGN_IN),
            ([AS_FORM, length(0)], SIGN_IN),
            ([AS_FORM, length("x")], SIGN_IN),
            ([AS_FORM, length(-5)], SIGN_IN),
            # wsgiref does not read chunks.
            ([AS_FORM, b"Transfer-Encoding: chunked"], b"25\r\n" + SIGN_IN + b"\r\n0\r\n\r\n"),
            # The server reads only the username.
            ([AS_FORM, length(14)], SIGN_IN),
        ],
    )
    def test_sign_in_without_a_valid_content_length_returns_400(self, send, lines, body):
        response = send(POST, *lines, body=body)
        assert response.status == 400
        assert response.json()["error"] == "invalid_request"

    @pytest.mark.attack(120)
    @pytest.mark.parametrize(
        "body",
        [
            b"{" * 100_000,
            b"[" * 3_000_000,
            b"\xff" * 3_000_000,
            b'{"username": "' + b"x" * 3_000_000 + b'", "password": "x"}',
        ],
        ids=lambda body: str(body[:16]),
    )
    def test_sign_in_with_a_large_or_invalid_json_body_returns_400(self, send, body):
        response = send(POST, AS_JSON, length(len(body)), body=body)
        assert (response.status, response.json()) == (400, unreadable(body))

    def test_sign_in_with_incomplete_multipart_body_returns_400(self, send):
        body = b"--x\r\nContent-Disposition: form-data; name=username\r\n\r\nalice"
        content_type = b"Content-Type: multipart/form-data; boundary=x"
        assert send(POST, content_type, length(len(body)), body=body).status == 400

    @COMMITTED
    @pytest.mark.usefixtures("alice")
    @pytest.mark.parametrize(
        ("agent", "stored"),
        [
            (b"curl/8.5.0", "curl/8.5.0"),
            (b"\xff\x00\x1b[2J", "\xff[2J"),
            (b"x" * 60_000, "x" * 255),
            (b"a\r\n b", "a b"),
            (b"", ""),
        ],
    )
    def test_user_agent_is_stored_without_control_characters(self, send, agent, stored):
        response = send(POST, AS_FORM, length(len(SIGN_IN)), b"User-Agent: " + agent, body=SIGN_IN)
        assert response.status == 200
        bearer = f"Authorization: Bearer {response.json()['access_token']}".encode()
        [session] = send(b"GET /auth/sessions/ HTTP/1.1", bearer).json()
        assert session["user_agent"] == stored
