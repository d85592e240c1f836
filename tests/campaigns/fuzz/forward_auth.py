"""The target ``token/forward-auth/``: any method, query and ``Authorization`` header."""

from __future__ import annotations

from functools import cache
from urllib.parse import parse_qsl, quote

from hypothesis import strategies as st

from tests.campaigns.fuzz import reference
from tests.campaigns.fuzz.drafts import Draw
from tests.campaigns.fuzz.endpoints import (
    bearer_token,
    challenge_of,
    check_response,
    claims_of,
    session_errors,
)
from tests.campaigns.fuzz.inputs import GatewayRequest, Header
from tests.campaigns.fuzz.project import Response, send_request
from tests.campaigns.fuzz.requests import headers
from tests.campaigns.fuzz.servers import server
from tests.campaigns.fuzz.targets import LogCapture, require
from tests.support.client import BARE, INVALID_TOKEN
from tests.support.raw_tokens import MISSING

PATH = "/auth/token/forward-auth/"
#: The headers for the service behind the gateway.
IDENTITY = ("X-Auth-User", "X-Auth-Scope", "X-Auth-Session", "X-Auth-Actor")
_METHODS = st.sampled_from(
    [
        *["GET"] * 12,
        *("HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X\x00"),
    ]
)
_SCOPES = [
    *["notes:read", "notes:write", "notes:read%20notes:write", "notes:write+notes:read"] * 8,
    *("a", "b%20a", "unknown", "NOTES:READ", "notes:read%20unknown", "%6eotes:read"),
    *("", "+", "%20notes:read", "notes:read+", "notes:read++notes:write", "notes:read%09a"),
    *("notes:read%0D%0AX-Auth-User:%202", "%00", "notes:read%00", "%22", "a%22", "a%5C", "a\\"),
    *("%", "%zz", "%ff", "%c3%28", "\xff", "\xe9", "%ED%A0%80", "%EF%BC%A1", "a" * 4000, "a,b"),
]
_STATUSES = [
    *["200", "204"] * 8,
    *("", "401", "0", "+200", "200%20", "%20204", "0204", "204.0", "2e2", "20%30", "%32%30%30"),
    *("%EF%BC%92%EF%BC%90%EF%BC%94", "\xb204", "204%00", "true", "2" * 5000, "None"),
]
_OTHER_NAMES = [
    *("scopes", "Scope", "scope%20", "+scope", "scope[]", "scope%00", "sc%6fpe", "%73tatus"),
    *("token", "access_token", "format", "method", "a", "", "%", "\xe9", "status%0A", "\x00"),
]
_PARAMETERS = st.sampled_from(
    [
        *[f"scope={scope}" for scope in _SCOPES] * 5,
        *[f"status={status}" for status in _STATUSES] * 5,
        *(f"{name}={value}" for name in _OTHER_NAMES for value in ("a", "200", "notes:read")),
        *("scope", "status", "=", "&", "scope==", "?scope=a", "#", "scope=a;status=200"),
    ]
)
_SEPARATORS = st.sampled_from([*["&"] * 10, "&&", ";", "%26", "?", ""])
_NUMBERS = st.sampled_from([*[0] * 4, *[1] * 8, *[2] * 4, 3, 8])
_HEADERS = headers()
_IS_VALID = st.sampled_from([True, False])


@cache
def _valid_headers() -> st.SearchStrategy[Header]:
    scopes = ("notes:read notes:write", "notes:read", "a b", MISSING)
    tokens = [server("access").with_claims(scope=scope) for scope in scopes]
    return st.sampled_from(
        [Header(f"Bearer {token}", token.rpartition(".")[0]) for token in tokens]
    )


@st.composite
def gateway_requests(draw: Draw) -> GatewayRequest:
    """Generate requests. Half of them have a valid token, so that the query is reached."""
    parameters = [draw(_PARAMETERS) for _ in range(draw(_NUMBERS))]
    case = draw(_valid_headers() if draw(_IS_VALID) else _HEADERS)
    return GatewayRequest(
        draw(_METHODS), draw(_SEPARATORS).join(parameters), case.header, case.signed
    )


class ForwardAuth:
    """``token/forward-auth/``, which may return only the documented responses."""

    def __init__(self) -> None:
        self.inputs: st.SearchStrategy[GatewayRequest] = gateway_requests()
        self._server = server("access")

    def check(self, case: GatewayRequest, log: LogCapture) -> str:
        """Send one request. Return ``accepted``, or the reason of the rejection."""
        response = send_request(
            PATH,
            REQUEST_METHOD=case.method,
            QUERY_STRING=case.query,
            HTTP_AUTHORIZATION=case.header,
        )
        check_response(response, log, case.header)
        require(response.headers["Cache-Control"] == "no-store", "the response may be cached")
        if response.status not in (200, 204):
            require(not set(IDENTITY) & set(response.headers), "a rejection contains a user")
        token = bearer_token(case.header)
        if token is None:
            return self._check_unauthorized(response, BARE, 0)
        if errors := reference.find_errors(token, self._server):
            require(response.status == 401, f"an invalid token is accepted: {', '.join(errors)}")
            return self._check_unauthorized(response, challenge_of(errors), 0)
        if session_errors(token):
            return self._check_unauthorized(response, INVALID_TOKEN, 1)
        require(token.rpartition(".")[0] == case.signed, "an unsigned token was accepted")
        require(response.statements == 1, "the number of queries is not one")
        return self._check_authenticated(case, token, response)

    def _check_unauthorized(self, response: Response, challenge: str, queries: int) -> str:
        require(response.status == 401, f"unexpected status {response.status}")
        require(response.headers["WWW-Authenticate"] == challenge, "unexpected challenge")
        require(response.statements <= queries, f"the rejection took {response.statements} queries")
        return "no bearer token" if challenge == BARE else "rejected"

    def _check_authenticated(self, case: GatewayRequest, token: str, response: Response) -> str:
        claims, query = claims_of(token), parameters(case.query)
        granted = set(str(claims.get("scope", "")).split())
        scopes = [text for name, text in query if name == "scope"]
        # The last one counts, as in every QueryDict.
        [status] = [text for name, text in query if name == "status"][-1:] or ["204"]
        if (
            {name for name, _ in query} - {"scope", "status"}
            or not all(map(reference.is_scope, scopes))
            or status not in ("200", "204")
        ):
            require(response.status == 400, f"unexpected status {response.status}")
            return "bad request"
        if missing := {name for text in scopes for name in text.split(" ")} - granted:
            require(response.status == 403, f"a request without {missing} is accepted")
            challenge = response.headers["WWW-Authenticate"]
            require('error="insufficient_scope"' in challenge, "unexpected challenge")
            return "insufficient scope"
        require(response.status == int(status), f"unexpected status {response.status}")
        identity = tuple(response.headers[name] for name in IDENTITY)
        # A token with an actor is rejected, because its session has none.
        expected = (quote(claims["sub"], safe="@+:"), " ".join(sorted(granted)), claims["sid"], "")
        require(identity == expected, "the headers describe another user, scope or session")
        require(response.body == b"", "the response has a body")
        return "accepted"


def parameters(query: str) -> list[tuple[str, str]]:
    """Return the names and values of a query, whose characters are the bytes of the request."""
    data = query.encode("latin-1")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = query
    return parse_qsl(text, keep_blank_values=True)
