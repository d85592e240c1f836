"""What a real server makes of odd requests: headers and bodies as bytes on a socket."""

from __future__ import annotations

from functools import partial

import pytest

from django_tokenauth import services
from tests.support.client import BARE, FORM, INVALID_REQUEST, INVALID_TOKEN, JSON
from tests.support.http_server import exchange, serving

REFUSED = {"detail": "The access token is not valid."}
GOOD = b"username=alice&password=correct+horse"


@pytest.fixture
def send():
    """Sends bytes as they are and reads the answer to its end."""
    with serving() as address:
        yield partial(exchange, address)


@pytest.fixture
def token(alice):
    return services.sign_in(alice).access_token.encode()


WHO = b"GET /who/ HTTP/1.1"
STATELESS = b"GET /who/stateless/ HTTP/1.1"
BOTH = pytest.mark.parametrize("start", [WHO, STATELESS], ids=["user", "stateless"])


# The server's threads see what was committed; what is refused needs no database at all.
COMMITTED = pytest.mark.django_db(transaction=True)


@BOTH
class TestAuthorization:
    @pytest.mark.attack(106)
    @COMMITTED
    @pytest.mark.parametrize(
        "line",
        [
            b"Authorization: Bearer %s",
            b"authorization: bearer %s",
            b"AUTHORIZATION:BEARER %s",
            # RFC 9110 section 5.5: blanks around a value are not part of it.
            b"Authorization:   Bearer %s  ",
            b"Authorization:\tBearer %s\t",
        ],
    )
    def test_a_good_token(self, send, token, start, line):
        answer = send(start, line % token)
        assert answer.status == 200
        assert answer.challenge is None

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
    def test_what_is_no_bearer_token_is_no_credentials(self, send, token, start, lines):
        answer = send(start, *[line.replace(b"%s", token) for line in lines])
        assert answer.status == 401
        assert answer.challenge == BARE

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
            # Two headers, whatever the second is: the server joins them with a comma.
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
    def test_what_is_not_exactly_one_token_is_refused(self, send, token, start, lines):
        answer = send(start, *[line.replace(b"%s", token) for line in lines])
        assert (answer.status, answer.json()) == (401, REFUSED)
        assert answer.challenge == INVALID_TOKEN
        assert token not in answer.body
        assert b"script" not in answer.body

    @pytest.mark.attack(111)
    def test_a_megabyte_is_the_servers_business(self, send, token, start):
        answer = send(start, b"Authorization: Bearer " + b"x" * 100_000)
        assert answer.status == 431

    @COMMITTED
    def test_the_next_request_is_none_the_worse(self, send, token, start):
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
    def test_a_standard_client_signs_in(self, send):
        answer = send(POST, AS_FORM, length(len(GOOD)), body=GOOD)
        assert answer.status == 200
        assert answer.json()["token_type"] == "Bearer"
        assert answer.headers["Content-Type"] == JSON
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"
        assert answer.headers["Set-Cookie"] is None

    @pytest.mark.attack(120)
    @pytest.mark.parametrize(
        ("lines", "body"),
        [
            ([AS_FORM], GOOD),
            ([AS_FORM, length(0)], GOOD),
            ([AS_FORM, length("x")], GOOD),
            ([AS_FORM, length(-5)], GOOD),
            # Chunks, which wsgiref does not read.
            ([AS_FORM, b"Transfer-Encoding: chunked"], b"25\r\n" + GOOD + b"\r\n0\r\n\r\n"),
            # Cut off by the server before the password.
            ([AS_FORM, length(14)], GOOD),
        ],
    )
    def test_only_a_body_of_a_known_length_is_read(self, send, lines, body):
        answer = send(POST, *lines, body=body)
        assert answer.status == 400
        assert answer.json()["error"] == "invalid_request"

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
    def test_a_great_one_is_refused(self, send, body):
        answer = send(POST, AS_JSON, length(len(body)), body=body)
        assert (answer.status, answer.json()) == (400, INVALID_REQUEST)

    def test_a_broken_multipart_is_no_form(self, send):
        body = b"--x\r\nContent-Disposition: form-data; name=username\r\n\r\nalice"
        content_type = b"Content-Type: multipart/form-data; boundary=x"
        assert send(POST, content_type, length(len(body)), body=body).status == 415

    @COMMITTED
    @pytest.mark.usefixtures("alice")
    @pytest.mark.parametrize(
        ("agent", "noted"),
        [
            (b"curl/8.5.0", "curl/8.5.0"),
            (b"\xff\x00\x1b[2J", "\xff[2J"),
            (b"x" * 60_000, "x" * 255),
            (b"a\r\n b", "a b"),
            (b"", ""),
        ],
    )
    def test_any_user_agent_can_sign_in(self, send, agent, noted):
        answer = send(POST, AS_FORM, length(len(GOOD)), b"User-Agent: " + agent, body=GOOD)
        assert answer.status == 200
        bearer = f"Authorization: Bearer {answer.json()['access_token']}".encode()
        [session] = send(b"GET /auth/sessions/ HTTP/1.1", bearer).json()
        assert session["user_agent"] == noted
