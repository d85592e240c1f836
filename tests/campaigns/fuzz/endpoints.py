"""Targets over HTTP: the authentication classes in views, and the token endpoints."""

from __future__ import annotations

import json
import re
import unicodedata
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from hypothesis import strategies as st

from tests.campaigns.fuzz import reference
from tests.campaigns.fuzz.inputs import Body, Header
from tests.campaigns.fuzz.project import GENERATION, Response, send_request
from tests.campaigns.fuzz.requests import bodies, headers
from tests.campaigns.fuzz.servers import server
from tests.campaigns.fuzz.targets import LogCapture, require
from tests.support.client import (
    ACCESS_TOKEN_NOT_REVOCABLE,
    BARE,
    BASIC,
    DIFFERENT_IDS,
    EXPIRED_ACCESS_TOKEN,
    EXPIRED_TOKEN,
    FORM,
    INVALID_ACCESS_TOKEN,
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    INVALID_TOKEN,
    JSON,
    NOT_JSON,
    ONE_METHOD,
    REPEATED,
    SESSION_ENDED,
    STEP_UP_REJECTED,
    TOO_LARGE,
    UNSUPPORTED_GRANT_TYPE,
    WITHOUT_ID,
    WRONG_PASSWORD,
    other_format,
)
from tests.support.client import UNSUPPORTED_CONTENT_TYPE as UNSUPPORTED
from tests.support.confidential_clients import SECRETS
from tests.support.raw_tokens import SESSION, unbase64url

# RFC 9110 section 11.1: the scheme is case-insensitive and ends at whitespace.
_BEARER = re.compile(r"(?i:bearer)(?:\s|\Z)")
_LOGGED = re.compile(
    r"django_tokenauth: ("
    r"access token rejected: [a-z_]+|refresh rejected: [a-z_]+|sign-in rejected|client rejected"
    r"|token rejected: it belongs to another client"
    r"|user 1: the password is correct|user 1 signed in(?: again)?, session [0-9a-f]{12}"
    r"|session [0-9a-f]{12} of user 1 revoked: signed_out"
    r"|refresh token is [1-9][0-9]* generations ahead of session [0-9a-f]{12} of user 1: .+"
    r"|refresh token of session [0-9a-f]{12} of user 1 reused: session revoked)\Z"
)
#: The endpoints for access tokens.
ACCESS_PATHS = ("token/verify/", "token/introspect/")
_MALFORMED = re.compile(r"These parameters are missing or malformed: [a-z_, ]+\.\Z")


def claims_of(token: str) -> dict[str, Any]:
    """Return the unverified claims of a token."""
    return reference.strict(unbase64url(token.split(".")[1]))


def challenge_of(errors: list[str]) -> str:
    """Return the challenge for an access token with these errors."""
    return EXPIRED_TOKEN if errors == ["expired"] else INVALID_TOKEN


def bearer_token(header: str) -> str | None:
    """Return the token in the value of ``Authorization``, or ``None`` for another scheme."""
    if not _BEARER.match(header):
        return None
    return header[7:] if header[6:7] == " " else ""


def session_errors(token: str) -> list[str]:
    """Return the error of a valid token that does not belong to the session of alice."""
    claims = claims_of(token)
    # No member of the staff acts as alice in this session.
    is_known = (claims["sub"], claims.get("sid")) == ("1", SESSION) and "act" not in claims
    return [] if is_known else ["the session is unknown or belongs to another user"]


class Authorization:
    """``JWTAuthentication`` or ``StatelessJWTAuthentication``, with any value of the header."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.inputs: st.SearchStrategy[Header] = headers()
        self._server = server("access")

    def check(self, case: Header, log: LogCapture) -> str:
        """Send one header. Return ``accepted``, ``rejected`` or ``no bearer token``."""
        response = send_request(self.path, REQUEST_METHOD="GET", HTTP_AUTHORIZATION=case.header)
        check_response(response, log, case.header)
        token = bearer_token(case.header)
        if token is None:
            require(response.status == 401, "a request without a bearer token is authenticated")
            require(response.headers["WWW-Authenticate"] == BARE, "the challenge contains an error")
            require(not response.statements, "a request without a token causes a query")
            return "no bearer token"
        errors = reference.find_errors(token, self._server)
        if errors:
            require(not response.statements, "an invalid token causes a query")
        elif self.path == "/who/":
            errors = session_errors(token)
        if response.status == 401:
            require(errors, "a valid token was rejected")
            expected = challenge_of(errors)
            require(response.headers["WWW-Authenticate"] == expected, "unexpected challenge")
            return "rejected"
        require(response.status == 200, f"unexpected status {response.status}")
        require(not errors, f"an invalid token is authenticated: {', '.join(errors)}")
        require(token.rpartition(".")[0] == case.signed, "an unsigned token was accepted")
        require(
            json.loads(response.body)["sub"] == claims_of(token)["sub"],
            "another user is authenticated",
        )
        return "accepted"


class Endpoint:
    """One of the token endpoints, with any body."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.inputs: st.SearchStrategy[Body] = bodies(path)

    def check(self, case: Body, log: LogCapture) -> str:
        """Send one body. Return the error of the response, or ``accepted``."""
        environ = {"CONTENT_TYPE": case.content_type, **case.environ}
        response = send_request(f"/auth/{self.path}", case.body, **environ)
        check_response(response, log, case.token)
        require(response.headers["Cache-Control"] == "no-store", "the response may be cached")
        if response.status in (405, 415):
            require(not response.statements, "an unsupported request causes a query")
            documented = response.status == 405 or json.loads(response.body) == UNSUPPORTED
            require(documented, "the error is not documented")
            return str(response.status)
        if response.status == 200 and case.environ.get("REQUEST_METHOD") == "OPTIONS":
            return "options"
        valid_kinds = [
            kind
            for kind in ("access", "refresh")
            if case.token and not reference.find_errors(case.token, server(kind))
        ]
        if case.token and not valid_kinds:
            require(not response.statements, "an invalid token causes a query")
        body = json.loads(response.body)
        if response.status == 401:
            self._check_unauthorized(response, body)
            return str(body["error"])
        if response.status == 400:
            require(is_documented(body), "the error is not documented")
            return str(body["error"])
        require(response.status == 200, f"unexpected status {response.status}")
        if self.path == "token/introspect/":
            require(is_client(case), "an unauthenticated client may introspect")
        if self.path == "token/revoke/":
            require(body == {}, "the response is not empty")
            return "accepted" if response.statements else "nothing to revoke"
        if body == {"active": False}:
            return "inactive"
        self._check_accepted(case, valid_kinds)
        return "accepted"

    def _check_unauthorized(self, response: Response, body: dict[str, Any]) -> None:
        challenge = response.headers["WWW-Authenticate"]
        if body == INVALID_CLIENT:
            require(challenge.startswith(BASIC), "unexpected challenge")
        else:
            require(self.path in ACCESS_PATHS, "the endpoint demands a bearer token")
            require(challenge in (INVALID_TOKEN, EXPIRED_TOKEN), "unexpected challenge")
        if self.path == "token/verify/":
            is_expired = challenge == EXPIRED_TOKEN
            documented = EXPIRED_ACCESS_TOKEN if is_expired else INVALID_ACCESS_TOKEN
            require(body == documented, "the error is not documented")
        else:
            require(not response.statements, "an unauthenticated client causes a query")

    def _check_accepted(self, case: Body, valid_kinds: list[str]) -> None:
        if not case.token:
            sent = parameters(case)
            require(loose_form(sent["username"]) == "alice", "another user signed in")
            require(sent["password"] == "correct horse", "a wrong password was accepted")
            return
        kind = "access" if self.path in ACCESS_PATHS else "refresh"
        require(kind in valid_kinds, "an invalid token is accepted")
        require(case.token.rpartition(".")[0] == case.signed, "an unsigned token was accepted")
        claims = claims_of(case.token)
        session = (claims["sub"], claims["sid"])
        require(session == ("1", SESSION), "the session belongs to another user")
        if kind == "refresh":
            require(claims["gen"] >= GENERATION - 1, "a used token is accepted")


def loose_form(name: str) -> str:
    """Return ``name`` as a loose collation compares it: without accents, case and spaces."""
    decomposed = unicodedata.normalize("NFKD", name)
    plain = "".join(each for each in decomposed if not unicodedata.combining(each))
    return plain.casefold().strip()


def parameters(case: Body) -> dict[str, str]:
    """Return the parameters of an accepted body."""
    if case.content_type.startswith(FORM):
        values_by_name = parse_qs(case.body.decode("latin-1"))
        return {name: values[0] for name, values in values_by_name.items()}
    return reference.strict(case.body)


def is_client(case: Body) -> bool:
    """Return whether the request has the secret of the only client."""
    header, sent = case.environ.get("HTTP_AUTHORIZATION", ""), parameters(case)
    secret = SECRETS["reports"]
    if header.startswith("Basic ") and header != "Basic Og==":
        credentials = b64decode(header[6:]).decode()
        return unquote_plus(credentials) == f"reports:{secret}"
    return (sent.get("client_id", "").strip(), sent.get("client_secret")) == ("reports", secret)


def is_documented(body: dict[str, str]) -> bool:
    """Return whether the body is a documented error of the token endpoints."""
    fixed = (
        INVALID_GRANT,
        WRONG_PASSWORD,
        SESSION_ENDED,
        STEP_UP_REJECTED,
        INVALID_SCOPE,
        INVALID_REQUEST,
        NOT_JSON,
        TOO_LARGE,
        REPEATED,
        ONE_METHOD,
        DIFFERENT_IDS,
        WITHOUT_ID,
        other_format(JSON),
        other_format(FORM),
        UNSUPPORTED_GRANT_TYPE,
        ACCESS_TOKEN_NOT_REVOCABLE,
    )
    return body in fixed or (
        body.keys() == {"error", "error_description"}
        and _MALFORMED.match(body["error_description"]) is not None
        and body["error"] == kind_of_malformed(body["error_description"])
    )


def kind_of_malformed(description: str) -> str:
    """Return the error code of a malformed parameter: ``scope`` alone has another one."""
    return "invalid_scope" if description.endswith("malformed: scope.") else "invalid_request"


def check_response(response: Response, log: LogCapture, secret: str) -> None:
    """Check the rules for every response."""
    if response.error is not None:
        raise response.error
    require(response.status < 500, f"unexpected status {response.status}")
    lines = log.drain()
    require(all(map(_LOGGED.match, lines)), f"unexpected log lines: {lines}")
    output = "\n".join(
        [*lines, str(response.headers), response.body.decode() if response.status > 200 else ""]
    )
    require(
        not any(part in output for part in pieces(secret)),
        "the response or the log contains the token",
    )


def pieces(secret: str) -> list[str]:
    """Return the parts of a token that may not appear elsewhere. Short parts occur by chance."""
    return [part for part in re.split(r"[.\s]", secret) if len(part) >= 32]
